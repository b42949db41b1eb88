from __future__ import annotations

import json
from typing import Any

import pytest

from autoscaler.core.selectors import fault, parse
from autoscaler.errors import MalformedError
from autoscaler.kube.decode_policy import policy, unreadable
from autoscaler.model.policy import Condition, MetricSpec, Mode, TargetRef

CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}


def document(**spec: Any) -> bytes:
    whole = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 10}
    return json.dumps(
        {"kind": "HorizontalPodScaler", "metadata": {"name": "web", "namespace": "shop"}, "spec": whole | spec}
    ).encode()


def test_the_smallest_policy_has_the_api_servers_defaults() -> None:
    made = policy(document())
    assert (made.kind, str(made.key), made.target) == (
        "HorizontalPodScaler", "shop/web", TargetRef("apps/v1", "Deployment", "web"),
    )  # fmt: skip
    assert (made.min_replicas, made.max_replicas, made.behavior, made.mode) == (1, 10, None, Mode.ENFORCE)
    assert made.metrics == (MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=80),)


def test_metadata_and_status_come_along() -> None:
    made = policy(
        json.dumps(
            {
                "metadata": {
                    "name": "h", "namespace": "n", "uid": "u", "generation": 7, "resourceVersion": "9",
                    "annotations": {"hpa-companion.dev/x": "1", "kubectl.kubernetes.io/last-applied": "long"},
                },
                "spec": {"scaleTargetRef": {"kind": "D", "name": "d"}, "maxReplicas": 1},
                "status": {
                    "desiredReplicas": 4, "observedGeneration": 6, "lastScaleTime": "2026-11-23T09:54:21Z",
                    "conditions": [{"type": "AbleToScale", "status": "True", "reason": "r", "message": "m",
                                    "lastTransitionTime": "2026-11-23T09:54:21Z"}],
                },
            }
        ).encode(),
        "HorizontalPodAutoscaler",
    )  # fmt: skip
    assert (made.kind, made.uid, made.generation, made.resource_version) == ("HorizontalPodAutoscaler", "u", 7, "9")
    assert (made.desired, made.observed_generation, made.last_scale) == (4, 6, 1795427661.0)
    assert made.conditions == (
        Condition(type="AbleToScale", status="True", reason="r", message="m", since=1795427661.0),
    )
    assert made.annotations == {"hpa-companion.dev/x": "1"}


@pytest.mark.parametrize(
    ("wire", "spec"),
    [
        pytest.param(CPU, MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=50), id="cpu"),
        pytest.param(
            {"type": "Resource",
             "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}},
            MetricSpec(type="Resource", name="memory", target_type="AverageValue", average_value=2**30 * 1000),
            id="memory by average value",
        ),
        pytest.param(
            {"type": "ContainerResource",
             "containerResource": {"name": "cpu", "container": "app", "target": {"averageUtilization": 60}}},
            MetricSpec(type="ContainerResource", name="cpu", container="app", utilization=60),
            id="one container",
        ),
        pytest.param(
            {"type": "Pods", "pods": {"metric": {"name": "rps", "selector": {"matchLabels": {"verb": "GET"}}},
                                      "target": {"type": "AverageValue", "averageValue": 10}}},
            MetricSpec(type="Pods", name="rps", selector="verb=GET", target_type="AverageValue", average_value=10_000),
            id="pods",
        ),
        pytest.param(
            {"type": "Object", "object": {"metric": {"name": "rps"}, "target": {"type": "Value", "value": "2k"},
                                          "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "s"}}},
            MetricSpec(type="Object", name="rps", described=TargetRef("v1", "Service", "s"), target_type="Value",
                       value=2_000_000),
            id="object",
        ),
        pytest.param(
            {"type": "External", "external": {"metric": {"name": "queue", "selector": {"matchExpressions": [
                {"key": "q", "operator": "NotIn", "values": ["b", "a"]}, {"key": "z", "operator": "Exists"}]}}}},
            MetricSpec(type="External", name="queue", selector="q notin (a,b),z"),
            id="external without a target",
        ),
        pytest.param({"type": "Nonsense"}, MetricSpec(type="Nonsense", name=""), id="an unknown type"),
        pytest.param({"type": "Pods", "resource": {"name": "cpu"}}, MetricSpec(type="Pods", name=""), id="wrong one"),
    ],
)  # fmt: skip
def test_every_metric_source(wire: dict[str, object], spec: MetricSpec) -> None:
    assert policy(document(metrics=[wire])).metrics == (spec,)


@pytest.mark.parametrize(
    ("mode", "meant"),
    [(None, Mode.ENFORCE), ("Enforce", Mode.ENFORCE), ("Shadow", Mode.SHADOW), ("Observe", Mode.SHADOW)],
)
def test_a_mode_that_is_not_known_writes_nothing(mode: str | None, meant: Mode) -> None:
    assert policy(document(mode=mode)).mode is meant


def test_nonsense_is_kept_for_the_validation() -> None:
    made = policy(document(scaleTargetRef=None, minReplicas=9, maxReplicas=-3))
    assert (made.target, made.min_replicas, made.max_replicas) == (TargetRef("", "", ""), 9, -3)


def test_a_policy_without_a_spec_is_still_one() -> None:
    assert policy(b'{"metadata":{"name":"x","namespace":"n"}}').target == TargetRef("", "", "")


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"maxReplicas": "ten"}, r"^spec\.maxReplicas: Expected `int"),
        (
            {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageValue": "lots"}}}]},
            r"^spec\.metrics\[0\]\.resource\.target\.averageValue: .*lots",
        ),
        ({"behavior": {"scaleUp": {"tolerance": "a bit"}}}, r"^spec\.behavior\.scaleUp\.tolerance: .*a bit"),
    ],
    ids=["a text for a number", "a quantity", "a tolerance"],
)
def test_what_cannot_be_read_says_where(spec: dict[str, object], text: str) -> None:
    with pytest.raises(MalformedError, match=text):
        policy(document(**spec))


@pytest.mark.parametrize(
    ("selector", "why"),
    [
        ({"matchLabels": {"a b": "c"}}, "label key 'a b'"),
        ({"matchLabels": {"a": "b,c=d"}}, "label value 'b,c=d' of 'a'"),
        ({"matchExpressions": [{"key": "a", "operator": "Near"}]}, "operator 'Near' is none of In, NotIn"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": []}]}, "In takes at least one value"),
    ],
)
def test_a_selector_that_is_none_is_kept_as_why(selector: dict[str, object], why: str) -> None:
    """The API server takes an HPA with it, whose other metrics then decide."""
    [made] = policy(
        document(metrics=[{"type": "Pods", "pods": {"metric": {"name": "x", "selector": selector}}}])
    ).metrics
    assert why in fault(made.selector)
    with pytest.raises(MalformedError):
        parse(made.selector)


def test_s16_an_object_of_another_version_is_read_as_far_as_it_is_known() -> None:
    newer = document(behaviour={"scaleUp": 1}, priority="high", metrics=[{**CPU, "weight": 3}])
    assert policy(newer) == policy(document(metrics=[CPU]))


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        pytest.param('"junk"', 0, id="no object"),
        pytest.param('{"desiredReplicas": "many"}', 0, id="a text for a number"),
        pytest.param('{"desiredReplicas": 4, "lastScaleTime": "noon"}', 0, id="no time"),
        pytest.param('{"desiredReplicas": 4}', 4, id="a good one"),
    ],
)
def test_a_status_that_cannot_be_read_is_none(status: str, kept: int) -> None:
    made = policy(document()[:-1] + b', "status": ' + status.encode() + b"}")
    assert (made.desired, made.max_replicas) == (kept, 10)


@pytest.mark.parametrize(
    ("spec", "target"),
    [
        pytest.param({"maxReplicas": "ten"}, "web", id="with a target"),
        pytest.param({"scaleTargetRef": "web"}, "", id="with none that can be read"),
    ],
)
def test_of_a_spec_that_cannot_be_read_the_target_is_known_and_nothing_is_written(
    spec: dict[str, object], target: str
) -> None:
    made = unreadable(document(**spec), "", "spec.x: why")
    assert (str(made.key), made.target.name, made.mode) == ("shop/web", target, Mode.SHADOW)
    assert made.unreadable == "spec.x: why"


def test_what_cannot_be_named_is_malformed() -> None:
    with pytest.raises(MalformedError):
        unreadable(b'{"metadata":{"name":7}}', "", "why")


def test_a_field_of_another_source_is_not_read() -> None:
    mixed = {"type": "External", "external": {"name": "x", "container": "y", "describedObject": {"kind": 7}}}
    [made] = policy(document(metrics=[mixed])).metrics
    assert made == MetricSpec(type="External", name="")
