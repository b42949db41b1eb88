import asyncio

from autoscaler.clock import Steps, cpu_seconds, ticks
from tests.clock import FakeClock, settle


async def test_ticks_keep_their_beat_and_drop_what_was_missed() -> None:
    clock = FakeClock(now=1000.0)
    seen: list[float] = []

    async def watch() -> None:
        async for now in ticks(clock, every=10.0, phase=3.0):
            seen.append(now)
            if len(seen) == 2:
                await clock.sleep(25.0)  # a late consumer

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch())
        await settle()
        await clock.advance(60.0)
        task.cancel()
    assert seen == [1003.0, 1013.0, 1043.0, 1053.0]


def test_the_process_time_grows_with_work() -> None:
    before = cpu_seconds()
    sum(range(1_000_000))
    assert cpu_seconds() > before


async def test_a_wall_clock_that_is_set_is_told_from_one_that_goes_on() -> None:
    clock = FakeClock()
    steps = Steps(clock)
    await clock.advance(86_400)
    assert (steps.look(), steps.count) == (0.0, 0)
    clock.set(3600)
    assert (steps.look(), steps.count) == (3600, 1)
    clock.set(-7200)
    assert (steps.look(), steps.count, steps.total) == (-3600, 2, -3600)


def test_what_is_less_than_a_second_adds_up_until_it_is_a_step() -> None:
    clock = FakeClock()
    steps = Steps(clock)
    seen = []
    for _ in range(5):
        clock.set(0.25)
        seen.append(steps.look())
    assert seen == [0.0, 0.0, 0.0, 1.0, 1.0]
