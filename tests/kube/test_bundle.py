from __future__ import annotations

import json
from typing import Any

import pytest

from autoscaler.errors import MalformedError
from autoscaler.kube.bundle import answered, encoded, read
from tests.kube.bundles import bundle, pod, usage


def answer(**changes: Any) -> dict[str, Any]:
    found = json.loads(encoded(answered(read(json.dumps(bundle(**changes)).encode()))))
    assert isinstance(found, dict)
    return found


def test_the_answer_has_the_whole_pass() -> None:
    found = answer()
    assert found["write"] == 4
    assert found["status"]["desiredReplicas"] == 4
    assert found["status"]["currentReplicas"] == 2
    assert found["status"]["observedGeneration"] == 3
    assert found["status"]["currentMetrics"] == [
        {
            "type": "Resource",
            "resource": {"name": "cpu", "current": {"averageUtilization": 160, "averageValue": "160m"}},
        }
    ]
    assert found["events"] == [
        "Normal SuccessfulRescale New size: 4; reason: cpu resource utilization (percentage of request) above target"
    ]
    assert found["recommendations"] == [2, 4]
    assert [stage["stage"] for stage in found["stages"]] == ["proposal", "chosen", "stabilized", "limited", "final"]
    assert "error" not in found
    assert "scaleUps" not in found


def test_shadow_decides_and_writes_nothing() -> None:
    whole = bundle()["policy"]
    shadow = {"apiVersion": "hpa-companion.dev/v1alpha1", "kind": "HorizontalPodScaler"}
    found = answer(policy=whole | shadow | {"spec": whole["spec"] | {"mode": "Shadow"}})
    assert (found["write"], found["outcome"], found["status"]["desiredReplicas"]) == (None, "shadowed", 4)
    assert {each["type"]: each["reason"] for each in found["status"]["conditions"]}["AbleToScale"] == "ReadyForNewScale"
    assert "events" not in found
    assert "scaleUps" not in found
    assert (found["stages"][-1]["stage"], found["stages"][-1]["replicas"]) == ("final", 4)


@pytest.mark.parametrize("kind", [{}, {"apiVersion": "hpa-companion.dev/v1alpha1", "kind": "HorizontalPodScaler"}])
def test_what_is_not_in_shadow_is_written(kind: dict[str, str]) -> None:
    whole = bundle()["policy"]
    mode = "Enforce" if kind else "Shadow"  # an HPA has no mode
    found = answer(policy=whole | kind | {"spec": whole["spec"] | {"mode": mode}})
    assert (found["write"], "outcome" in found) == (4, False)


def test_no_scale_is_a_get_that_found_nothing() -> None:
    found = answer(scale=None)
    assert (found["write"], found["status"]["desiredReplicas"], found["status"]["currentReplicas"]) == (None, 2, 2)
    assert found["status"]["conditions"][0]["reason"] == "FailedGetScale"
    assert found["error"]


def test_no_pod_metrics_is_an_api_that_is_unavailable() -> None:
    found = answer(podMetrics=None)
    assert found["write"] is None
    assert "unavailable" in found["error"]
    assert found["status"]["currentMetrics"] == [{"type": ""}]


@pytest.mark.parametrize(
    ("field", "kind", "source"),
    [
        ("customMetrics", "Pods", "pods"),
        ("externalMetrics", "External", "external"),
    ],
)
def test_custom_and_external_answers_are_read(field: str, kind: str, source: str) -> None:
    given = bundle()
    metric = {"name": "qps", "selector": {"matchLabels": {"queue": "q1"}}}
    target = {"type": "AverageValue", "averageValue": "10"}
    given["policy"]["spec"]["metrics"] = [{"type": kind, source: {"metric": metric, "target": target}}]
    items = [
        {"describedObject": {"name": f"web-{index}"}, "value": value, "timestamp": "2026-11-23T11:59:50Z"}
        for index, value in enumerate(("15", 15.5))
    ]
    found = answer(policy=given["policy"], **{field: [{"metric": "qps", "list": {"items": items}}]})
    assert found["write"] == 4
    current = {"averageValue": "15250m"}
    assert found["status"]["currentMetrics"] == [{"type": kind, source: {"metric": metric, "current": current}}]
    assert "not found" in answer(policy=given["policy"])["error"]


def test_a_history_that_is_absent_is_a_policy_never_seen() -> None:
    assert answer(history={})["recommendations"] == [2, 4]
    assert answer(history={"recommendations": []})["recommendations"] == [4]


def test_changes_written_before_count() -> None:
    given = bundle()
    rule = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
    given["policy"]["spec"]["behavior"] = {"scaleUp": rule}
    past = {"change": 1, "time": "2026-11-23T11:59:30Z"}
    history = {"recommendations": [], "scaleUps": [past], "scaleDowns": [past]}
    found = answer(policy=given["policy"], history=history)
    assert (found["write"], found["scaleUps"], found["scaleDowns"]) == (3, [1, 1], [1])


def test_compatibility_switches_are_settings() -> None:
    pods = [pod(0), pod(1), pod(2)]
    pods[2]["status"]["phase"] = "Succeeded"
    metrics = {"items": [usage(0, "200m"), usage(1, "200m")]}
    missing = answer(pods={"items": pods}, podMetrics=metrics)
    ignored = answer(pods={"items": pods}, podMetrics=metrics, settings={"compat": {"succeeded_pods_ignored": True}})
    assert missing["stages"][0]["pods"]["missing"] == ["web-2"]
    assert ignored["stages"][0]["pods"]["ignored"] == ["web-2"]
    later = answer(pods={"items": pods}, podMetrics=metrics, settings={"compat": "latest"})
    assert later["stages"][0]["pods"]["ignored"] == ["web-2"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        pytest.param({"now": None}, "$.now", id="no time"),
        pytest.param({"now": "noon"}, "'noon'", id="a time that is none"),
        pytest.param({"policy": {"spec": {}}}, "policy: ", id="a policy without metadata"),
        pytest.param({"pods": {"items": [pod(0), {"metadata": 1}]}}, "pods.items[1]: ", id="a pod that is none"),
        pytest.param({"scale": {"spec": {"replicas": "2"}, "metadata": {}}}, "scale: ", id="a scale in words"),
        pytest.param({"podMetrics": {"items": [usage(0, "lots")]}}, "'lots' is no quantity", id="a broken quantity"),
        pytest.param(
            {"podMetrics": {"items": [usage(0, "1") | {"window": "15"}]}}, "'15' is no duration", id="a broken window"
        ),
        pytest.param({"history": {"recommendations": [{"replicas": 1}]}}, "$.history", id="a broken history"),
        pytest.param({"settings": {"compat": "1.2"}}, "settings.compat: '1.2' is unknown", id="an unknown release"),
        pytest.param({"settings": {"compat": {"turbo": True}}}, "settings.compat: 'turbo'", id="an unknown switch"),
    ],
)
def test_a_broken_bundle_says_where(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read(json.dumps(bundle(**changes)).encode())
    assert where in str(caught.value)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b'{"now":', b"\xff"])
def test_what_is_no_bundle_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedError):
        read(line)


@pytest.mark.parametrize(("window", "seconds"), [("30s", 30.0), ("1m0.5s", 60.5), ("1µs", 1e-6), ("0s", 0.0)])
def test_windows_are_go_durations(window: str, seconds: float) -> None:
    line = json.dumps(bundle(podMetrics={"items": [usage(0, "1") | {"window": window}]})).encode()
    metrics = read(line).evaluation.pod_metrics
    assert metrics is not None
    assert metrics[0].window == seconds


def test_replica_sets_tell_whose_the_pods_are() -> None:
    deployment = {"kind": "Deployment", "name": "web", "uid": "d-1", "controller": True}
    sets = [
        {"metadata": {"name": "web-5d8", "uid": "rs-1", "ownerReferences": [deployment]}},
        {"metadata": {"name": "lonely", "uid": "rs-2"}},
    ]
    line = json.dumps(bundle(replicaSets={"items": sets})).encode()
    assert read(line).evaluation.owners == {"rs-1": "d-1"}
