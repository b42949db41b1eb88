from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from autoscaler.errors import ConflictError, ForbiddenError, KubeError, NotFoundError, UnreachableError
from autoscaler.kube.scale import ScaleClient
from autoscaler.model.objects import ObjectKey, Scale
from autoscaler.model.policy import TargetRef
from tests.clock import FakeClock
from tests.kube.apiserver import DROPPED, Answer, ok, refusal, serving

PATH = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
WEB = TargetRef("apps/v1beta9", "Deployment", "web")
READ = Scale(namespace="shop", name="web", uid="u", resource_version="7", replicas=2, observed=2, selector="app=web")


class Known(dict[ObjectKey, Scale]):
    """What a watch has."""

    def scale(self, key: ObjectKey) -> Scale | None:
        return self.get(key)


NOTHING = Known()


def document(replicas: int, version: str = "7", uid: str = "u") -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": uid, "resourceVersion": version},
        "spec": {"replicas": replicas},
        "status": {"replicas": 2, "selector": "app=web"},
    }


async def test_reading_uses_the_group_and_not_the_version() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(document(2)))
        assert await ScaleClient(client, NOTHING, FakeClock()).read("shop", WEB) == READ


async def test_writing_carries_what_was_read_and_answers_with_what_is() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(document(5, "8")), method="PUT")
        written = await ScaleClient(client, NOTHING, FakeClock()).write(READ, WEB, 5)
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
            await ScaleClient(client, NOTHING, FakeClock()).write(READ, WEB, 5)
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
        scaler = ScaleClient(client, NOTHING, FakeClock())
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
        scaler, thing = ScaleClient(client, NOTHING, FakeClock()), TargetRef("x.io/v2", "Thing", "web")
        assert (await scaler.write(await scaler.read("shop", thing), thing, 3)).replicas == 3


async def test_the_first_failure_is_the_one_to_tell() -> None:
    async with serving() as (server, client):
        server.on(PATH, refusal(403, "not allowed here"))
        with pytest.raises(ForbiddenError, match="not allowed here"):
            await ScaleClient(client, NOTHING, FakeClock()).read("shop", WEB)


@pytest.mark.parametrize("name", ["../../../secrets/x", "a/b", ""])
async def test_a_name_cannot_leave_its_place(name: str) -> None:
    async with serving() as (server, client):
        with pytest.raises(KubeError, match="cannot be the name"):
            await ScaleClient(client, NOTHING, FakeClock()).read("shop", TargetRef("apps/v1", "Deployment", name))
        assert server.asked == []


KEY = ObjectKey("shop", "web")


async def test_what_a_watch_knows_is_not_asked_for() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(document(3, "8")))
        scaler = ScaleClient(client, Known({KEY: READ}), FakeClock())
        assert await scaler.read("shop", WEB) == READ
        assert server.asked == []
        assert (await scaler.read("shop", WEB, live=True)).replicas == 3
        assert (await scaler.read("shop", WEB)).replicas == 3, "the watch is behind what was asked"


async def test_a_kind_without_a_watch_is_asked_for() -> None:
    async with serving() as (server, client):
        server.on(PATH.replace("deployments", "statefulsets"), ok(document(3)))
        scaler = ScaleClient(client, Known({KEY: READ}), FakeClock())
        assert (await scaler.read("shop", TargetRef("apps/v1", "StatefulSet", "web"))).replicas == 3


async def test_our_own_write_goes_before_a_watch_that_is_behind_and_no_longer() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(document(5, "8")), method="PUT")
        known = Known({KEY: READ})
        scaler = ScaleClient(client, known, FakeClock())
        await scaler.write(READ, WEB, 5)
        assert (await scaler.read("shop", WEB)).replicas == 5
        known[KEY] = replace(READ, replicas=3, resource_version="9")
        assert (await scaler.read("shop", WEB)).replicas == 3


@pytest.mark.parametrize("readable", [True, False])
async def test_what_refused_a_write_is_what_the_next_decision_is_made_from(readable: bool) -> None:
    async with serving() as (server, client):
        server.on(PATH, refusal(409, "modified"), method="PUT")
        server.on(PATH, *([] if readable else [DROPPED, DROPPED]), ok(document(3, "8")))
        scaler = ScaleClient(client, Known({KEY: READ}), FakeClock())
        with pytest.raises(ConflictError):
            await scaler.write(READ, WEB, 5)
        assert (await scaler.read("shop", WEB)).replicas == 3
