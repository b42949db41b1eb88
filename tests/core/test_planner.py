import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.planner import plan
from autoscaler.model.compat import Compat
from autoscaler.model.metrics import MetricValue
from autoscaler.model.objects import Ready
from autoscaler.model.plan import Action, Chosen, Final, Forced, History, Limited, Proposal, Recommendation, Stabilized
from autoscaler.model.policy import (
    Behavior,
    Condition,
    ControllerSettings,
    MetricSpec,
    ScalingPolicy,
    ScalingRules,
    TargetRef,
)
from tests.core.evaluations import CPU, NOW, evaluation, pod, policy, scale, usage

QUEUE = MetricSpec(type="External", name="queue", target_type="Value", value=10_000)
TO_ZERO = (Condition(type="ScaledToZero", status="True", reason="ScaledToZero", message=""),)


def reasons(found):
    return {each.type: (each.status, each.reason) for each in found.conditions}


def events(found):
    return [each.reason for each in found.events]


def test_the_stages_lead_to_the_number():
    found = plan(evaluation())
    assert [type(stage) for stage in found.stages] == [Proposal, Chosen, Stabilized, Limited, Final]
    assert (found.action, found.current, found.desired, found.reason) == (Action.RESIZE, 2, 4, "AboveTarget")
    assert found.stages[-1].why == "cpu resource utilization (percentage of request) above target"
    assert [each.replicas for each in found.history.recommendations] == [2, 4]
    assert reasons(found) == {
        "AbleToScale": ("True", "ReadyForNewScale"),
        "ScalingActive": ("True", "ValidMetricFound"),
        "ScalingLimited": ("False", "DesiredWithinRange"),
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"pod_metrics": (usage(0, 100), usage(1, 100))}, "OnTarget", id="on target"),
        pytest.param(
            {"pod_metrics": (usage(0, 10), usage(1, 10))}, "ScaleDownStabilized", id="down, held by the window"
        ),
        pytest.param({"scale": scale(0), "policy": policy()}, "ScalingDisabled", id="paused at 0"),
        pytest.param({"pod_metrics": None}, "FailedGetResourceMetric", id="no metrics"),
        pytest.param({"scale": scale(2, selector="")}, "InvalidSelector", id="no selector"),
        pytest.param({"rivals": ("api",)}, "AmbiguousSelector", id="claimed by two"),
        pytest.param({"scale": None, "scale_error": "404"}, "FailedGetScale", id="no scale"),
        pytest.param({"policy": policy(target=TargetRef("a/b/c", "D", "x"))}, "FailedGetScale", id="no apiVersion"),
    ],
)
def test_it_holds(changes, reason):
    found = plan(evaluation(**changes))
    assert (found.action, found.reason) == (Action.HOLD, reason)
    assert found.desired == found.current or found.current is None


@pytest.mark.parametrize(
    ("size", "expected", "reason"), [(12, 10, "TooManyReplicas"), (1, 2, "TooFewReplicas")], ids=["above", "below"]
)
def test_outside_the_bounds_no_metric_is_asked(size, expected, reason):
    found = plan(evaluation(scale=scale(size), policy=policy(min_replicas=2), pod_metrics=None))
    assert (found.desired, found.reason, found.metrics) == (expected, reason, ())
    assert isinstance(found.stages[0], Forced)
    assert reasons(found) == {"AbleToScale": ("True", "SucceededGetScale")}
    assert [each.replicas for each in found.history.recommendations] == [2]


def test_a_failed_pass_keeps_what_the_status_wants():
    found = plan(evaluation(pod_metrics=None, unavailable="503"))
    assert not found.decided
    assert found.error.startswith(
        "failed to compute desired number of replicas based on listed metrics for Deployment/"
    )
    assert events(found) == ["FailedGetResourceMetric", "FailedComputeMetricsReplicas"]
    assert reasons(found)["ScalingActive"] == ("False", "FailedGetResourceMetric")
    assert len(found.metrics) == 1
    assert "ScalingLimited" not in reasons(found)


def test_without_a_scale_the_status_stays():
    found = plan(evaluation(scale=None, scale_error="404"))
    assert (found.current, found.metrics, found.decided) == (None, None, False)
    assert found.history == evaluation().history


BOTH = policy(metrics=(CPU, QUEUE))


@pytest.mark.parametrize(
    ("cpu", "action", "active"),
    [
        pytest.param(300, Action.RESIZE, ("True", "ValidMetricFound"), id="the others say up: up"),
        pytest.param(100, Action.HOLD, ("True", "ValidMetricFound"), id="the others say stay: all looks well"),
        pytest.param(10, Action.HOLD, ("False", "FailedGetExternalMetric"), id="the others say down: hold"),
    ],
)
def test_a_failed_metric_forbids_going_down(cpu, action, active):
    found = plan(evaluation(policy=BOTH, pod_metrics=(usage(0, cpu), usage(1, cpu)), history=History()))
    assert (found.action, reasons(found)["ScalingActive"]) == (action, active)
    assert "invalid metrics (1 invalid out of 2)" in found.error
    assert events(found)[0] == "FailedGetExternalMetric"


def test_the_largest_proposal_wins():
    found = plan(evaluation(policy=BOTH, values={QUEUE: (MetricValue(15_000),)}))
    assert found.stages[2] == Chosen(metric="cpu resource utilization (percentage of request)", replicas=4)
    found = plan(evaluation(policy=BOTH, values={QUEUE: (MetricValue(25_000),)}))
    assert (found.stages[2].metric, found.desired) == ("external metric queue()", 4)
    assert found.reason == "ScaleUpLimit"


@pytest.mark.parametrize(
    ("asked", "compat", "reason"),
    [
        pytest.param(policy(metrics=(QUEUE,)), Compat(), "ScalingDisabled", id="somebody else scaled to zero"),
        pytest.param(
            policy(metrics=(QUEUE,), conditions=TO_ZERO), Compat(scale_to_zero=False), "ScalingDisabled", id="off"
        ),
        pytest.param(policy(metrics=(QUEUE,), conditions=TO_ZERO), Compat(), "AboveTarget", id="we scaled to zero"),
        pytest.param(policy(min_replicas=0, conditions=TO_ZERO), Compat(), "ScalingDisabled", id="nothing can wake it"),
    ],
)
def test_waking_from_zero(asked, compat, reason):
    found = plan(
        evaluation(
            policy=asked,
            scale=scale(0),
            pods=(),
            pod_metrics=(),
            values={QUEUE: (MetricValue(15_000),)},
            settings=ControllerSettings(compat=compat),
        )
    )
    assert found.reason == reason
    assert reasons(found).get("ScaledToZero", ("", "")) == ("", "")


def test_waking_brings_at_least_the_minimum():
    asked = policy(metrics=(QUEUE,), conditions=TO_ZERO, min_replicas=3)
    found = plan(evaluation(policy=asked, scale=scale(0), values={QUEUE: (MetricValue(0),)}, history=History()))
    assert (found.desired, found.stages[-1].why) == (3, "Current number of replicas below Spec.MinReplicas")


def test_an_event_never_says_the_opposite():
    higher = History(recommendations=(Recommendation(4, NOW - 60),))
    found = plan(evaluation(pod_metrics=(usage(0, 10), usage(1, 10)), history=higher))
    assert (found.desired, found.reason) == (4, "ScaleDownStabilized")
    assert "recent recommendations were higher" in found.stages[-1].why


def test_a_policy_seen_for_the_first_time_remembers_the_size():
    found = plan(evaluation(pod_metrics=(usage(0, 10), usage(1, 10)), history=History()))
    assert (found.desired, [each.replicas for each in found.history.recommendations]) == (2, [2, 1])


def test_behavior_takes_the_other_path():
    slow = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 1, 60),))
    found = plan(evaluation(policy=policy(behavior=Behavior(slow, slow))))
    assert (found.desired, found.reason) == (3, "ScaleUpLimit")


def test_one_doubling_for_each_period():
    hot = {"pod_metrics": (usage(0, 900), usage(1, 900))}
    assert plan(evaluation(**hot)).desired == 4
    assert plan(evaluation(**hot, period_start_replicas=1)).desired == 4
    assert plan(evaluation(**hot, scale=scale(4), period_start_replicas=2)).action is Action.HOLD


SIZES = st.integers(1, 12)
LOADS = st.lists(st.one_of(st.none(), st.integers(0, 1000)), min_size=0, max_size=12)
PHASES = st.lists(st.sampled_from(["Running", "Pending", "Failed", "Succeeded"]), min_size=12, max_size=12)
READY = st.lists(st.sampled_from([None, "True", "False"]), min_size=12, max_size=12)
PAST = st.lists(st.tuples(st.integers(0, 30), st.floats(0, 900)), max_size=6)
RULES = st.builds(
    lambda value, select: ScalingRules(stabilization=0, select=select, policies=(ScalingPolicy("Percent", value, 60),)),
    st.integers(1, 200),
    st.sampled_from(["Max", "Min", "Disabled"]),
)


def any_evaluation(size, loads, phases, ready, past, behavior, bounds):
    pods = tuple(
        pod(index, phase=phases[index], ready=ready[index] and Ready(ready[index], NOW - 4000)) for index in range(size)
    )
    metrics = tuple(usage(index, load) for index, load in enumerate(loads) if load is not None)
    low, more = bounds
    return evaluation(
        policy=policy(min_replicas=low, max_replicas=low + more, behavior=behavior),
        scale=scale(size),
        pods=pods,
        pod_metrics=metrics,
        history=History(recommendations=tuple(Recommendation(replicas, NOW - age) for replicas, age in past)),
    )


ANY = st.builds(
    any_evaluation,
    SIZES,
    LOADS,
    PHASES,
    READY,
    PAST,
    st.one_of(st.none(), st.builds(Behavior, RULES, RULES)),
    st.tuples(st.integers(1, 6), st.integers(0, 20)),
)


@given(ANY)
def test_what_is_written_is_within_the_bounds(given_):
    found = plan(given_)
    if found.action is Action.RESIZE:
        assert given_.policy.min_replicas <= found.desired <= given_.policy.max_replicas
    else:
        assert found.desired == given_.scale.replicas


@given(ANY)
def test_no_usable_data_means_hold(given_):
    """Within the bounds: outside them the bounds decide, whatever the data."""
    usable = [stage for stage in plan(given_).stages if isinstance(stage, Proposal) and stage.replicas is not None]
    if given_.policy.min_replicas <= given_.scale.replicas <= given_.policy.max_replicas and not usable:
        assert plan(given_).action is Action.HOLD


@given(ANY)
def test_the_same_evaluation_gives_the_same_plan(given_):
    assert plan(given_) == plan(given_)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12), st.integers(0, 11), st.integers(1, 1000), PAST)
def test_more_load_never_lowers_the_result(loads, place, more, past):
    """With every pod ready and sampled; with others upstream's damping jumps where the ratio passes 1."""

    def desired(values):
        size = len(values)
        everybody = (["Running"] * size, ["True"] * size)
        return plan(any_evaluation(size, values, *everybody, past, None, (1, 20))).desired

    hotter = list(loads)
    hotter[place % len(loads)] += more
    assert desired(hotter) >= desired(loads)
