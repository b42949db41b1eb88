"""Upstream's whole passes: decision, conditions, per-metric outcome, and what a failed write leaves."""

import pytest
from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.conditions import merged
from autoscaler.kube import encode_status
from autoscaler.model.plan import Action, Proposal
from autoscaler.model.status import PolicyStatus
from tests.conformance.upstream import NOW, cases, evaluation_of, inputs


def settled(case):
    evaluation = evaluation_of(case)
    plan = planner.plan(evaluation)
    fails = case.get("scale_update_fails", False)
    return planner.settled(
        plan,
        evaluation.policy,
        written=not fails,
        error="no such thing" if fails else "",
        now=NOW,
        compat=evaluation.settings.compat,
    )


@pytest.mark.parametrize("case", cases("reconcile"))
def test_pass(case):
    plan, expected = settled(case), case["expect"]
    written = plan.action is Action.RESIZE and plan.decided
    assert written is expected["scale_written"]
    assert (plan.desired if written else plan.current) == expected["desired"]
    assert bool(plan.error) is (expected["error"] != "none")
    assert direction(plan.desired if written else plan.current, plan.current) == expected["action"]
    if "conditions" in expected:
        conditions = merged(evaluation_of(case).policy.conditions, plan.conditions, NOW)
        assert {each.type: [each.status, each.reason] for each in conditions} == expected["conditions"]
    if "utilization_pct" in expected:
        assert plan.metrics[0].utilization == expected["utilization_pct"]
    if "event" in expected:
        assert expected["event"] in [[each.type, each.reason] for each in plan.events]
    if "status_written" in expected:
        before = encode_status.merged({}, status_of(plan), NOW - 15)
        assert (encode_status.merged(before, status_of(plan), NOW) != before) is expected["status_written"]
        other = encode_status.merged({}, replace(status_of(plan), metrics=()), NOW - 15)
        assert encode_status.merged(other, status_of(plan), NOW) != other
    labels = {stage.type: outcome(stage, plan.current) for stage in plan.stages if isinstance(stage, Proposal)}
    assert labels.items() >= {kind: tuple(each) for kind, each in expected.get("metric_labels", {}).items()}.items()


def status_of(plan):
    return PolicyStatus(
        observed_generation=1,
        current_replicas=plan.current,
        desired_replicas=plan.desired if plan.decided else None,
        metrics=plan.metrics,
        conditions=plan.conditions,
    )


def direction(replicas, current):
    return "scale_up" if replicas > current else "scale_down" if replicas < current else "none"


def outcome(stage, current):
    """Action and error of one metric, as upstream counts them."""
    if stage.replicas is None:
        return "none", "spec" if stage.reason == "InvalidMetricSourceType" else "internal"
    return direction(stage.replicas, current), "none"


@pytest.mark.parametrize("case", inputs("reconcile"))
def test_a_status_that_says_the_same_is_not_written_again(case):
    status = status_of(settled(case))
    held = encode_status.merged({}, status, NOW)
    assert encode_status.merged(held, status, NOW + 15) == held


@pytest.mark.parametrize("case", inputs("reconcile"))
def test_pass_is_a_function_of_its_input(case):
    assert planner.plan(evaluation_of(case)) == planner.plan(evaluation_of(case))
