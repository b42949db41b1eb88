from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from autoscaler.errors import ForbiddenError
from autoscaler.kube import decode
from autoscaler.kube.client import KubeClient
from autoscaler.kube.watch import STEADY, Pace, Resource, State, Watch
from autoscaler.model.objects import Pod
from tests.kube.apiserver import (
    DROPPED,
    Answer,
    ApiServer,
    SkippingClock,
    listed,
    ok,
    pod,
    refusal,
    running,
    serving,
    telemetry,
    until,
    watched,
)

PATH = "/api/v1/pods"
WATCH = f"{PATH}?watch"
HANG = watched(end="hang")
TOO_OLD = watched(("ERROR", {"code": 410, "message": "too old resource version: 1 (2)"}), end="close")


class Bench:
    """A watch of pods on a scripted server."""

    def __init__(self, server: ApiServer, client: KubeClient) -> None:
        self.server = server
        self.client = client
        self.clock = SkippingClock()
        self.told: list[tuple[str, str]] = []
        self.watch = self.make()

    def make(self, pace: Pace = STEADY) -> Watch[Pod]:
        resource = Resource("pods", PATH, decode.pod)
        return Watch(self.client, resource, self._changed, clock=self.clock, telemetry=telemetry(), pace=pace)

    def _changed(self, old: Pod | None, new: Pod | None) -> None:
        self.told.append((f"{old.name}@{old.resource_version}" if old else "", new.name if new else ""))

    @property
    def names(self) -> list[str]:
        return sorted(name for _, name in self.watch.items)

    @property
    def lists(self) -> int:
        return len(self.server.queries(PATH, watch=False))

    @property
    def watches(self) -> list[str]:
        return [query["resourceVersion"] for query in self.server.queries(PATH, watch=True)]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with serving() as (server, client):
        yield Bench(server, client)


async def test_a_list_comes_in_pages_and_the_watch_goes_on_from_it(bench: Bench) -> None:
    bench.server.on(PATH, listed(pod("a"), more="next"), listed(pod("b"), version="10"))
    bench.server.on(WATCH, watched(("ADDED", pod("c", "11"))))
    async with running(bench.watch.run):
        await until(lambda: bench.names == ["a", "b", "c"])
    first, second = bench.server.queries(PATH, watch=False)
    assert first == {"limit": "500"}, "no resourceVersion: a consistent read, not a lagging cache's"
    assert second == {"limit": "500", "continue": "next"}
    asked = bench.server.queries(PATH, watch=True)[0]
    assert (asked["resourceVersion"], asked["allowWatchBookmarks"]) == ("10", "true")
    assert 300 <= int(asked["timeoutSeconds"]) <= 600
    assert (bench.watch.synced, bench.watch.state, bench.watch.problem) == (True, State.SYNCED, "")


async def test_s01_a_watch_that_ends_is_resumed_from_the_last_bookmark(bench: Bench) -> None:
    bookmark = ("BOOKMARK", {"metadata": {"resourceVersion": "25"}})
    bench.server.on(PATH, listed(pod("a")))
    bench.server.on(WATCH, watched(("MODIFIED", pod("a", "12")), bookmark, end="close"), HANG)
    async with running(bench.watch.run):
        await until(lambda: len(bench.watches) == 2)
    assert (bench.watches, bench.lists) == (["10", "25"], 1)


async def test_s01_a_watch_torn_in_the_middle_of_a_line_is_resumed_without_loss(bench: Bench) -> None:
    bench.server.on(PATH, listed())
    bench.server.on(WATCH, watched(("ADDED", pod("a", "11")), end="tear"), watched(("ADDED", pod("b", "12"))))
    async with running(bench.watch.run):
        await until(lambda: bench.names == ["a", "b"])
    assert (bench.watches, bench.lists) == (["10", "11"], 1)
    assert bench.told == [("", "a"), ("", "b")]


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(TOO_OLD, id="410 inside the watch"),
        pytest.param(refusal(410, "Expired"), id="410 for the watch"),
        pytest.param(watched(("ERROR", {"code": 500, "message": "etcd"}), end="close"), id="another error inside"),
        pytest.param(refusal(504, "Too large resource version: 10, current: 3"), id="a version from the future"),
        pytest.param(Answer(lines=(b"<html>",), end="hang"), id="a line that is no JSON"),
    ],
)
async def test_s01_s04_a_lost_place_costs_one_list_which_repairs_a_missed_delete(bench: Bench, lost: Answer) -> None:
    bench.server.on(PATH, listed(pod("a"), pod("gone")), listed(pod("a"), pod("b", "15"), version="20"))
    bench.server.on(WATCH, lost, HANG)
    async with running(bench.watch.run):
        await until(lambda: bench.watches == ["10", "20"])
    assert (bench.names, bench.lists) == (["a", "b"], 2)
    assert bench.told == [("", "a"), ("", "gone"), ("", "b"), ("gone@1", "")]
    assert 0 <= bench.clock.slept[-1] <= STEADY.jitter


async def test_s20_an_expired_continue_starts_the_list_anew(bench: Bench) -> None:
    bench.server.on(PATH, listed(pod("a"), more="old"), refusal(410, "Expired"), listed(pod("b"), version="30"))
    bench.server.on(WATCH, HANG)
    async with running(bench.watch.run):
        await until(lambda: bench.watches)
    assert (bench.names, bench.watches) == (["b"], ["30"])


@pytest.mark.parametrize(
    ("answer", "state", "text"),
    [
        pytest.param(refusal(403, "pods is forbidden"), State.FORBIDDEN, "grant our account", id="no right"),
        pytest.param(refusal(404, "nothing here"), State.ABSENT, "address right", id="no such resource"),
        pytest.param(refusal(500, "etcd leader changed"), State.UNREACHABLE, "etcd leader changed", id="a 500"),
        pytest.param(ok("not a list"), State.UNREACHABLE, "Expected `object`", id="an answer that is no list"),
        pytest.param(DROPPED, State.UNREACHABLE, "GET /api/v1/pods", id="no answer"),
    ],
)
async def test_a_refusal_is_a_state_that_heals(bench: Bench, answer: Answer, state: State, text: str) -> None:
    bench.server.on(PATH, answer)
    bench.server.on(WATCH, HANG)
    async with running(bench.watch.run):
        await until(lambda: bench.watch.state is state)
        assert text in bench.watch.problem
        assert not bench.watch.synced
        bench.server.on(PATH, listed(pod("a")))
        await bench.watch.wait_synced()
        assert (bench.watch.state, bench.watch.problem, bench.names) == (State.SYNCED, "", ["a"])


async def test_a_resource_that_is_removed_takes_its_objects_with_it(bench: Bench) -> None:
    bench.server.on(PATH, listed(pod("a")), refusal(404, "gone"))
    bench.server.on(WATCH, refusal(404, "gone"))
    async with running(bench.watch.run):
        await until(lambda: bench.watch.state is State.ABSENT)
    assert (bench.names, bench.told[-1]) == ([], ("a@1", ""))


async def test_a_right_that_is_taken_away_keeps_what_is_known(bench: Bench) -> None:
    bench.server.on(PATH, listed(pod("a")))
    bench.server.on(WATCH, refusal(403, "no longer"))
    async with running(bench.watch.run):
        await until(lambda: bench.watch.state is State.FORBIDDEN)
    assert (bench.names, bench.lists, bench.watch.synced) == (["a"], 1, True)


async def test_s05_pauses_grow_up_to_a_cap_and_start_over_after_a_success(bench: Bench) -> None:
    bench.server.on(PATH, *[refusal(500, "x")] * 12, listed())
    bench.server.on(WATCH, *[refusal(500, "x")] * 2, HANG)
    async with running(bench.watch.run):
        await until(lambda: len(bench.watches) == 3)
    pauses, later = bench.clock.slept[:12], bench.clock.slept[12:]
    assert pauses[:3] == sorted(pauses[:3])
    assert 0.5 <= pauses[0] <= 1.0
    assert pauses[-1] == STEADY.longest_backoff
    assert 0.5 <= later[0] <= 1.0


@pytest.mark.parametrize(("asked", "slept"), [("20", 20.0), ("86400", 60.0)])
async def test_s05_a_pause_is_as_long_as_the_server_asks_within_reason(bench: Bench, asked: str, slept: float) -> None:
    bench.server.on(PATH, refusal(429, "busy", headers={"Retry-After": asked}), listed())
    bench.server.on(WATCH, HANG)
    async with running(bench.watch.run):
        await until(lambda: bench.watches)
    assert bench.clock.slept[0] == slept


async def test_s02_a_silent_watch_is_reopened_from_where_it_was(bench: Bench) -> None:
    bench.watch = bench.make(Pace(silence=0.05))
    bench.server.on(PATH, listed())
    bench.server.on(WATCH, HANG, watched(("ADDED", pod("a", "11"))))
    async with running(bench.watch.run):
        await until(lambda: bench.names == ["a"])
    assert (bench.watches[:2], bench.lists) == (["10", "10"], 1)


async def test_a_watch_that_ends_at_once_is_not_reopened_at_once(bench: Bench) -> None:
    bench.server.on(PATH, listed())
    bench.server.on(WATCH, *[watched(end="close")] * 3, HANG)
    async with running(bench.watch.run):
        await until(lambda: len(bench.watches) == 4)
    assert len(bench.clock.slept) == 3
    assert all(STEADY.short / 2 <= pause <= STEADY.short for pause in bench.clock.slept)


async def test_s03_s12_a_lagging_answer_is_not_believed_until_it_insists(bench: Bench) -> None:
    past = listed(pod("a", "3"), version="5")
    bench.server.on(PATH, listed(pod("a", "90"), version="100"), past, past, past)
    bench.server.on(WATCH, TOO_OLD, HANG)
    async with running(bench.watch.run):
        await until(lambda: bench.watch.state is State.UNREACHABLE)
        assert bench.watch.items["shop", "a"].resource_version == "90"
        await until(lambda: len(bench.watches) == 2)
    assert (bench.watches, bench.watch.items["shop", "a"].resource_version) == (["100", "5"], "3")


async def test_a_page_that_is_too_large_is_asked_for_in_halves(bench: Bench) -> None:
    bench.watch = bench.make(Pace(page_bytes=300))
    bench.server.on(PATH, listed(*[pod(f"p{n}") for n in range(9)]), listed(pod("a")))
    bench.server.on(WATCH, HANG)
    async with running(bench.watch.run):
        await until(lambda: bench.names == ["a"])
    assert [query["limit"] for query in bench.server.queries(PATH, watch=False)] == ["500", "250"]


async def test_a_broken_object_is_named(bench: Bench) -> None:
    bench.server.on(PATH, listed({"metadata": {"name": "odd", "namespace": "shop"}, "spec": 7}, pod("a")))
    bench.server.on(WATCH, HANG)
    async with running(bench.watch.run):
        await until(lambda: bench.watches)
    assert (bench.names, list(bench.watch.broken)) == (["a"], [("shop", "odd")])


HELD_SECONDS = 0.1
"""What the event loop may be held for, of the processor's time."""


class Large:
    """A client whose only list is this."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def get(self, path: str, params: object = (), **limits: object) -> bytes:
        return self._body

    def lines(self, path: str, params: object, *, silence: float) -> object:
        raise ForbiddenError("no watch here", status=403)


async def test_p13_fifty_megabytes_of_list_do_not_hold_the_loop() -> None:
    annotations = {f"a{number}": "x" * 900 for number in range(110)}
    items = [pod(f"p{number}", metadata={"annotations": annotations}) for number in range(500)]
    body = listed(*items).body
    assert len(body) > 50_000_000
    resource, pace = Resource("pods", PATH, decode.pod), STEADY
    watch = Watch(
        Large(body), resource, lambda _old, _new: None, clock=SkippingClock(), telemetry=telemetry(), pace=pace
    )  # type: ignore[arg-type]  # what it uses of it
    longest = 0.0
    async with running(watch.run):
        while not watch.synced:
            begun = time.process_time()
            await asyncio.sleep(0)
            longest = max(longest, time.process_time() - begun)
    assert len(watch.items) == 500
    assert 0.0 < longest < HELD_SECONDS
