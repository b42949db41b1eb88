from __future__ import annotations

from typing import Any

import pytest

from autoscaler.errors import ConflictError, ForbiddenError, KubeError, NotFoundError, UnreachableError
from autoscaler.kube.scale import ScaleClient
from autoscaler.model.objects import Scale
from autoscaler.model.policy import TargetRef
from tests.clock import FakeClock
from tests.kube.apiserver import DROPPED, Answer, ok, refusal, serving

PATH = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
WEB = TargetRef("apps/v1beta9", "Deployment", "web")
READ = Scale(namespace="shop", name="web", uid="u", resource_version="7", replicas=2, observed=2, selector="app=web")


def document(replicas: int, version: str = "7", uid: str = "u") -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": uid, "resourceVersion": version},
        "spec": {"replicas": replicas},
        "status": {"replicas": 2, "selector": "app=web"},
    }


async def test_reading_uses_the_group_and_not_the_version() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(document(2)))
        assert await ScaleClient(client, FakeClock()).read("shop", WEB) == READ


async def test_writing_carries_what_was_read_and_answers_with_what_is() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(document(5, "8")), method="PUT")
        written = await ScaleClient(client, FakeClock()).write(READ, WEB, 5)
        assert (written.replicas, written.resource_version) == (5, "8")
        assert server.asked[0].document == {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7"},
            "spec": {"replicas": 5},
        }


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(refusal(404, "not found"), NotFoundError, id="gone"),
        pytest.param(refusal(403, "forbidden"), ForbiddenError, id="no right"),
        pytest.param(refusal(409, "modified"), ConflictError, id="changed"),
        pytest.param(refusal(422, "denied by webhook"), KubeError, id="refused by a webhook"),
        pytest.param(refusal(503, "later"), UnreachableError, id="not now"),
    ],
)
async def test_a_refused_write_is_told_and_not_repeated(answer: Answer, error: type[KubeError]) -> None:
    async with serving() as (server, client):
        server.on(PATH, answer, method="PUT")
        server.on(PATH, ok(document(3, "8")))
        with pytest.raises(error):
            await ScaleClient(client, FakeClock()).write(READ, WEB, 5)
        assert [each.method for each in server.asked].count("PUT") == 1


@pytest.mark.parametrize(
    ("stands", "error"),
    [
        pytest.param(ok(document(5, "8")), None, id="it was applied"),
        pytest.param(ok(document(2)), UnreachableError, id="it was not applied"),
        pytest.param(ok(document(5, "8", uid="new")), UnreachableError, id="the target was made anew"),
        pytest.param(DROPPED, UnreachableError, id="nobody knows"),
    ],
)
async def test_s09_a_write_whose_answer_is_lost_is_judged_by_what_stands_there(
    stands: Answer, error: type[KubeError] | None
) -> None:
    async with serving() as (server, client):
        server.on(PATH, DROPPED, method="PUT")
        server.on(PATH, stands)
        scaler = ScaleClient(client, FakeClock())
        if error is None:
            assert (await scaler.write(READ, WEB, 5)).replicas == 5
        else:
            with pytest.raises(error):
                await scaler.write(READ, WEB, 5)


async def test_every_version_is_tried_and_the_one_that_worked_is_written() -> None:
    async with serving() as (server, client):
        server.on("/apis/x.io", ok({"versions": [{"version": "v2"}, {"version": "v1"}]}))
        for version in ("v1", "v2"):
            listing = {"resources": [{"name": "things", "kind": "Thing"}, {"name": "things/scale", "kind": "Scale"}]}
            server.on(f"/apis/x.io/{version}", ok(listing))
        old = "/apis/x.io/v1/namespaces/shop/things/web/scale"
        server.on(old, ok(document(2)))
        server.on(old, ok(document(3)), method="PUT")
        scaler, thing = ScaleClient(client, FakeClock()), TargetRef("x.io/v2", "Thing", "web")
        assert (await scaler.write(await scaler.read("shop", thing), thing, 3)).replicas == 3


async def test_the_first_failure_is_the_one_to_tell() -> None:
    async with serving() as (server, client):
        server.on(PATH, refusal(403, "not allowed here"))
        with pytest.raises(ForbiddenError, match="not allowed here"):
            await ScaleClient(client, FakeClock()).read("shop", WEB)


@pytest.mark.parametrize("name", ["../../../secrets/x", "a/b", ""])
async def test_a_name_cannot_leave_its_place(name: str) -> None:
    async with serving() as (server, client):
        with pytest.raises(KubeError, match="cannot be the name"):
            await ScaleClient(client, FakeClock()).read("shop", TargetRef("apps/v1", "Deployment", name))
        assert server.asked == []
