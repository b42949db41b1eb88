"""Kubelets that are away, come back, flap, or are replaced: who is scraped when, and what is served meanwhile."""

import asyncio
from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from structlog.testing import capture_logs

from autoscaler.engine.schedule import LONGEST_SECONDS
from autoscaler.engine.scraper import CONCURRENCY
from autoscaler.engine.store import KEPT_RESOLUTIONS
from autoscaler.engine.warmup import Warmup
from autoscaler.errors import ScrapeReason
from autoscaler.model.metrics import Source
from autoscaler.model.objects import Node
from tests.clock import FakeClock
from tests.engine.scraping import RESOLUTION, Answer, World, failing, hanging, node

NODES = [f"n{number}" for number in range(10)]


async def test_k01_a_node_that_fails_is_served_up_to_the_bound_and_then_left_out_while_the_others_go_on() -> None:
    world = World(*NODES)
    async with world.scraping():
        await world.clock.advance(60)
        world.answers["n0"] = failing(ScrapeReason.CONNECT)
        world.answers["n1"] = failing(ScrapeReason.TIMEOUT)
        seen = {name: len(world.times(name)) for name in NODES}
        await world.clock.advance(RESOLUTION)
        assert world.count("autoscaler_scrape_errors_total", reason="timeout") >= 1
        assert all(world.store.node_usage(name) for name in NODES)
        await world.clock.advance(KEPT_RESOLUTIONS * RESOLUTION)
    assert [name for name in NODES if world.store.node_usage(name) is None] == ["n0", "n1"]
    assert all(len(world.times(name)) - seen[name] == 4 for name in NODES[2:])


async def test_k01_however_many_nodes_hang_the_others_keep_their_turns() -> None:
    """Every place but those kept for the healthy would be taken: 90 of 100 hang, each for 8 s of every turn."""
    names = [f"n{number}" for number in range(100)]
    world = World(*names)

    async def slow(one: Node, source: Source) -> bytes:
        await world.clock.sleep(8)
        return await failing(ScrapeReason.TIMEOUT)(one, source)

    world.answers = dict.fromkeys(names[10:], slow)
    async with world.scraping(concurrency=8):
        await world.clock.advance(20 * RESOLUTION)
        seen = {name: len(world.times(name)) for name in names[:10]}
        await world.clock.advance(4 * RESOLUTION)
        assert all(len(world.times(name)) - seen[name] == 4 for name in names[:10])
    assert all(world.store.node_usage(name) for name in names[:10])


class Everything:
    """An inventory that is complete."""

    synced = True

    def __init__(self, world: World) -> None:
        self.nodes = world.nodes


async def test_k02_without_any_kubelet_nothing_is_served_we_stay_ready_and_are_back_within_two_turns() -> None:
    world = World(*NODES)
    warmup = Warmup(Everything(world), world.store, world.clock)
    async with world.scraping() as scraper:
        await world.clock.advance(40)
        assert warmup.warm()
        world.answers = dict.fromkeys(NODES, failing(ScrapeReason.CONNECT))
        await world.clock.advance(300)
        assert [name for name in NODES if world.store.node_usage(name)] == []
        assert warmup.warm()
        assert scraper.verdict(16).ok
        world.answers = {}
        await world.clock.advance(2 * RESOLUTION)
        assert all(world.store.node_usage(name) for name in NODES)
    assert scraper.coverage() == (10, 10)


async def test_k31_a_node_that_goes_in_the_middle_of_a_scrape_takes_it_and_all_it_told_along() -> None:
    world = World("a")
    async with world.scraping() as scraper:
        await world.clock.advance(40)
        assert world.store.node_usage("a")
        world.answers["a"] = hanging
        await world.clock.advance(20)
        assert world.in_flight == 1
        await world.change("a", None)
        assert (world.in_flight, scraper.coverage(), world.store.node_usage("a")) == (0, (0, 0), None)
        del world.answers["a"]
        await world.change("a", node("a", labels={"new": "yes"}))
        assert world.store.node_usage("a") is None
        await world.clock.advance(2 * RESOLUTION)
        assert world.store.node_usage("a")


async def test_k31_a_node_of_another_uid_under_the_same_name_begins_anew() -> None:
    world = World("a")
    async with world.scraping() as scraper:
        await world.clock.advance(40)
        assert world.store.node_usage("a")
        await world.change("a", msgspec.structs.replace(node("a"), uid="another"))
        assert world.store.node_usage("a") is None
        assert (world.forgotten, scraper.coverage()) == (["a"], (1, 1))


async def test_k32_a_node_that_flaps_for_an_hour_is_told_once_a_change_and_grows_nothing() -> None:
    world = World("a")
    bad = failing(ScrapeReason.CONNECT)
    async with world.scraping():
        tasks = len(asyncio.all_tasks())
        with capture_logs() as logs:
            for flap in range(360):
                ready = flap % 2 == 1
                world.answers = {} if ready else {"a": bad}
                await world.change("a", node("a", ready=ready))
                await world.clock.advance(10)
                assert len(asyncio.all_tasks()) == tasks
    levels = [entry["log_level"] for entry in logs]
    assert len(levels) <= 360
    assert all(one != other for one, other in pairwise(levels))
    times = world.times("a")
    assert len(times) < 3 * 360
    assert max(later - earlier for earlier, later in pairwise(times)) <= LONGEST_SECONDS


class LoopTime(FakeClock):
    """The event loop's own time, which looptime makes virtual."""

    def now(self) -> float:
        return super().now() + self.monotonic()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def parted(reason: ScrapeReason, seconds: float) -> Answer:
    """What it is to ask a node that cannot be reached."""
    refused = failing(reason)

    async def answer(one: Node, source: Source) -> bytes:
        await asyncio.sleep(seconds)
        return await refused(one, source)

    return answer


PARTITIONS = {
    "5,000 nodes, packets are dropped": (5000, ScrapeReason.TIMEOUT, 2.0),
    "500 nodes, connections are refused": (500, ScrapeReason.CONNECT, 0.001),
}


@pytest.mark.looptime
@pytest.mark.parametrize(("many", "reason", "seconds"), PARTITIONS.values(), ids=PARTITIONS)
async def test_k35_a_partition_that_heals_is_no_flood_and_costs_no_two_turns(
    many: int, reason: ScrapeReason, seconds: float
) -> None:
    """Parted for five minutes, then each answers after 20 ms; a turn that is late by a resolution would be lost."""
    names = [f"n{number}" for number in range(many)]
    world = World(*names, clock=LoopTime())

    async def answering(one: Node, source: Source) -> bytes:
        await asyncio.sleep(0.02)
        return await world.steady(one, source)

    with capture_logs():
        async with world.scraping(concurrency=CONCURRENCY) as scraper:
            world.answers = dict.fromkeys(names, parted(reason, seconds))
            await asyncio.sleep(300)
            assert scraper.coverage() == (0, many)
            world.answers = dict.fromkeys(names, answering)
            world.asked.clear()
            world.most_in_flight = 0
            healed = world.clock.monotonic()
            await asyncio.sleep(6 * RESOLUTION)
            assert scraper.coverage() == (many, many)
    assert world.most_in_flight <= CONCURRENCY
    turns: dict[str, list[float]] = {name: [healed] for name in names}
    for name, _, at in world.asked:
        turns[name].append(at)
    assert all(later - earlier < 2 * RESOLUTION for each in turns.values() for earlier, later in pairwise(each))
    by_second = Counter(int(at - healed) for _, _, at in world.asked if at - healed >= 2 * RESOLUTION)
    assert max(by_second.values()) < 2 * many / RESOLUTION, "each in its own phase again, not in that of the healing"
