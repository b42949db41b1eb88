from __future__ import annotations

import asyncio
import re

import pytest
from msgspec.structs import replace

from autoscaler.control.calm import Calm
from autoscaler.kube.events import BURST, QUEUE, REFILL_SECONDS, REPEAT_SECONDS, Allowance, EventWriter
from autoscaler.model.objects import Node, NodeName
from autoscaler.model.plan import EventNote
from autoscaler.model.policy import Policy, TargetRef
from tests.clock import FakeClock
from tests.kube.apiserver import ok, refusal, running, serving, until

POLICY = Policy(
    kind="HorizontalPodScaler", namespace="shop", name="web", uid="u", resource_version="7",
    target=TargetRef("apps/v1", "Deployment", "web"),
)  # fmt: skip
PATH = "/apis/events.k8s.io/v1/namespaces/shop/events"
API = "hpa-companion.dev/v1alpha1"


def note(message: str = "New size: 3", kind: str = "Normal", reason: str = "SuccessfulRescale") -> EventNote:
    return EventNote(kind, reason, message)


def test_a_burst_is_spent_and_comes_back_slowly() -> None:
    allowance = Allowance(0)
    assert [allowance.grants(note(str(n)), 0) for n in range(BURST + 1)] == [True] * BURST + [False]
    assert not allowance.grants(note(), REFILL_SECONDS / 2)
    assert allowance.grants(note(), REFILL_SECONDS)


def test_a_warning_is_not_repeated_until_it_changes_or_its_event_is_gone() -> None:
    allowance = Allowance(0)
    warning, other = note("no metrics", "Warning", "FailedGet"), note("no pods", "Warning", "FailedGet")
    assert [allowance.grants(each, 0) for each in (warning, warning, other, warning)] == [True, False, True, True]
    assert not allowance.grants(warning, REPEAT_SECONDS - 1)
    assert allowance.grants(warning, REPEAT_SECONDS)


def test_a_rescale_is_news_even_in_the_same_words() -> None:
    allowance = Allowance(0)
    assert allowance.grants(note(), 0)
    assert allowance.grants(note(), 1)


async def test_an_event_regards_its_policy() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok({}, 201), method="POST")
        writer = EventWriter(client, FakeClock(), "pod-1", Calm())
        async with running(writer.run):
            writer.offer(POLICY, API, note("x" * 2000))
            await until(lambda: server.asked)
    sent = server.asked[0].document
    assert sent["regarding"] == {
        "apiVersion": API, "kind": "HorizontalPodScaler", "namespace": "shop", "name": "web", "uid": "u",
        "resourceVersion": "7",
    }  # fmt: skip
    assert (sent["type"], sent["reason"], sent["reportingInstance"]) == ("Normal", "SuccessfulRescale", "pod-1")
    assert sent["metadata"]["name"].startswith("web.")
    assert (len(sent["note"]), sent["note"][-1]) == (1024, "…")


@pytest.mark.parametrize("name", ["x" * 253, "a." * 126, "a" * 199 + ".b", "a" * 199 + "-b"])
async def test_c10_the_event_of_a_long_name_has_a_name_that_is_taken(name: str) -> None:
    """A DNS subdomain: 253 characters at most, and none of its parts empty or with a dash at an end."""
    async with serving() as (server, client):
        server.on(PATH, ok({}, 201), method="POST")
        writer = EventWriter(client, FakeClock(), "pod-1", Calm())
        async with running(writer.run):
            writer.offer(replace(POLICY, name=name), API, note("x"))
            await until(lambda: server.asked)
    sent = server.asked[0].document
    assert sent["regarding"]["name"] == name
    assert len(sent["metadata"]["name"]) <= 253
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", sent["metadata"]["name"])


async def test_k23_k27_a_warning_about_a_node_is_said_once_an_hour_where_events_of_nodes_live() -> None:
    clock, node = FakeClock(), Node(name=NodeName("n1"), uid="u1")
    async with serving() as (server, client):
        server.on("/apis/events.k8s.io/v1/namespaces/default/events", ok({}, 201), method="POST")
        writer = EventWriter(client, clock, "pod-1", Calm())
        async with running(writer.run):
            for _ in range(3):
                writer.warn(node, "ForeignPods", "it reports others' pods")
                await clock.advance(REPEAT_SECONDS / 2)
            await until(lambda: len(server.asked) == 2)
    sent = server.asked[0].document
    assert sent["regarding"] == {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u1"}
    assert (sent["metadata"]["namespace"], sent["type"], sent["reason"]) == ("default", "Warning", "ForeignPods")


@pytest.mark.parametrize(("uid", "known"), [("u1", {"uid": "u1"}), ("", {})])
async def test_a33_a_warning_about_an_apiservice_shows_where_it_is_described(uid: str, known: dict[str, str]) -> None:
    async with serving() as (server, client):
        server.on("/apis/events.k8s.io/v1/namespaces/default/events", ok({}, 201), method="POST")
        writer = EventWriter(client, FakeClock(), "pod-1", Calm())
        async with running(writer.run):
            for _ in range(2):
                writer.warn_of_service("v1.metrics.k8s.io", uid, "TurnedAway", "it points elsewhere")
            await until(lambda: server.asked and not writer.waiting)
    [sent] = [each.document for each in server.asked]
    assert sent["regarding"] == {
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "name": "v1.metrics.k8s.io", **known,
    }  # fmt: skip
    assert (sent["type"], sent["reason"]) == ("Warning", "TurnedAway")


async def test_s24_a_refused_event_is_dropped_and_the_next_one_is_sent() -> None:
    async with serving() as (server, client):
        server.on(PATH, refusal(403, "no"), refusal(403, "no"), ok({}, 201), method="POST")
        writer = EventWriter(client, FakeClock(), "pod-1", Calm())
        async with running(writer.run):
            for n in range(3):
                writer.offer(POLICY, API, note(str(n)))
            await until(lambda: len(server.asked) == 3)
    assert [each.document["note"] for each in server.asked] == ["0", "1", "2"]


async def test_a_flood_while_nothing_is_sent_does_not_grow_without_end() -> None:
    async with serving() as (_, client):
        writer = EventWriter(client, FakeClock(), "pod-1", Calm())
        for n in range(1200):
            writer.forget(POLICY.key)
            writer.offer(POLICY, API, note(str(n)))
        assert writer.waiting == 1000


async def test_while_others_come_first_events_wait() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok({}, 201), method="POST")
        calm = Calm()
        writer = EventWriter(client, FakeClock(), "pod-1", calm)
        async with running(writer.run):
            with calm.waiting():
                writer.offer(POLICY, API, note())
                for _ in range(100):
                    await asyncio.sleep(0)
                assert server.asked == []
            await until(lambda: server.asked)


async def test_with_the_room_half_taken_they_are_sent_all_the_same() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok({}, 201), method="POST")
        calm = Calm()
        writer = EventWriter(client, FakeClock(), "pod-1", calm)
        with calm.waiting():
            for number in range(QUEUE):
                writer.offer(replace(POLICY, name=f"web-{number}"), API, note())
            async with running(writer.run):
                await until(lambda: server.asked)


async def test_a_rival_of_the_same_name_hears_of_it_once() -> None:
    rival = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "namespace": "shop", "name": "web"}
    async with serving() as (server, client):
        server.on(PATH, ok({}, 201), method="POST")
        writer = EventWriter(client, FakeClock(), "pod-1", Calm())
        async with running(writer.run):
            writer.offer(POLICY, API, note("scaled twice", "Warning", "ClaimedTwice"))
            for _ in range(2):
                writer.warn_of_rival(rival, "scaled twice")
            await until(lambda: len(server.asked) == 2 and not writer.waiting)
    sent = server.asked[1].document
    assert sent["regarding"] == rival
    assert (sent["type"], sent["reason"], sent["note"]) == ("Warning", "ClaimedTwice", "scaled twice")
