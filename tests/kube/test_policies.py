from __future__ import annotations

from typing import Any

import pytest

from autoscaler.control.calm import Calm
from autoscaler.errors import ConflictError, NotFoundError
from autoscaler.kube.client import KubeClient
from autoscaler.kube.events import EventWriter
from autoscaler.kube.policies import Held, PolicyCache, PolicyClient, held
from autoscaler.model.claim import place
from autoscaler.model.objects import ObjectKey
from autoscaler.model.plan import EventNote, MetricStatus
from autoscaler.model.policy import Condition, Policy, TargetRef
from autoscaler.model.status import PolicyStatus
from tests.clock import FakeClock
from tests.kube.apiserver import (
    ApiServer,
    SkippingClock,
    listed,
    ok,
    refusal,
    running,
    serving,
    telemetry,
    until,
    watched,
)

LIST = "/apis/hpa-companion.dev/v1alpha1/horizontalpodscalers"
OBJECT = "/apis/hpa-companion.dev/v1alpha1/namespaces/shop/horizontalpodscalers/web"
STATUS = f"{OBJECT}/status"
WEB = ObjectKey("shop", "web")


def document(version: str = "5", generation: int = 1, uid: str = "u", **more: Any) -> dict[str, Any]:
    metadata = {
        "name": "web", "namespace": "shop", "uid": uid, "resourceVersion": version, "generation": generation,
    }  # fmt: skip
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 9}
    return {"kind": "HorizontalPodScaler", "metadata": metadata, "spec": spec, **more}


def cache(client: KubeClient) -> PolicyCache:
    return PolicyCache(client, clock=SkippingClock(), telemetry=telemetry())


async def test_policies_of_all_namespaces_are_known_and_only_new_specs_are_told() -> None:
    async with serving() as (server, client):
        events = (
            ("MODIFIED", document("11", status={"desiredReplicas": 4})),
            ("MODIFIED", document("12", generation=2)),
            ("DELETED", document("13")),
        )
        server.on(LIST, listed(document()))
        server.on(f"{LIST}?watch", watched(*events))
        policies = cache(client)
        heard = policies.policy_changes()
        told = []
        async with running(policies.run):
            await policies.wait_synced()
            assert [str(key) for key in policies.policies()] == ["shop/web"]
            told = [await anext(heard)]
            await until(lambda: not policies.policies())
        assert (told, policies.synced, policies.problem, policies.held(WEB)) == ([WEB], True, "", None)


@pytest.mark.parametrize(
    ("refused", "help_"),
    [
        pytest.param(refusal(404, "404 page not found"), "install the CustomResourceDefinition", id="without the CRD"),
        pytest.param(refusal(403, "forbidden"), "grant our account get, list and watch", id="without the right"),
    ],
)
async def test_what_is_missing_is_said_and_heals_by_itself(refused: Any, help_: str) -> None:
    async with serving() as (server, client):
        server.on(LIST, refused)
        server.on(f"{LIST}?watch", watched())
        policies = cache(client)
        async with running(policies.run):
            await until(lambda: policies.problem)
            assert help_ in policies.problem
            server.on(LIST, listed(document()))
            await until(policies.policies)
            assert policies.problem == ""


async def test_a_policy_that_cannot_be_read_is_one_that_says_so_and_claims_nothing() -> None:
    async with serving() as (server, client):
        spec = document()["spec"] | {"maxReplicas": "many"}
        server.on(LIST, listed(document(status="junk") | {"spec": spec}))
        server.on(f"{LIST}?watch", watched())
        policies = cache(client)
        async with running(policies.run):
            await policies.wait_synced()
        made = policies.policies()[WEB]
        assert made.unreadable == "spec.maxReplicas: Expected `int | null`, got `str`"
        assert (made.target.name, policies.claiming(place("shop", made.target))) == ("web", frozenset())
        kept = policies.held(WEB)
        assert kept is not None
        assert kept.status == {}


class Known:
    """A cache that nobody tells anything but what was written."""

    def __init__(self, found: Held | None) -> None:
        self.found = found

    def held(self, key: ObjectKey) -> Held | None:
        return self.found if key == WEB else None

    def learn(self, written: Held) -> None:
        self.found = written


def wire(document: dict[str, Any]) -> Held:
    return held(ok(document).body)


POLICY = wire(document()).policy


class Desk:
    """A PolicyClient whose server stores what it is sent."""

    def __init__(self, server: ApiServer, client: KubeClient, before: dict[str, Any]) -> None:
        self.server = server
        self.known = Known(wire(before))
        self.clock = FakeClock()
        self.events = EventWriter(client, self.clock, "pod-1", Calm())
        self.writer = PolicyClient(client, self.known, self.events, self.clock)

    async def write(self, policy: Policy = POLICY, **status: Any) -> None:
        await self.writer.write(policy, PolicyStatus(observed_generation=1, **status))

    @property
    def puts(self) -> list[Any]:
        return [each.document for each in self.server.asked if each.method == "PUT"]


READY = Condition(type="AbleToScale", status="True", reason="ReadyForNewScale", message="m")


async def test_a_status_goes_out_with_the_version_that_was_read_and_once() -> None:
    async with serving() as (server, client):
        desk = Desk(server, client, document("5"))
        after = {"observedGeneration": 1, "desiredReplicas": 4, "lastDecisionId": "d1"}
        server.on(STATUS, ok(document("6", status=after)), method="PUT")
        await desk.write(desired_replicas=4, last_decision="d1")
        assert desk.puts[0]["metadata"] == {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "5"}
        assert desk.puts[0]["status"] == after
        await desk.write(desired_replicas=4, last_decision="d2")
        assert len(desk.puts) == 1, "the cache lags behind, but our own answer is known: nothing new to say"


async def test_the_newer_of_cache_and_own_answer_counts() -> None:
    async with serving() as (server, client):
        desk = Desk(server, client, document("5"))
        server.on(STATUS, ok(document("6", status={"desiredReplicas": 4})), method="PUT")
        await desk.write(desired_replicas=4)
        desk.known.found = wire(document("9", status={"desiredReplicas": 1}))
        await desk.write(desired_replicas=4)
        assert [each["metadata"]["resourceVersion"] for each in desk.puts] == ["5", "9"]


async def test_new_metric_values_alone_wait_their_turn() -> None:
    async with serving() as (server, client):
        desk = Desk(server, client, document("5"))
        stored = {"observedGeneration": 1, "currentMetrics": [{"type": ""}]}
        server.on(STATUS, ok(document("6", status=stored)), method="PUT")
        await desk.write(metrics=(MetricStatus(),))
        news = (MetricStatus(type="Resource", name="cpu", utilization=7),)
        await desk.write(metrics=news)
        assert len(desk.puts) == 1
        await desk.clock.advance(15)
        await desk.write(metrics=news)
        assert len(desk.puts) == 2
        await desk.write(metrics=news, conditions=(READY,))
        assert len(desk.puts) == 3, "a condition does not wait"


async def test_a_conflict_is_resolved_once_by_reading_again() -> None:
    async with serving() as (server, client):
        desk = Desk(server, client, document("5"))
        server.on(STATUS, refusal(409, "modified"), ok(document("8")), method="PUT")
        server.on(OBJECT, ok(document("7", status={"somebodyElses": 1})))
        await desk.write(conditions=(READY,))
        assert desk.puts[1]["metadata"]["resourceVersion"] == "7"
        assert desk.puts[1]["status"]["somebodyElses"] == 1


async def test_a_second_conflict_is_the_callers() -> None:
    async with serving() as (server, client):
        desk = Desk(server, client, document("5"))
        server.on(STATUS, refusal(409, "modified"), method="PUT")
        server.on(OBJECT, ok(document("7")))
        with pytest.raises(ConflictError):
            await desk.write(conditions=(READY,))
        assert len(desk.puts) == 2


@pytest.mark.parametrize("found", [None, document(uid="another")], ids=["gone", "replaced"])
async def test_the_status_of_a_policy_that_is_no_more_is_not_written(found: dict[str, Any] | None) -> None:
    async with serving() as (server, client):
        desk = Desk(server, client, document())
        desk.known.found = None if found is None else wire(found)
        with pytest.raises(NotFoundError, match="shop/web"):
            await desk.write(conditions=(READY,))
        assert desk.puts == []


async def test_a_policy_replaced_between_conflict_and_reading_is_left_alone() -> None:
    async with serving() as (server, client):
        desk = Desk(server, client, document("5"))
        server.on(STATUS, refusal(409, "modified"), method="PUT")
        server.on(OBJECT, ok(document("7", uid="another")))
        with pytest.raises(NotFoundError, match="replaced"):
            await desk.write(conditions=(READY,))
        assert len(desk.puts) == 1


async def test_an_event_is_offered_and_never_waited_for() -> None:
    async with serving() as (server, client):
        desk = Desk(server, client, document())
        await desk.writer.event(POLICY, EventNote("Normal", "SuccessfulRescale", "New size: 4"))
        assert (desk.events.waiting, server.asked) == (1, [])


SHADOW = document("11", generation=2)
SHADOW["spec"]["mode"] = "Shadow"


@pytest.mark.parametrize(
    "after", [("MODIFIED", SHADOW), ("DELETED", document("11"))], ids=["a shadow", "one that is gone"]
)
async def test_a_policy_claims_its_target_as_long_as_it_writes(after: tuple[str, object]) -> None:
    where = place("shop", TargetRef("apps/v9", "Deployment", "web"))
    async with serving() as (server, client):
        server.on(LIST, listed(document()))
        server.on(f"{LIST}?watch", watched(after))
        policies = cache(client)
        async with running(policies.run):
            await policies.wait_synced()
            claimed = bool(policies.claiming(where))
            await until(lambda: not policies.claiming(where))
        assert claimed


async def test_who_claims_the_same_target_hears_of_another() -> None:
    second = document("11", uid="u2")
    second["metadata"]["name"] = "second"
    async with serving() as (server, client):
        server.on(LIST, listed(document()))
        server.on(f"{LIST}?watch", watched(("ADDED", second)))
        policies = cache(client)
        heard = policies.policy_changes()
        async with running(policies.run):
            await policies.wait_synced()
            told = [str(await anext(heard)) for _ in range(3)]
        assert told[0] == "shop/web", "it was listed"
        assert set(told[1:]) == {"shop/web", "shop/second"}
