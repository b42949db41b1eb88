"""A small bundle, as plain JSON, for tests to bend."""

from __future__ import annotations

from typing import Any


def pod(index: int) -> dict[str, Any]:
    resources = {"requests": {"cpu": "100m", "memory": "64Mi"}}
    return {
        "metadata": {"name": f"web-{index}", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "resources": resources}]},
        "status": {
            "phase": "Running",
            "startTime": "2026-11-23T10:00:00Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T10:00:10Z"}],
        },
    }


def usage(index: int, cpu: str) -> dict[str, Any]:
    return {
        "metadata": {"name": f"web-{index}", "namespace": "shop"},
        "timestamp": "2026-11-23T11:59:50Z",
        "window": "15.5s",
        "containers": [{"name": "app", "usage": {"cpu": cpu, "memory": "32Mi"}}],
    }


def bundle(**changes: Any) -> dict[str, Any]:
    """Two pods at 160 % of a target of 100 %: 4 are wanted, as 3.2 is rounded up."""
    target = {"type": "Utilization", "averageUtilization": 100}
    whole = {
        "id": "two",
        "now": "2026-11-23T12:00:00.500000Z",
        "policy": {
            "kind": "HorizontalPodAutoscaler",
            "apiVersion": "autoscaling/v2",
            "metadata": {"name": "web", "namespace": "shop", "generation": 3},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 1,
                "maxReplicas": 10,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            },
            "status": {"currentReplicas": 2, "desiredReplicas": 2, "currentMetrics": None},
        },
        "scale": {
            "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7"},
            "spec": {"replicas": 2},
            "status": {"replicas": 2, "selector": "app=web"},
        },
        "pods": {"items": [pod(0), pod(1)]},
        "podMetrics": {"items": [usage(0, "160m"), usage(1, "159999999n")]},
        "history": {"recommendations": [{"replicas": 2, "time": "2026-11-23T11:59:00Z"}]},
    }
    return whole | changes
