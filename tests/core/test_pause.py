import pytest

from autoscaler.core import planner
from autoscaler.core.conditions import LIMITED
from autoscaler.model.plan import Action, Final, Paused
from autoscaler.model.policy import Deviations, Pause
from autoscaler.model.reason import Reason
from tests.core.evaluations import NOW, evaluation, policy, scale, usage

UNTIL = NOW + 600
BOTH = ("Up", "Down")


def plan(directions=("Up", "Down"), until=UNTIL, current=2, cpu=160, **fields):
    pause = Pause(directions=directions, until=until, reason="load test", actor="sam")
    wanted = policy(deviations=Deviations(pause=pause), **fields)
    return planner.plan(evaluation(policy=wanted, scale=scale(current), pod_metrics=(usage(0, cpu), usage(1, cpu))))


def test_a_paused_direction_is_held_and_the_record_says_by_whom_until_when_and_why():
    made = plan()
    assert (made.action, made.desired, made.reason) == (Action.HOLD, 2, Reason.PAUSED)
    assert made.stages[-2:] == (
        Paused(wanted=4, replicas=2, directions=BOTH, until="1970-01-02T03:56:40Z", by="sam", why="load test"),
        Final(current=2, replicas=2, why="paused by sam until 1970-01-02T03:56:40Z: load test"),
    )
    told = next(each for each in made.conditions if each.type == LIMITED)
    assert (told.status, told.reason) == ("True", "Paused")
    assert "sam" in told.message


@pytest.mark.parametrize(
    ("directions", "current", "cpu", "desired"),
    [
        pytest.param(("Down",), 2, 160, 4, id="up is free when down is paused"),
        pytest.param(("Up",), 2, 160, 2, id="up is held"),
        pytest.param(("Down",), 20, 160, 20, id="down to the maximum is held"),
        pytest.param(("Up",), 20, 160, 10, id="down to the maximum is free when up is paused"),
    ],
)
def test_d02_only_the_directions_that_are_listed_are_held(directions, current, cpu, desired):
    assert plan(directions, current=current, cpu=cpu).desired == desired


def test_d01_at_its_end_it_is_over_by_itself():
    assert plan(until=NOW).desired == 4
    assert plan(until=NOW + 0.001).desired == 2


def test_a_number_that_would_not_change_anyway_is_not_touched():
    made = plan(cpu=100)
    assert made.reason is Reason.ON_TARGET
    assert not [each for each in made.stages if isinstance(each, Paused)]


def test_recommendations_go_on_being_remembered():
    assert [each.replicas for each in plan().history.recommendations] == [2, 4]
