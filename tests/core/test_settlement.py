import pytest

from autoscaler.core.settlement import promise, settled
from autoscaler.model.compat import Compat
from autoscaler.model.plan import Action, Final, History, Plan, ScaleEvent
from autoscaler.model.policy import (
    Behavior,
    Condition,
    MetricSpec,
    Policy,
    ScalingPolicy,
    ScalingRules,
    TargetRef,
)

NOW = 1000.0
RULES = ScalingRules(policies=(ScalingPolicy("Percent", 100, 15),))
QUEUE = MetricSpec(type="External", name="queue", value=5)


def policy(**fields):
    target = TargetRef("apps/v1", "Deployment", "web")
    return Policy(
        kind="HorizontalPodAutoscaler", namespace="shop", name="web", target=target, max_replicas=10, **fields
    )


def resize(current, desired, error=""):
    final = Final(current=current, replicas=desired, why="cpu above target")
    return Plan(
        action=Action.RESIZE, desired=desired, current=current, reason="AboveTarget", stages=(final,), error=error
    )


def reasons(plan):
    return {each.type: (each.status, each.reason) for each in plan.conditions}


def test_a_write_is_remembered_and_told():
    plan = settled(resize(2, 5), policy(behavior=Behavior(RULES, RULES)), written=True, error="", now=NOW)
    assert plan.history == History(scale_ups=(ScaleEvent(3, NOW),))
    assert [each.message for each in plan.events] == ["New size: 5; reason: cpu above target"]
    assert reasons(plan) == {"AbleToScale": ("True", "SucceededRescale"), "ScaledToZero": ("False", "NotScaledToZero")}


def test_a_failed_write_is_told_and_not_remembered():
    plan = settled(resize(2, 5), policy(behavior=Behavior(RULES, RULES)), written=False, error="refused", now=NOW)
    assert plan.history == History()
    assert not plan.decided
    assert plan.error == "failed to rescale Deployment/shop/web: refused"
    assert [each.reason for each in plan.events] == ["FailedRescale"]
    assert reasons(plan) == {"AbleToScale": ("False", "FailedUpdateScale")}


def test_what_was_not_tried_stays():
    plan = resize(2, 5)
    assert settled(plan, policy(), written=False, error="", now=NOW) is plan
    hold = Plan(action=Action.HOLD, desired=2, current=2, reason="OnTarget")
    assert settled(hold, policy(), written=True, error="", now=NOW) is hold


def test_the_error_of_a_failed_metric_outlives_a_write():
    assert settled(resize(2, 5, error="one failed"), policy(), written=True, error="", now=NOW).error == "one failed"


@pytest.mark.parametrize(
    ("asked", "before", "after", "expected"),
    [
        pytest.param(policy(min_replicas=0, metrics=(QUEUE,)), 2, 0, ("True", "ScaledToZero"), id="to zero"),
        pytest.param(policy(min_replicas=0), 2, 0, ("False", "NotScaledToZero"), id="nothing could wake it"),
        pytest.param(policy(min_replicas=0, metrics=(QUEUE,)), 0, 2, ("False", "NotScaledToZero"), id="from zero"),
    ],
)
def test_zero_is_marked(asked, before, after, expected):
    plan = settled(resize(before, after), asked, written=True, error="", now=NOW)
    assert reasons(plan)["ScaledToZero"] == expected


def test_without_the_gate_the_mark_is_taken_away():
    marked = policy(conditions=(Condition(type="ScaledToZero", status="True", reason="ScaledToZero", message=""),))
    off = Compat(scale_to_zero=False)
    plan = settled(resize(2, 5), marked, written=True, error="", now=NOW, compat=off)
    assert reasons(plan)["ScaledToZero"] == ("", "")
    assert "ScaledToZero" not in reasons(settled(resize(2, 5), policy(), written=True, error="", now=NOW, compat=off))


def test_going_to_zero_is_told_before_it_is_done():
    asked, plan = policy(min_replicas=0, metrics=(QUEUE,)), resize(2, 0)
    assert [(each.type, each.status) for each in promise(plan, asked, Compat())] == [("ScaledToZero", "True")]
    assert promise(plan, asked, Compat(scale_to_zero=False)) == ()
    assert promise(resize(2, 1), asked, Compat()) == ()
    assert promise(resize(0, 2), asked, Compat()) == ()


def test_what_was_told_is_taken_back_when_the_write_failed():
    asked = policy(min_replicas=0, metrics=(QUEUE,))
    failed = settled(resize(2, 0), asked, written=False, error="no", now=NOW)
    assert reasons(failed)["ScaledToZero"] == ("False", "NotScaledToZero")
    assert "ScaledToZero" not in reasons(settled(resize(2, 1), asked, written=False, error="no", now=NOW))
