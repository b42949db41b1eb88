"""A policy that cannot work is refused by the API server, or gets a condition; either says what to fix."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import ApiError, Object
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec, cpu_utilization, scaler

SOON = 20.0
UNKNOWN_TYPE = {"type": "Cpu", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}}}
GPU = {"type": "Resource", "resource": {"name": "gpu", "target": {"type": "AverageValue", "averageValue": "1"}}}
QUEUE = {"type": "Pods", "pods": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "5"}}}
NO_TARGET = {"maxReplicas": 3, "metrics": [cpu_utilization(50)]}


def changed(**fields: object) -> Object:
    return {**autoscaler_spec("web"), **fields}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(NO_TARGET, "spec.scaleTargetRef: Required value", id="no target"),
        pytest.param(
            changed(minReplicas=9), "spec.minReplicas must not be greater than spec.maxReplicas", id="min over max"
        ),
        pytest.param(changed(metrics=[UNKNOWN_TYPE]), 'Unsupported value: "Cpu"', id="unknown type of metric"),
    ],
)
def test_the_api_server_refuses_what_is_wrong_in_itself(
    cluster: Cluster, release: Release, here: Namespace, spec: Object, said: str
) -> None:
    with pytest.raises(ApiError) as caught:
        cluster.admin.post(here.scalers, scaler("wrong", spec))
    assert caught.value.status == 422
    assert said in caught.value.body["message"]


@pytest.mark.parametrize(
    ("spec", "condition", "reason", "said"),
    [
        pytest.param(
            autoscaler_spec("gone"),
            "AbleToScale",
            "FailedGetScale",
            'deployments.apps "gone" not found',
            id="no target",
        ),
        pytest.param(changed(metrics=[GPU]), "ScalingActive", "FailedGetResourceMetric", "gpu", id="unknown resource"),
        pytest.param(changed(metrics=[QUEUE]), "ScalingActive", "FailedGetPodsMetric", "queue", id="unknown metric"),
    ],
)
def test_c02_what_does_not_fit_the_cluster_gets_a_condition(
    cluster: Cluster, release: Release, here: Namespace, spec: Object, condition: str, reason: str, said: str
) -> None:
    cluster.admin.post(here.scalers, scaler("wrong", spec))

    def told() -> bool:
        found = here.condition("wrong", condition)
        assert found, "not evaluated yet"
        assert (found["status"], found["reason"]) == ("False", reason)
        assert said in found["message"]
        return True

    eventually(SOON, told)
