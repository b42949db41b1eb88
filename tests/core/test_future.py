from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from autoscaler.core.future import MOMENT, Future, turns_of
from autoscaler.core.recollection import planned
from autoscaler.model.decision import Outcome
from autoscaler.model.instant import micros_after
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import Behavior, Deviations, Pause, ScalingPolicy, ScalingRules
from tests.core.evaluations import NOW, evaluation, policy
from tests.core.recording import recorded

RULES = ScalingRules(stabilization=60, policies=(ScalingPolicy("Pods", 1, 15),))


def future(evaluated, outcome=Outcome.HELD):
    found = replace(recorded(evaluated), outcome=outcome)
    return Future(found, found.basis, planned(found))


def test_the_next_evaluation_finds_the_size_that_was_written():
    held, written = (future(evaluation(), outcome) for outcome in (Outcome.HELD, Outcome.WRITTEN))
    assert (held.plan(held.soon).current, written.plan(written.soon).current) == (2, 4)
    assert held.standing == written.standing == 4


def test_the_turns_are_the_microseconds_at_which_something_ceases_to_count():
    """A recommendation of before, the one of this evaluation, a change, a pause; the end of a window may be inside."""
    past = History(recommendations=(Recommendation(9, NOW - 20.5),), scale_ups=(ScaleEvent(1, NOW - 5.25),))
    pause = Pause(until=NOW + 500, reason="load test", actor="sam")
    own = policy(behavior=Behavior(RULES, RULES), deviations=Deviations(pause=pause))
    found = future(evaluation(policy=own, history=past))
    assert found.soon == NOW + MOMENT
    ends = [(end, micros_after(end, 1)) for end in (NOW + 39.5, NOW + 60)]
    assert found.turns == (NOW + 9.75, NOW + 9.750001, *ends[0], *ends[1], NOW + 500)
    assert found.horizon == NOW + 500


@given(
    time=st.floats(1.7e9, 1.8e9), window=st.sampled_from((0.0, 15.0, 300.0)) | st.floats(0, 3600), inside=st.booleans()
)
def test_a_turn_is_the_first_microsecond_that_is_outside(time, window, inside):
    def over(at):
        return time < at - window if inside else time <= at - window

    at = list(turns_of(time, window))[inside]
    assert over(at)
    assert not over(micros_after(at, -1))


def test_where_floats_hold_no_microseconds_the_turn_is_near():
    assert all(abs(at - 2e11) < 1e-3 for at in turns_of(2e11 - 60, 60))


def test_the_first_moment_at_which_a_number_comes():
    past = History(recommendations=(Recommendation(2, NOW - 20.5),))
    found = future(evaluation(policy=policy(behavior=Behavior(RULES, RULES)), history=past))
    assert found.first(lambda number: number > 2, 9) == NOW + 39.5
    assert found.first(lambda number: number > 2, 2) is None
    assert found.first(lambda number: number == 2, 9) == found.soon


def test_another_policy_may_be_tried():
    found = future(evaluation(policy=policy(max_replicas=3)))
    assert found.plan(found.horizon, 9).desired == 3
    assert found.plan(found.horizon, 9, policy(max_replicas=4)).desired == 4
