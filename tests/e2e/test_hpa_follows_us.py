"""The real HorizontalPodAutoscaler of kube-controller-manager scales by our numbers, up and down."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec, hpa

PATIENCE = 150.0
"""Two samples of a new pod, and a pass of the controller, are 40 s on a machine that does nothing else."""


@pytest.mark.usefixtures("release")
def test_the_real_hpa_follows_a_step_up_and_a_step_down(cluster: Cluster, release: Release, namespace: str) -> None:
    here = Namespace(cluster, namespace)
    here.run("api", 1, cpu="40m")
    cluster.admin.post(here.hpas, hpa("api", autoscaler_spec("api")))

    here.follows("api", 300, 6, PATIENCE)  # 300m at 50m each, as a pod requests 100m
    here.follows("api", 60, 2, PATIENCE)

    def told() -> bool:
        status = cluster.admin.get(f"{here.hpas}/api")["status"]
        conditions = {each["type"]: each["reason"] for each in status["conditions"]}
        assert conditions["ScalingActive"] == "ValidMetricFound"
        assert status["currentMetrics"][0]["resource"]["current"]["averageUtilization"] == pytest.approx(30, abs=4)
        return True

    eventually(30, told, "its status shows the usage we serve")
