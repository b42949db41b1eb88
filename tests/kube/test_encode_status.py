from __future__ import annotations

from typing import Any

import pytest

from autoscaler.core import selectors
from autoscaler.kube.encode_status import conditions, label_selector, merged, metric
from autoscaler.model.objects import Milli
from autoscaler.model.plan import MetricStatus
from autoscaler.model.policy import Condition
from autoscaler.model.status import PolicyStatus

NOW = 1795427661.9
TIME = "2026-11-23T09:54:21Z"
EARLIER = "2026-11-23T09:00:00Z"


@pytest.mark.parametrize(
    ("status", "document"),
    [
        pytest.param(
            MetricStatus(type="Resource", name="cpu", utilization=50, average_value=Milli(125)),
            {"type": "Resource",
             "resource": {"name": "cpu", "current": {"averageUtilization": 50, "averageValue": "125m"}}},
            id="cpu",
        ),
        pytest.param(
            MetricStatus(type="Resource", name="memory", average_value=Milli(2**20 * 1000)),
            {"type": "Resource", "resource": {"name": "memory", "current": {"averageValue": "1Mi"}}},
            id="memory",
        ),
        pytest.param(
            MetricStatus(type="ContainerResource", name="cpu", container="app", utilization=0),
            {"type": "ContainerResource",
             "containerResource": {"name": "cpu", "container": "app", "current": {"averageUtilization": 0}}},
            id="one container, and zero is a value",
        ),
        pytest.param(
            MetricStatus(type="Pods", name="rps", selector="verb=GET", average_value=Milli(10_500)),
            {"type": "Pods", "pods": {"metric": {"name": "rps", "selector": {"matchLabels": {"verb": "GET"}}},
                                      "current": {"averageValue": "10500m"}}},
            id="pods",
        ),
        pytest.param(
            MetricStatus(type="Object", name="rps", value=Milli(2_000_000), described_kind="Service",
                         described_name="s", described_api_version="v1"),
            {"type": "Object", "object": {"metric": {"name": "rps"}, "current": {"value": "2k"},
                                          "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "s"}}},
            id="object",
        ),
        pytest.param(
            MetricStatus(type="External", name="queue", value=Milli(7000)),
            {"type": "External", "external": {"metric": {"name": "queue"}, "current": {"value": "7"}}},
            id="external",
        ),
        pytest.param(MetricStatus(), {"type": ""}, id="one that failed"),
    ],
)  # fmt: skip
def test_a_metric_is_written_as_autoscaling_v2_has_it(status: MetricStatus, document: dict[str, Any]) -> None:
    assert metric(status) == document


@pytest.mark.parametrize("text", ["", "a=b", "a=b,c in (d,e),f", "a notin (b),!g"])
def test_a_selectors_text_survives_its_object(text: str) -> None:
    wire: Any = label_selector(text)
    expressions = [(each["key"], each["operator"], each.get("values", ())) for each in wire.get("matchExpressions", ())]
    assert str(selectors.from_object(wire.get("matchLabels", {}), expressions)) == text


def held(kind: str, status: str) -> dict[str, object]:
    return {
        "type": kind,
        "status": status,
        "reason": "Old",
        "message": "old",
        "observedGeneration": 1,
        "lastTransitionTime": EARLIER,
    }


def found(kind: str, status: str) -> Condition:
    return Condition(type=kind, status=status, reason="New", message="new")


@pytest.mark.parametrize(
    ("before", "touched", "after"),
    [
        pytest.param([held("A", "True")], [found("A", "True")], [("A", "True", "New", EARLIER)], id="the same status"),
        pytest.param([held("A", "True")], [found("A", "False")], [("A", "False", "New", TIME)], id="another status"),
        pytest.param(None, [found("A", "True")], [("A", "True", "New", TIME)], id="the first ever"),
        pytest.param(
            [held("A", "True"), held("B", "True")],
            [found("C", "True"), found("A", "True")],
            [("A", "True", "New", EARLIER), ("B", "True", "Old", EARLIER), ("C", "True", "New", TIME)],
            id="untouched ones stay, in their order",
        ),
        pytest.param("nonsense", [found("A", "True")], [("A", "True", "New", TIME)], id="nonsense before"),
    ],
)
def test_the_transition_time_moves_only_with_the_status(
    before: object, touched: list[Condition], after: list[tuple[str, ...]]
) -> None:
    fields = ("type", "status", "reason", "lastTransitionTime")
    assert [tuple(each[field] for field in fields) for each in conditions(before, touched, 1, NOW)] == after


def test_nothing_new_leaves_the_status_equal() -> None:
    status = PolicyStatus(
        observed_generation=3,
        current_replicas=2,
        desired_replicas=4,
        metrics=(MetricStatus(),),
        conditions=(found("A", "True"),),
        last_scale=NOW,
        last_decision="d1",
    )
    first = merged({}, status, NOW)
    assert first == {
        "observedGeneration": 3,
        "currentReplicas": 2,
        "desiredReplicas": 4,
        "currentMetrics": [{"type": ""}],
        "conditions": [
            {
                "type": "A",
                "status": "True",
                "reason": "New",
                "message": "new",
                "observedGeneration": 3,
                "lastTransitionTime": TIME,
            },
        ],
        "lastScaleTime": TIME,
        "lastDecisionId": "d1",
    }
    assert merged(first, status, NOW + 60) == first


def test_what_is_not_told_and_what_is_not_known_stays() -> None:
    before = {"currentReplicas": 2, "currentMetrics": [{"type": "x"}], "somebodyElses": {"a": 1}}
    assert merged(before, PolicyStatus(observed_generation=1), NOW) == {**before, "observedGeneration": 1}


def test_no_metrics_and_unknown_metrics_are_not_the_same() -> None:
    assert merged({"currentMetrics": [1]}, PolicyStatus(observed_generation=1, metrics=()), NOW)["currentMetrics"] == []


def test_a_condition_with_no_status_is_taken_away() -> None:
    held = [{"type": "ScaledToZero", "status": "True"}, {"type": "AbleToScale", "status": "True"}]
    removed = Condition(type="ScaledToZero", status="", reason="", message="")
    assert [each["type"] for each in conditions(held, (removed,), 1, 0.0)] == ["AbleToScale"]
