"""Each switch of `--compat`, seen from outside: the same evaluation, decided as every release would."""

import pytest

from autoscaler.core.planner import plan
from autoscaler.core.settlement import settled
from autoscaler.model.compat import RELEASES
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Container
from autoscaler.model.policy import Behavior, Condition, ControllerSettings, MetricSpec, ScalingPolicy, ScalingRules
from tests.core.evaluations import NOW, TARGET, evaluation, pod, policy, scale, usage

QUEUE = MetricSpec(type="External", name="queue", target_type="AverageValue", average_value=10_000)
OBJECT = MetricSpec(type="Object", name="qps", described=TARGET, target_type="AverageValue", average_value=10_000)
SIDECAR = MetricSpec(type="ContainerResource", name="cpu", container="app", utilization=100)
AT_ZERO = (Condition(type="ScaledToZero", status="True", reason="ScaledToZero", message=""),)
RULES = ScalingRules(stabilization=0, policies=(ScalingPolicy("Percent", 400, 15),))
WIDE = ScalingRules(stabilization=0, tolerance=0.9, policies=RULES.policies)


def desired(found, _):
    return found.desired


def average(found, _):
    return found.metrics[0].average_value


def failed(found, _):
    return found.reason


def to_zero(found, given):
    after = settled(found, given.policy, written=True, error="", now=NOW, compat=given.settings.compat)
    return next((each.status for each in after.conditions if each.type == "ScaledToZero"), None)


OLD = ("1.33", "1.34", "1.35", "1.36")
CASES = {
    "a Succeeded pod damps as missing, or is ignored": (
        {
            "pods": (pod(0), pod(1), pod(2, phase="Succeeded")),
            "pod_metrics": (usage(0, 160), usage(1, 160)),
        },
        desired,
        dict.fromkeys((*OLD, "1.37"), 2) | {"latest": 4},
    ),
    "at 0 of our own making an external metric wakes, or nothing does": (
        {
            "policy": policy(metrics=(QUEUE,), min_replicas=0, conditions=AT_ZERO),
            "scale": scale(0),
            "values": {QUEUE: (MetricValue(35_000),)},
        },
        desired,
        dict.fromkeys(OLD, 0) | dict.fromkeys(("1.37", "latest"), 4),
    ),
    "a write leaves a condition about zero, or none": (
        {"pod_metrics": (usage(0, 160), usage(1, 160))},
        to_zero,
        dict.fromkeys(OLD) | dict.fromkeys(("1.37", "latest"), "False"),
    ),
    "per replica of no replica is the smallest int64, or 0": (
        {
            "policy": policy(metrics=(OBJECT,)),
            "scale": scale(2, observed=0),
            "values": {OBJECT: (MetricValue(20_000),)},
        },
        average,
        dict.fromkeys((*OLD, "1.37"), -(2**63)) | {"latest": 0},
    ),
    "a pod's own request is heeded, or its containers' alone": (
        {
            "pods": (pod(0, pod_requests={"cpu": 400}), pod(1, pod_requests={"cpu": 400})),
            "pod_metrics": (usage(0, 800), usage(1, 800)),
            "policy": policy(max_replicas=100, behavior=Behavior(RULES, RULES)),
        },
        desired,
        {"1.33": 10} | dict.fromkeys(("1.34", "1.35", "1.36", "1.37", "latest"), 4),
    ),
    "a tolerance of the policy's own is heeded, or not": (
        {"policy": policy(behavior=Behavior(WIDE, WIDE))},
        desired,
        dict.fromkeys(("1.33", "1.34"), 4) | dict.fromkeys(("1.35", "1.36", "1.37", "latest"), 2),
    ),
    "a pod whose metrics lack the container is missing in all of them": (
        {
            "policy": policy(metrics=(SIDECAR,)),
            "pods": (pod(0, containers=(Container("app", {"cpu": 100}),)), pod(1)),
            "pod_metrics": (usage(0, 300), PodMetrics("web-1", NOW - 5, 15.0, (("proxy", {"cpu": 5}),))),
        },
        failed,
        dict.fromkeys(RELEASES, "AboveTarget"),
    ),
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("changes", "seen", "expected"), CASES.values(), ids=CASES)
def test_a_release_decides_by_its_own_rules(changes, seen, expected, release):
    given = evaluation(**changes, settings=ControllerSettings(compat=RELEASES[release]))
    assert seen(plan(given), given) == expected[release]
