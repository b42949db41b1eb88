import asyncio
from itertools import pairwise

import pytest

from autoscaler.engine.pace import EAGER_SECONDS, NEW_AFTER, Limits, Pace
from autoscaler.engine.schedule import phase
from autoscaler.errors import ScrapeReason
from autoscaler.model.metrics import Source
from autoscaler.model.objects import Node, NodeName, ObjectKey
from tests.clock import FakeClock, settle
from tests.engine.scraping import RESOLUTION, World, failing, pod

WEB = ObjectKey("shop", "web")


def pace(hot: float = 5.0, resolution: float = 15.0, kubelet_budget: float = 0.05) -> Pace:
    limits = Limits(resolution=resolution, hot_resolution=hot, kubelet_budget=kubelet_budget)
    return Pace(limits, FakeClock(), lambda: 0.0)


CASES = {
    "nobody waits": (pace(), {}, 15),
    "a target has pods there": (pace(), {"hot": True}, 5),
    "a new pod has no number yet": (pace(), {"awaited": True}, EAGER_SECONDS),
    "both": (pace(), {"hot": True, "awaited": True}, EAGER_SECONDS),
    "hot is switched off": (pace(hot=0), {"hot": True}, 15),
    "hot is no faster": (pace(hot=15), {"hot": True}, 15),
    "hot is slower": (pace(hot=60), {"hot": True}, 15),
    "a new pod where hot is switched off": (pace(hot=0), {"awaited": True}, EAGER_SECONDS),
    "a new pod where everything is that fast": (pace(resolution=2), {"awaited": True}, 2),
    "the kubelet takes its time": (pace(), {"hot": True, "took": 0.4}, 8),
    "the kubelet takes too long for any haste": (pace(), {"hot": True, "took": 2.0}, 15),
    "a kubelet that may be busy": (pace(kubelet_budget=0.5), {"hot": True, "took": 2.0}, 5),
}


@pytest.mark.parametrize(("one", "state", "seconds"), CASES.values(), ids=CASES)
def test_interval(one: Pace, state: dict[str, float], seconds: float) -> None:
    assert one.interval(**({"hot": False, "awaited": False, "took": 0.0} | state)) == pytest.approx(seconds)  # type: ignore[arg-type]  # booleans and a float


async def test_a_busy_process_hurries_less_at_once_and_more_again_by_and_by() -> None:
    clock, used = FakeClock(), [0.0]
    one = Pace(Limits(resolution=15.0, hot_resolution=5.0, cpu_budget=0.3), clock, lambda: used[0])
    seen = []

    async def after(share: float) -> float:
        used[0] += share * 15
        await clock.advance(15)
        return one.interval(hot=True, awaited=False, took=0)

    async with asyncio.TaskGroup() as group:
        running = group.create_task(one.run())
        await settle()
        for share in (0.29, 0.31, 0.5, 0.9):
            seen.append(await after(share))  # noqa: PERF401 - one after the other
        assert seen == [5, 10, 15, 15]
        assert one.interval(hot=False, awaited=True, took=0) == 15
        calm = [await after(0.1) for _ in range(20)]
        running.cancel()
    assert calm == sorted(calm, reverse=True)
    assert (calm[0], calm[-1]) == (15, 5)
    assert len(set(calm)) > 5


class Sampling:
    """A kubelet that looks at its one container every 10 s from second `first` on, and started it at `start`."""

    def __init__(self, world: World, first: float, start: float) -> None:
        self.world = world
        self.first = first
        self.start = start

    async def __call__(self, _node: Node, _source: Source) -> bytes:
        elapsed, begin = self.world.clock.monotonic(), self.world.clock.now() - self.world.clock.monotonic()
        text = f"node_cpu_usage_seconds_total {elapsed}\nnode_memory_working_set_bytes 7\n"
        if elapsed >= self.first:
            at = self.first + (elapsed - self.first) // 10 * 10
            labels = '{container="main",namespace="shop",pod="web"}'
            stamp = round((begin + at) * 1000)
            text += f"container_cpu_usage_seconds_total{labels} {(at - self.start) / 4} {stamp}\n"
            text += f"container_memory_working_set_bytes{labels} 7 {stamp}\n"
            text += f"container_start_time_seconds{labels} {begin + self.start}\n"
        return text.encode()


async def test_a_node_with_pods_of_a_target_is_scraped_faster_at_a_phase_of_that_pace() -> None:
    world = World("a", "b")
    world.pods, world.followed = [pod()], {WEB}
    async with world.scraping(hot_resolution=5) as scraper:
        await world.clock.advance(60)
        assert world.count("autoscaler_nodes_hot") == 1
        assert [report.hot for report in scraper.reports()] == [True, False]
        assert len(world.times("a")) in {12, 13}
        assert len(world.times("b")) in {4, 5}
        start = FakeClock().now()
        assert {round((start + at - phase("a", 5, 1)) % 5, 6) % 5 for at in world.times("a")[1:]} == {0}
        world.followed.clear()
        await world.clock.advance(20)
        seen = len(world.times("a"))
        await world.clock.advance(60)
        assert len(world.times("a")) - seen == 4


async def test_faster_scrapes_find_a_sample_sooner_and_a_repeated_one_costs_nothing_and_wakes_nobody() -> None:
    """The kubelet samples every 10 s: three of four scrapes meet what the one before met."""
    told: list[float] = []
    world = World("a")
    world.pods, world.followed = [pod()], {WEB}
    world.freshness.subscribe(lambda commit: told.append(world.clock.monotonic()) if WEB in commit.fresh else None)
    world.answers["a"] = Sampling(world, first=3, start=-100)
    async with world.scraping(hot_resolution=2.5):
        await world.clock.advance(62)
        samples = [at for at in told if at >= 13]
        assert len(samples) == 5
        assert all((at - 3) % 10 <= 3.4 for at in samples)
        await world.clock.advance(1)
        found = world.store.pod_usage("shop", "web")
        assert found is not None
        assert found.containers[0][1].window_ns == 10 * 10**9
    assert world.count("autoscaler_samples_skipped_total", reason="repeated") == 0


FIRST_SAMPLES = {
    "at its start, as cAdvisor does": (0.2, 15),
    "before it is old enough to be measured from its start": (4.9, 18),
    "when it is old enough": (5.1, 15),
    "as late as can be": (9.9, 15),
}


@pytest.mark.parametrize(("late", "seconds"), FIRST_SAMPLES.values(), ids=FIRST_SAMPLES)
async def test_a_new_pod_has_a_number_soon_however_late_the_kubelet_first_samples_it(
    late: float, seconds: float
) -> None:
    world = World("a")
    async with world.scraping():
        await world.clock.advance(31)
        started = world.clock.monotonic()
        world.pods = [pod()]
        world.answers["a"] = Sampling(world, first=started + late, start=started)
        world.starts.put_nowait((NodeName("a"), WEB))
        await world.clock.advance(seconds)
        assert world.store.pod_usage("shop", "web") is not None
        await world.clock.advance(5)
        seen = len(world.times("a"))
        await world.clock.advance(60)
        assert len(world.times("a")) - seen == 4


async def test_a_new_pod_is_looked_for_when_it_can_have_a_number_and_not_for_ever() -> None:
    world = World("a")
    async with world.scraping() as scraper:
        await world.clock.advance(31)
        while scraper.reports()[0].interval == 0 or world.clock.monotonic() - world.times("a")[-1] > 1:
            await world.clock.advance(0.5)
        begun, seen = world.clock.monotonic(), len(world.times("a"))
        world.starts.put_nowait((NodeName("a"), WEB))
        await settle()
        assert scraper.reports()[0].awaited == 1
        await world.clock.advance(60)
        eager = [at - begun for at in world.times("a")[seen:]]
        assert eager[0] == pytest.approx(NEW_AFTER)
        hurried = [at for at in eager if at <= 30]
        assert 8 <= len(hurried) <= 12
        assert max(later - earlier for earlier, later in pairwise(hurried)) < 2 * EAGER_SECONDS
        assert scraper.reports()[0].awaited == 0
        assert eager[-1] - eager[-2] == pytest.approx(RESOLUTION)


async def test_pods_that_start_on_unknown_or_failing_nodes_hasten_nothing() -> None:
    world = World("a")
    world.answers["a"] = failing(ScrapeReason.FORBIDDEN)
    async with world.scraping():
        await world.clock.advance(40)
        seen = len(world.times("a"))
        world.starts.put_nowait((NodeName("nowhere"), WEB))
        world.starts.put_nowait((NodeName("a"), WEB))
        await world.clock.advance(30)
        assert len(world.times("a")) - seen == 2


async def test_a_kubelet_that_is_slow_to_answer_is_not_hurried() -> None:
    world = World("a")
    world.pods, world.followed = [pod()], {WEB}

    async def slow(one: Node, source: Source) -> bytes:
        await world.clock.sleep(0.6)
        return await world.steady(one, source)

    world.answers["a"] = slow
    async with world.scraping(hot_resolution=5) as scraper:
        await world.clock.advance(60)
        assert scraper.reports()[0].interval == pytest.approx(12)
