from msgspec.structs import replace

from autoscaler.core.future import MOMENT, Future
from autoscaler.core.recollection import planned
from autoscaler.model.decision import Outcome
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import Behavior, Deviations, Pause, ScalingPolicy, ScalingRules
from tests.core.evaluations import NOW, evaluation, policy
from tests.core.recording import recorded

RULES = ScalingRules(stabilization=60, policies=(ScalingPolicy("Pods", 1, 15),))


def future(given, outcome=Outcome.HELD):
    found = replace(recorded(given), outcome=outcome)
    return Future(found, found.basis, planned(found))


def test_the_next_evaluation_finds_the_size_that_was_written():
    held, written = (future(evaluation(), outcome) for outcome in (Outcome.HELD, Outcome.WRITTEN))
    assert (held.plan(held.soon).current, written.plan(written.soon).current) == (2, 4)
    assert held.standing == written.standing == 4


def test_the_turns_are_the_whole_seconds_at_which_something_ceases_to_count():
    past = History(recommendations=(Recommendation(9, NOW - 20.5),), scale_ups=(ScaleEvent(1, NOW - 5.25),))
    pause = Pause(until=NOW + 500, reason="load test", actor="sam")
    own = policy(behavior=Behavior(RULES, RULES), deviations=Deviations(pause=pause))
    found = future(evaluation(policy=own, history=past))
    assert found.soon == NOW + MOMENT
    assert [at - NOW for at in found.turns] == [10, 40, 60, 61, 500, 501]
    assert found.horizon == NOW + 502


def test_the_first_moment_at_which_a_number_comes():
    past = History(recommendations=(Recommendation(2, NOW - 20.5),))
    found = future(evaluation(policy=policy(behavior=Behavior(RULES, RULES)), history=past))
    assert found.first(lambda number: number > 2, 9) == NOW + 40
    assert found.first(lambda number: number > 2, 2) is None
    assert found.first(lambda number: number == 2, 9) == found.soon


def test_another_policy_may_be_tried():
    found = future(evaluation(policy=policy(max_replicas=3)))
    assert found.plan(found.horizon, 9).desired == 3
    assert found.plan(found.horizon, 9, policy(max_replicas=4)).desired == 4
