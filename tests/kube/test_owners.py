from __future__ import annotations

from typing import Any

import pytest

from autoscaler.errors import ForbiddenError
from autoscaler.kube.owners import Owners
from autoscaler.model.objects import Owner
from tests.kube.apiserver import ok, refusal, serving

SET = Owner("apps/v1", "ReplicaSet", "web-5d8", "rs-1")
PATH = "/apis/apps/v1/namespaces/shop/replicasets/web-5d8"


def replica_set(uid: str = "rs-1", *owners: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "web-5d8", "namespace": "shop", "uid": uid, "ownerReferences": list(owners)}}


DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d-1", "controller": True}


async def test_the_deployment_above_a_replica_set_is_found_and_remembered() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(replica_set("rs-1", DEPLOYMENT)))
        owners = Owners(client)
        for _ in range(2):
            assert await owners.of("shop", [SET]) == {"rs-1": "d-1"}
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(refusal(404, "not found"), id="it is gone"),
        pytest.param(ok(replica_set("rs-2", DEPLOYMENT)), id="another of its name"),
        pytest.param(ok(replica_set("rs-1")), id="nobody owns it"),
        pytest.param(ok(replica_set("rs-1", DEPLOYMENT | {"controller": False})), id="nobody controls it"),
    ],
)
async def test_what_has_no_owner_has_none_and_may_have_one_later(answer: Any) -> None:
    async with serving() as (server, client):
        server.on(PATH, answer, ok(replica_set("rs-1", DEPLOYMENT)))
        owners = Owners(client)
        assert await owners.of("shop", [SET]) == {}
        assert await owners.of("shop", [SET]) == {"rs-1": "d-1"}


async def test_other_kinds_are_not_asked_for() -> None:
    async with serving() as (server, client):
        assert await Owners(client).of("shop", [Owner("batch/v1", "Job", "j", "j-1")]) == {}
        assert server.asked == []


async def test_what_we_may_not_read_is_an_error_and_not_nobody() -> None:
    async with serving() as (server, client):
        server.on(PATH, refusal(403, "forbidden"))
        with pytest.raises(ForbiddenError):
            await Owners(client).of("shop", [SET])
