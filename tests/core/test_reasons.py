import pytest
from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.reasons import MEANINGS
from autoscaler.core.requests import Failure
from autoscaler.core.validation import problems
from autoscaler.model.plan import History, Recommendation
from autoscaler.model.policy import Behavior, Deviations, MetricSpec, Pause, ScalingPolicy, ScalingRules
from autoscaler.model.reason import Reason
from tests.core.evaluations import CPU, NOW, TARGET, evaluation, policy, scale, usage

SLOW = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 1, 60),))
WAITS = ScalingRules(stabilization=300, policies=(ScalingPolicy("Pods", 100, 60),))
OLD = History(recommendations=(Recommendation(2, NOW - 60),))
BUSY, CALM, IDLE = ((usage(0, cpu), usage(1, cpu)) for cpu in (160, 100, 10))


def with_metric(**fields):
    return evaluation(policy=policy(metrics=(MetricSpec(**fields),)))


def behaving(rules, metrics):
    return evaluation(policy=policy(behavior=Behavior(rules, rules)), pod_metrics=metrics)


def deviating(**fields):
    return evaluation(policy=policy(deviations=Deviations(**fields)))


ENDS = {
    Reason.ON_TARGET: evaluation(pod_metrics=CALM),
    Reason.ABOVE_TARGET: evaluation(pod_metrics=BUSY),
    Reason.BELOW_TARGET: evaluation(pod_metrics=IDLE, history=History(recommendations=())),
    Reason.SCALE_UP_STABILIZED: behaving(WAITS, BUSY),
    Reason.SCALE_DOWN_STABILIZED: behaving(WAITS, IDLE),
    Reason.SCALE_UP_LIMIT: behaving(SLOW, BUSY),
    Reason.SCALE_DOWN_LIMIT: evaluation(
        policy=policy(behavior=Behavior(SLOW, SLOW)), scale=scale(6), pod_metrics=IDLE, history=OLD
    ),
    Reason.TOO_FEW_REPLICAS: evaluation(policy=policy(min_replicas=3)),
    Reason.TOO_MANY_REPLICAS: evaluation(policy=policy(max_replicas=3), pod_metrics=(usage(0, 900), usage(1, 900))),
    Reason.SCALING_DISABLED: evaluation(scale=scale(0)),
    Reason.FAILED_GET_SCALE: evaluation(scale=None, scale_error="not found"),
    Reason.INVALID_SELECTOR: evaluation(scale=scale(selector="")),
    Reason.AMBIGUOUS_SELECTOR: evaluation(rivals=("another",)),
    Reason.FAILED_GET_RESOURCE_METRIC: evaluation(pod_metrics=()),
    Reason.FAILED_GET_CONTAINER_RESOURCE_METRIC: with_metric(
        type="ContainerResource", name="cpu", container="nobody", utilization=50
    ),
    Reason.FAILED_GET_PODS_METRIC: with_metric(type="Pods", name="qps", average_value=1),
    Reason.FAILED_GET_OBJECT_METRIC: with_metric(
        type="Object", name="qps", described=TARGET, target_type="Value", value=1
    ),
    Reason.FAILED_GET_EXTERNAL_METRIC: with_metric(type="External", name="queue", value=1),
    Reason.PAUSED: deviating(pause=Pause(until=NOW + 60, reason="load test", actor="sam")),
    Reason.CONFLICTED: evaluation(claims=("HorizontalPodAutoscaler shop/web",)),
    Reason.FAILED_GET_OWNERS: replace(deviating(owned_pods_only=True), owners=Failure("forbidden")),
    Reason.INVALID_METRIC_SOURCE_TYPE: with_metric(type="Nonsense", name="x"),
}


@pytest.mark.parametrize("reason", ENDS)
def test_an_evaluation_ends_for_this_reason(reason):
    assert planner.plan(ENDS[reason]).reason is reason


def test_every_reason_is_reached_by_a_test():
    """A policy with problems is refused before it is planned (tests/control/test_reconciler.py)."""
    assert set(Reason) == {*ENDS, Reason.INVALID_SPEC}
    assert problems(replace(policy(), metrics=(replace(CPU, utilization=None),)))


def test_the_list_is_short_and_told_in_full():
    assert len(Reason) <= 25
    assert set(MEANINGS) == set(Reason)
    for meaning in MEANINGS.values():
        assert meaning.means.endswith(".")
        assert not meaning.todo or meaning.todo.endswith(".")
        assert not meaning.bare or meaning.bare.endswith(".")


def test_a_policy_without_behavior_is_not_told_to_raise_what_it_has_not():
    for reason, meaning in MEANINGS.items():
        if "spec.behavior" in meaning.todo and reason not in (Reason.SCALE_UP_STABILIZED, Reason.SCALE_DOWN_LIMIT):
            assert meaning.advice(behavior=False).startswith("Set spec.behavior."), reason
    assert MEANINGS[Reason.SCALE_UP_LIMIT].advice(behavior=True).startswith("Raise spec.behavior.scaleUp.policies")
