import asyncio
import itertools

import pytest
from msgspec.structs import replace

from autoscaler.control.sweep import EDIT_SECONDS
from autoscaler.errors import UnreachableError
from autoscaler.model.decision import Outcome
from autoscaler.model.objects import ObjectKey
from autoscaler.model.policy import Deviations, MetricSpec
from tests.clock import FakeClock, settle
from tests.control.sweeping import WEB, World, policy, sweeping


@pytest.fixture
def world() -> World:
    world = World(FakeClock())
    world.known = {WEB: policy()}
    return world


async def test_without_fresh_samples_a_policy_is_evaluated_once_per_sync_period(world: World) -> None:
    async with sweeping(world):
        await world.clock.advance(45)
    assert world.times() == [0, 15, 30, 45]


async def test_fresh_samples_hasten_the_next_evaluation_but_not_below_the_interval(world: World) -> None:
    async with sweeping(world) as sweep:
        for _ in range(12):
            await world.clock.advance(1)
            sweep.fresh({WEB})
            await settle()
    assert world.times() == [0, 5, 10]


async def test_samples_of_pods_nobody_scales_wake_nothing(world: World) -> None:
    async with sweeping(world) as sweep:
        sweep.fresh({ObjectKey("shop", "other")})
        await world.clock.advance(14)
    assert world.times() == [0]


async def test_a_changed_spec_is_evaluated_at_once(world: World) -> None:
    async with sweeping(world) as sweep:
        await world.clock.advance(2)
        world.known = {WEB: policy(generation=2)}
        sweep.changed()
        await settle()
        assert world.seen[-1] == (2, "web", 2)
        sweep.changed()  # a status write: the generation is the same
        await settle()
    assert len(world.seen) == 2


async def test_c04_a_hundred_edits_a_second_are_looked_at_once_a_second_and_the_last_one_at_once(world: World) -> None:
    async with sweeping(world) as sweep:
        await world.clock.advance(2)
        for number in range(2, 302):
            world.known = {WEB: policy(generation=number)}
            sweep.changed()
            await world.clock.advance(0.01)
        await world.clock.advance(EDIT_SECONDS)
    times = [at for at, _, _ in world.seen[1:]]
    assert len(times) == 4
    assert all(after - before >= EDIT_SECONDS for before, after in itertools.pairwise(times))
    assert world.seen[-1][2] == 301


async def test_a_spec_changed_while_it_is_evaluated_is_evaluated_again_right_after(world: World) -> None:
    world.takes = 3.0
    async with sweeping(world) as sweep:
        await world.clock.advance(1)
        world.known = {WEB: policy(generation=2)}
        sweep.changed()
        await world.clock.advance(3)
    assert world.seen == [(0, "web", 1), (3, "web", 2)]
    assert world.most == 1


async def test_samples_that_come_in_during_an_evaluation_count_for_the_next(world: World) -> None:
    world.takes = 2.0
    async with sweeping(world) as sweep:
        await world.clock.advance(1)
        sweep.fresh({WEB})
        await world.clock.advance(5)
    assert world.times() == [0, 5]


async def test_a_policy_that_is_gone_is_evaluated_no_more(world: World) -> None:
    async with sweeping(world) as sweep:
        world.known = {}
        sweep.changed()
        await world.clock.advance(60)
    assert world.times() == [0]


@pytest.mark.parametrize("error", [UnreachableError("the API server is away"), OverflowError("a defect of ours")])
async def test_a_failed_evaluation_comes_again_at_the_next_period(world: World, error: Exception) -> None:
    """Whatever it failed by: a defect over one policy ends no other's evaluations."""
    world.broken = error
    async with sweeping(world):
        await world.clock.advance(15)
    assert world.times() == [0, 15]


async def test_s08_a_refused_write_is_decided_anew_soon_and_then_ever_later(world: World) -> None:
    world.outcome = Outcome.CONFLICTED
    async with sweeping(world):
        for _ in range(40):
            await world.clock.advance(1)
        assert world.times() == [0, 1, 3, 7, 15, 30]
        world.outcome = Outcome.WRITTEN
        for _ in range(30):
            await world.clock.advance(1)
        assert world.times()[6:] == [45, 60]


async def test_after_a_write_that_counted_the_next_refusal_is_a_first_one_again(world: World) -> None:
    world.outcome = Outcome.CONFLICTED
    async with sweeping(world):
        await world.clock.advance(1)
        world.outcome = Outcome.WRITTEN
        await world.clock.advance(2)
        world.outcome = Outcome.CONFLICTED
        for _ in range(16):
            await world.clock.advance(1)
        assert world.times() == [0, 1, 3, 18, 19]


async def test_at_most_the_given_number_runs_at_once(world: World) -> None:
    world.known = {ObjectKey("shop", f"web-{n}"): policy(f"web-{n}") for n in range(10)}
    world.takes = 1.0
    async with sweeping(world, concurrency=3):
        await world.clock.advance(4)
    assert world.most == 3
    assert len(world.seen) == 10


@pytest.mark.parametrize(
    ("targets", "adapter", "calm"),
    [
        pytest.param(3, False, True, id="all of them are evaluated"),
        pytest.param(4, False, False, id="one has to wait"),
        pytest.param(4, True, True, id="one waits behind those that wait for an adapter"),
    ],
)
async def test_it_is_not_calm_while_more_are_due_than_are_evaluated_at_once(
    world: World, targets: int, *, adapter: bool, calm: bool
) -> None:
    metrics = (MetricSpec(type="External", name="queue"),) if adapter else ()
    names = [f"web-{n}" for n in range(targets)]
    world.known = {ObjectKey("shop", name): replace(policy(name), metrics=metrics) for name in names}
    world.takes = 1.0
    async with sweeping(world, concurrency=3), asyncio.TaskGroup() as group:
        waits = group.create_task(world.calm.calm())
        await settle()
        assert waits.done() is calm
        await world.clock.advance(2)
        assert waits.done()


async def test_those_that_wait_for_an_adapter_keep_no_others_waiting(world: World) -> None:
    queue = MetricSpec(type="External", name="queue")
    waiting = {ObjectKey("shop", f"queue-{n}"): replace(policy(f"queue-{n}"), metrics=(queue,)) for n in range(5)}
    world.known = waiting | {WEB: policy()}
    world.slow = {each.name for each in waiting.values()}
    async with sweeping(world, concurrency=2):
        await world.clock.advance(30)
        assert world.times() == [0, 15, 30]
        assert len(world.seen) == 3 + 2
        world.release.set()


async def test_what_waits_for_its_turn_when_stopping_is_not_begun(world: World) -> None:
    world.known = {ObjectKey("shop", f"web-{n}"): policy(f"web-{n}") for n in range(5)}
    world.takes = 4.0
    async with sweeping(world, concurrency=2) as sweep:
        await world.clock.advance(1)
        sweep.stop()
        await world.clock.advance(60)
        assert sweep.decisions == 2


async def test_nothing_is_decided_before_the_gate_opens(world: World) -> None:
    async with sweeping(world, gate=False) as sweep:
        await world.clock.advance(30)
        assert world.seen == []
        sweep.open_gate()
        await settle()
    assert world.times() == [30]


async def test_stopping_finishes_what_was_begun_and_begins_nothing_more(world: World) -> None:
    world.takes = 4.0
    async with sweeping(world) as sweep:
        await world.clock.advance(1)
        sweep.stop()
        await world.clock.advance(60)
        assert sweep.decisions == 1
    assert world.times() == [0]


async def test_a_policy_may_have_a_sync_period_of_its_own(world: World) -> None:
    world.known = {WEB: replace(policy(), deviations=Deviations(sync_period=40.0))}
    async with sweeping(world) as sweep:
        for _ in range(8):
            await world.clock.advance(10)
        assert world.times() == [0.0, 40.0, 80.0]
        sweep.fresh({WEB})
        await world.clock.advance(5)
        assert world.times()[-1] == 85.0, "fresh samples are evaluated at the usual pace"


async def test_one_shorter_than_the_usual_pace_is_kept_with_fresh_samples_too(world: World) -> None:
    world.known = {WEB: replace(policy(), deviations=Deviations(sync_period=2.0))}
    world.takes = 1.0
    async with sweeping(world) as sweep:
        sweep.fresh({WEB})
        for _ in range(4):
            await world.clock.advance(1)
        assert world.times() == [0.0, 2.0, 4.0]


async def test_l07_while_another_decides_nothing_is_evaluated_and_then_everything_at_once(world: World) -> None:
    async with sweeping(world) as sweep:
        sweep.close_gate()
        await world.clock.advance(100)
        sweep.fresh({WEB})
        await world.clock.advance(100)
        assert world.times() == [0]
        world.known[ObjectKey("shop", "late")] = policy("late")
        sweep.open_gate()
        await settle()
        assert (world.times(), world.times("late")) == ([0, 200], [200])


async def test_a_gate_that_closes_stops_those_that_wait_for_their_turn(world: World) -> None:
    world.takes, world.known[ObjectKey("shop", "other")] = 3, policy("other")
    async with sweeping(world, concurrency=1) as sweep:
        sweep.close_gate()
        await world.clock.advance(10)
        assert len(world.seen) == 1


async def test_the_end_comes_also_to_one_that_never_led(world: World) -> None:
    async with sweeping(world, gate=False) as sweep:
        sweep.stop()
        await settle()
    assert world.seen == []
