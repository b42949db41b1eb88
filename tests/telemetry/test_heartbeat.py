import asyncio

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from autoscaler.telemetry import Heartbeat, ProcessTelemetry
from tests.clock import FakeClock, settle


async def test_a23_a_loop_that_turns_is_alive_and_one_that_does_not_is_dead_after_a_while() -> None:
    clock = FakeClock()
    heart = Heartbeat(clock, ProcessTelemetry(CollectorRegistry()))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(heart.run())
        await settle()
        await clock.advance(100)
        assert heart.verdict().ok
        running.cancel()
    await clock.advance(19)
    assert heart.verdict().ok
    await clock.advance(2)
    assert (heart.verdict().ok, heart.verdict().detail) == (False, "no heartbeat for 21 s")


async def test_after_each_beat_others_do_what_has_to_be_done_as_often() -> None:
    clock, beats = FakeClock(), []
    heart = Heartbeat(clock, ProcessTelemetry(CollectorRegistry()), lambda: beats.append(round(clock.monotonic(), 1)))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(heart.run())
        await settle()
        await clock.advance(0.35)
        running.cancel()
    assert beats == [0.1, 0.2, 0.3]


class LateClock(FakeClock):
    """Comes `late` seconds late to its first timer."""

    def __init__(self, late: float) -> None:
        super().__init__()
        self._late = late

    async def sleep(self, seconds: float) -> None:
        late, self._late = self._late, 0.0
        await super().sleep(seconds + late)


@pytest.mark.parametrize(
    ("late", "buckets"),
    [
        pytest.param(0.32, {"0.01": 7, "0.025": 8, "0.25": 10, "0.5": 11}, id="0.32, 0.22, 0.12 and 0.02 s, then none"),
        pytest.param(6.05, {"5.0": 57, "20.0": 68}, id="A23: the last beats before a loop stood still for 6 s"),
        pytest.param(3600.05, {"+Inf": 209}, id="after an hour 20 s of it count"),
    ],
)
async def test_each_beat_of_a_time_when_the_loop_stood_still_counts_and_it_is_alive(
    late: float, buckets: dict[str, int]
) -> None:
    clock, registry = LateClock(late), CollectorRegistry()
    heart = Heartbeat(clock, ProcessTelemetry(registry))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(heart.run())
        await settle()
        await clock.advance(late + 0.1 + 0.71)
        assert heart.verdict().ok
        running.cancel()
    for le, count in buckets.items():
        assert registry.get_sample_value("autoscaler_event_loop_lag_seconds_bucket", {"le": le}) == count, le


async def test_p09_a_wall_clock_that_was_set_is_counted_and_told_once() -> None:
    clock, registry = FakeClock(), CollectorRegistry()
    heart = Heartbeat(clock, ProcessTelemetry(registry))
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(heart.run())
            await settle()
            clock.set(-3600)
            await clock.advance(5)
            running.cancel()
    assert [each["seconds"] for each in logs] == [-3600.0]
    assert registry.get_sample_value("autoscaler_wall_clock_steps_total") == 1
