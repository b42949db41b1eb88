import pytest
from msgspec.structs import replace

from autoscaler.control.memory import Memory, identity
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import Deviations, Policy, TargetRef
from tests.clock import FakeClock


def policy(uid: str = "1") -> Policy:
    return Policy(
        kind="HorizontalPodScaler",
        namespace="shop",
        name="web",
        uid=uid,
        target=TargetRef("apps/v1", "Deployment", "web"),
    )


def test_a_policy_never_seen_has_no_recommendations_rather_than_an_empty_list() -> None:
    assert Memory(15, FakeClock()).history(policy()).recommendations is None


def test_a_policy_made_anew_under_the_same_name_starts_empty() -> None:
    memory = Memory(15, FakeClock())
    memory.keep(policy(), History(recommendations=(Recommendation(3, 1.0),)))
    assert memory.history(policy()).recommendations == (Recommendation(3, 1.0),)
    assert memory.history(policy(uid="2")).recommendations is None


async def test_the_base_of_the_legacy_ceiling_stays_for_one_sync_period_whatever_the_wall_clock_says() -> None:
    clock = FakeClock()
    memory = Memory(15, clock)
    assert memory.period_start(policy(), 4) == 4
    await clock.advance(5)
    clock.set(3600)
    assert memory.period_start(policy(), 8) == 4
    clock.set(-7200)
    await clock.advance(9)
    assert memory.period_start(policy(), 8) == 4
    await clock.advance(1)
    assert memory.period_start(policy(), 8) == 8


def test_what_belongs_to_policies_that_are_gone_is_dropped() -> None:
    memory = Memory(15, FakeClock())
    memory.keep(policy("1"), History(recommendations=()))
    memory.keep(policy("2"), History(recommendations=()))
    memory.forget_all_but({identity(policy("2"))})
    assert memory.history(policy("1")).recommendations is None
    assert memory.history(policy("2")).recommendations == ()


async def test_a_policy_may_have_a_sync_period_of_its_own() -> None:
    clock = FakeClock()
    memory = Memory(15, clock)
    slow = replace(policy(), deviations=Deviations(sync_period=60.0))
    assert memory.period_start(slow, 4) == 4
    await clock.advance(59)
    assert memory.period_start(slow, 8) == 4
    await clock.advance(1)
    assert memory.period_start(slow, 8) == 8


@pytest.mark.parametrize("step", [3600.0, -3600.0, 1.5])
async def test_p09_times_move_with_a_wall_clock_that_is_set(step: float) -> None:
    clock = FakeClock()
    memory, begun = Memory(15, clock), clock.now()
    event = ScaleEvent(2, begun)
    memory.keep(
        policy(), History(recommendations=(Recommendation(3, begun),), scale_ups=(event,), scale_downs=(event,))
    )
    await clock.advance(60)
    clock.set(step)
    found = memory.history(policy())
    assert found.recommendations is not None
    assert {each.time for each in (*found.recommendations, *found.scale_ups, *found.scale_downs)} == {clock.now() - 60}
    memory.keep(policy(), found)
    assert memory.history(policy()) is found, "once, not again and again"


def test_p09_a_clock_that_is_set_between_reading_and_keeping_moves_what_was_read() -> None:
    clock = FakeClock()
    memory = Memory(15, clock)
    memory.history(policy())
    made = History(recommendations=(Recommendation(3, clock.now()),))
    clock.set(-3600)
    memory.keep(policy(), made)
    assert memory.history(policy()).recommendations == (Recommendation(3, clock.now()),)


def test_p09_what_another_process_left_of_the_future_is_of_this_moment() -> None:
    clock = FakeClock()
    memory, now = Memory(15, clock), clock.now()
    memory.restore(policy(), History(recommendations=(Recommendation(3, now + 3600), Recommendation(2, now - 60))))
    assert memory.history(policy()).recommendations == (Recommendation(3, now), Recommendation(2, now - 60))
