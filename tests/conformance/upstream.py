"""The upstream tables of hpa_cases.json as objects of ours; its `meta` explains the neutral fields."""

import json
import os
from pathlib import Path

import pytest

from autoscaler.core.evaluation import VALUE_TYPES, Evaluation
from autoscaler.model.compat import Compat
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Container, Pod, Ready, Scale
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import (
    Behavior,
    Condition,
    ControllerSettings,
    MetricSpec,
    Policy,
    ScalingPolicy,
    ScalingRules,
    TargetRef,
)

DATA = Path(__file__).parent / "data"
CASES = Path(os.environ.get("HPA_CASES") or DATA / "hpa_cases.json")
BUNDLES = Path(os.environ.get("HPA_BUNDLES") or DATA / "hpa_bundles.jsonl.gz")

NOW = 1_800_000_000.0
ANCIENT = -62_135_596_800.0  # 0001-01-01, Go's zero time
DEFAULT_DOWN = ScalingRules(policies=(ScalingPolicy("Percent", 100, 15),))
SINCE_MASTER = Compat(succeeded_pods_ignored=True, zero_status_average=True)


def all_cases():
    """Every case of the file; one without any would leave nothing to agree with."""
    found = json.loads(CASES.read_text())["cases"]
    assert found, f"{CASES} has no case"
    return found


class Expectation(dict):
    """What upstream's test expects, but for notes to people; knows which of it was looked at."""

    def __init__(self, given):
        super().__init__({key: value for key, value in given.items() if key != "note"})
        self.unread = set(self)

    def __getitem__(self, key):
        self.unread.discard(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.unread.discard(key)
        return super().get(key, default)


CLAIMED = set()
"""Suites whose expectations some test of this folder holds us to; filled while its modules are imported."""


def cases(*suites):
    """Those of the suites, for `pytest.mark.parametrize`; conftest.py fails who leaves an expectation of one unread."""
    CLAIMED.update(suites)
    return [
        pytest.param({**case, "expect": Expectation(case["expect"])}, id=f"{case['suite']}: {case['name']}")
        for case in all_cases()
        if case["suite"] in suites
    ]


def inputs(suite):
    """The cases of a suite without what is expected of them."""
    return [
        pytest.param({key: value for key, value in case.items() if key != "expect"}, id=case["name"])
        for case in all_cases()
        if case["suite"] == suite
    ]


def compat_of(case):
    gates = case.get("gates", {})
    return Compat(
        succeeded_pods_ignored="since" in case,
        zero_status_average="since" in case,
        scale_to_zero=gates.get("HPAScaleToZero", True),
        configurable_tolerance=gates.get("HPAConfigurableTolerance", True),
    )


def settings_of(case, **others):
    values = {"cpu_initialization": 120.0, "initial_readiness_delay": 10.0, "compat": compat_of(case)}
    return ControllerSettings(**(values | others))


def at(case, field, index, default):
    values = case.get(field)
    return values[index] if values is not None and index < len(values) else default


def containers_of(row):
    """Every pod has both containers; what is not in the row has no request."""
    row = [*row, None, None]
    return tuple(
        Container(name, {} if row[index] is None else {"cpu": row[index]})
        for index, name in enumerate(("container1", "container2"))
    )


def pods_of(case, count, *, ready_since):
    """`ready_since` says when a pod's readiness changed, from its start time."""
    pods = []
    for index in range(count):
        age = at(case, "started_s_ago", index, None)
        started = ANCIENT if age is None else NOW - age
        pods.append(
            Pod(
                namespace="test",
                name=f"pod-{index}",
                labels={"name": "test-pod"},
                phase=at(case, "phase", index, "Running"),
                deleted=at(case, "deleted", index, False),
                started=started,
                ready=Ready("True" if at(case, "ready", index, True) else "False", ready_since(started)),
                containers=containers_of(at(case, "requests_m", index, [])),
            )
        )
    return tuple(pods)


def usage_of(pod, row, sampled, resource="cpu"):
    names = ("container1", "container2")
    used = tuple((name, {resource: value}) for name, value in zip(names, row, strict=False) if value is not None)
    return PodMetrics(pod, sampled, 60.0, used)


def rules_of(rules, default=DEFAULT_DOWN):
    if rules is None:
        return default
    return ScalingRules(
        stabilization=rules.get("window_s"),
        select=rules["select"],
        policies=tuple(ScalingPolicy(*each) for each in rules["policies"]),
        tolerance=rules.get("tolerance"),
    )


def events_of(events):
    return tuple(ScaleEvent(change, NOW - age) for change, age in events)


def recommendations_of(entries):
    return None if entries is None else tuple(Recommendation(replicas, NOW - age) for replicas, age in entries)


def metric_of(case, metric):
    return MetricSpec(
        type=metric["type"],
        name=metric.get("name", "qps"),
        container=metric.get("container", ""),
        described=TargetRef("networking.k8s.io/v1", "Ingress", "main") if metric["type"] == "Object" else None,
        target_type="Value"
        if "target_value_m" in metric
        else "AverageValue"
        if "target_avg_m" in metric
        else "Utilization",
        utilization=metric.get("target_pct"),
        average_value=metric.get("target_avg_m"),
        value=metric.get("target_value_m"),
    )


def policy_of(case):
    behavior = case.get("behavior")
    return Policy(
        kind="HorizontalPodAutoscaler",
        namespace="test",
        name="hpa",
        generation=1,
        target=TargetRef("apps/v1", case.get("target_kind", "Deployment"), "target"),
        min_replicas=case["min"],
        max_replicas=case["max"],
        metrics=tuple(metric_of(case, metric) for metric in case["metrics"]),
        behavior=Behavior(rules_of(behavior["scale_up"]), rules_of(behavior["scale_down"])) if behavior else None,
        desired=case["spec_replicas"],
        conditions=tuple(
            Condition(type=type_, status=status, reason=reason, message="", since=NOW - 600)
            for type_, (status, reason) in case.get("conditions_before", {}).items()
        ),
    )


def evaluation_of(case):
    """A whole pass of the reconcile suite."""
    levels = case["levels"]
    fails = {metric["type"] for metric in case["metrics"] if metric.get("api_fails")}
    values = tuple(MetricValue(level, f"pod-{index}", NOW) for index, level in enumerate(levels))
    policy = policy_of(case)
    return Evaluation(
        policy=policy,
        scale=Scale(
            namespace="test",
            name="target",
            replicas=case["spec_replicas"],
            observed=case["status_replicas"],
            selector=case.get("selector", "name=test-pod"),
        ),
        pods=pods_of(case, case["pods"], ready_since=lambda started: started),
        pod_metrics=tuple(
            usage_of(f"pod-{index}", (level // 2, level // 2), NOW) for index, level in enumerate(levels)
        ),
        values={
            spec: values[:1] if spec.type == "Object" else values
            for spec in policy.metrics
            if spec.type in VALUE_TYPES and spec.type not in fails
        },
        history=History(recommendations=recommendations_of(case.get("recommendations"))),
        now=NOW,
        settings=settings_of(case, legacy_up_factor=8.0),
        rivals=("other-hpa",) if case.get("other_hpa_selects") else (),
    )
