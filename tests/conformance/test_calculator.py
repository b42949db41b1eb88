"""Upstream's replica calculator, group_pods, requests and status tables."""

import re

import pytest

from autoscaler.core.planner import Evaluation
from autoscaler.core.proposals import Question, proposal
from autoscaler.core.replicas import average_per_replica
from autoscaler.core.requests import Failure, pod_requests
from autoscaler.core.samples import sorted_pods
from autoscaler.model.metrics import MetricValue
from autoscaler.model.objects import Container, InitContainer, Pod, Ready, Scale
from autoscaler.model.policy import Behavior, MetricSpec, Policy, ScalingRules, TargetRef
from autoscaler.model.quantity import milli_text
from tests.conformance.upstream import ANCIENT, NOW, cases, pods_of, settings_of, usage_of


def asked(case, spec, **found):
    """The metric's answer in the calculator's suites, where every sample and every readiness is ancient."""
    tolerance = case.get("tolerance")
    behavior = tolerance and Behavior(
        ScalingRules(tolerance=tolerance["up"]), ScalingRules(tolerance=tolerance["down"])
    )
    target = TargetRef("apps/v1", "Deployment", "target")
    policy = Policy(
        kind="HorizontalPodAutoscaler", namespace="test", name="hpa", target=target, behavior=behavior or None
    )
    count = case.get("pods", case["current"])
    pods = pods_of(case, count, ready_since=lambda _: ANCIENT)
    scale = Scale(namespace="test", name="target", replicas=case["current"], observed=case["current"], selector="a")
    evaluation = Evaluation(policy=policy, scale=scale, now=NOW, settings=settings_of(case), **found)
    return proposal(Question(evaluation, scale, pods, spec))


@pytest.mark.parametrize("case", cases("calc_resource", "calc_resource_tolerance", "calc_resource_missing"))
def test_resource(case):
    names = case.get("metric_pod_names") or [f"pod-{index}" for index in range(len(case["usage_m"]))]
    container = case.get("container", "")
    spec = MetricSpec(
        type="ContainerResource" if container else "Resource",
        name="cpu",
        container=container,
        utilization=case["target_pct"],
    )
    metrics = tuple(usage_of(name, row, ANCIENT) for name, row in zip(names, case["usage_m"], strict=True))
    answer = asked(case, spec, pod_metrics=metrics)
    expected = case["expect"]
    if "error_contains" in expected:
        assert expected["error_contains"] in answer.error
        return
    assert answer.proposal.replicas == expected["replicas"]
    assert answer.proposal.current == expected["utilization_pct"]
    assert answer.proposal.average == expected["avg_raw_m"]


@pytest.mark.parametrize("case", cases("calc_pods_metric"))
def test_pods_metric(case):
    spec = MetricSpec(type="Pods", name="qps", average_value=case["target_m"])
    values = tuple(MetricValue(value, f"pod-{index}", ANCIENT) for index, value in enumerate(case["values_m"]))
    check_usage(case, asked(case, spec, values={spec: values}))


OBJECT = TargetRef("apps/v1", "Deployment", "some")


@pytest.mark.parametrize("case", cases("calc_object"))
def test_object_metric(case):
    spec = MetricSpec(type="Object", name="qps", described=OBJECT, target_type="Value", value=case["target_m"])
    check_usage(case, asked(case, spec, values={spec: series(case)}))


@pytest.mark.parametrize("case", cases("calc_object_per_pod"))
def test_object_metric_per_pod(case):
    spec = MetricSpec(
        type="Object", name="qps", described=OBJECT, target_type="AverageValue", average_value=case["target_m"]
    )
    check_usage(case, asked(case, spec, values={spec: series(case)}))


@pytest.mark.parametrize("case", cases("calc_external"))
def test_external_metric(case):
    spec = MetricSpec(type="External", name="qps", value=case["target_m"])
    check_usage(case, asked(case, spec, values={spec: series(case)}))


@pytest.mark.parametrize("case", cases("calc_external_per_pod"))
def test_external_metric_per_pod(case):
    spec = MetricSpec(type="External", name="qps", average_value=case["target_m"])
    check_usage(case, asked(case, spec, values={spec: series(case)}))


def series(case):
    return tuple(MetricValue(value) for value in case["values_m"])


def check_usage(case, answer):
    assert answer.proposal.replicas == case["expect"]["replicas"]
    assert answer.proposal.current == case["expect"]["usage_m"]


@pytest.mark.parametrize("case", cases("per_pod_usage"))
def test_average_per_replica(case):
    average = average_per_replica(case["usage_m"], case["status_replicas"], guarded=True, saturated=True)
    assert average == case["expect"]["usage_m"]


@pytest.mark.parametrize("case", cases("group_pods"))
def test_pods_are_sorted(case):
    def past(age):
        return ANCIENT if age is None else NOW - age

    pods = [
        Pod(
            namespace="test",
            name=each["name"],
            phase=each["phase"],
            deleted=each["deleted"],
            started=None if each["started_s_ago"] == "unset" else past(each["started_s_ago"]),
            ready=None if each["ready"] is None else Ready(str(each["ready"]), past(each["ready_changed_s_ago"])),
        )
        for each in case["pods"]
    ]
    samples = {
        name: MetricValue(1, name, past(each.get("s_ago")), float(each.get("window_s", 0)))
        for name, each in case["samples"].items()
    }
    found, expected = sorted_pods(pods, samples, case["resource"], settings_of(case), NOW), case["expect"]
    assert found.ready == expected["ready_count"]
    for kind in ("unready", "missing", "ignored"):
        assert list(getattr(found, kind)) == expected[kind]


@pytest.mark.parametrize("case", cases("pod_requests"))
def test_requests(case):
    def amounts(value):
        return {} if value is None else {case["resource"]: value}

    pod = Pod(
        namespace="test",
        name="pod",
        containers=tuple(Container(name, amounts(value)) for name, value in case["containers_m"].items()),
        init_containers=tuple(
            InitContainer(each["name"], amounts(each["request_m"]), each["restartable"])
            for each in case.get("init_containers", ())
        ),
        pod_requests=amounts(case["pod_level_request_m"]) if "pod_level_request_m" in case else None,
    )
    found = pod_requests([pod], case["resource"], case["container"], pod_level=case["pod_level_gate"])
    if isinstance(found, Failure):
        assert case["expect"]["error_contains"] in found.message
    else:
        assert found == {"pod": case["expect"]["request_m"]}


FORMATS = {"DecimalSI": re.compile(r"-?\d+([numkMGTPE]|e\d+)?"), "BinarySI": re.compile(r"-?\d+([KMGTPE]i)?")}


@pytest.mark.parametrize("case", cases("status_quantity"))
def test_status_quantity(case):
    text, expected = milli_text(case["raw_m"], case["resource"]), case["expect"]
    assert text == expected["quantity"]
    assert FORMATS[expected["format"]].fullmatch(text)
