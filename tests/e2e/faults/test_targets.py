"""What a target may do under a decision: be replaced, be refused, be short of room, be changed a hundred times."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from autoscaler.audit.read import SpoolReader
from autoscaler.clock import SystemClock
from autoscaler.control.sweep import EDIT_SECONDS
from autoscaler.errors import ConflictError
from autoscaler.kube.client import KubeClient
from autoscaler.kube.connection import connect
from autoscaler.kube.scale import ScaleClient
from autoscaler.model.policy import TargetRef
from autoscaler.telemetry import Telemetry
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec, deployment, scaler
from tests.kube.test_scale import NOTHING

SOON = 30.0
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
WEB = TargetRef("apps/v1", "Deployment", "web")


async def test_s13_a_target_made_anew_between_read_and_write_is_not_written(cluster: Cluster, here: Namespace) -> None:
    cluster.admin.delete(f"{here.scalers}/web")
    connections = await connect(str(cluster.plane.kubeconfig("admin")), SystemClock())
    async with KubeClient(connections, Telemetry().kube) as client:
        scales = ScaleClient(client, NOTHING, SystemClock())
        read = await scales.read(here.name, WEB)
        cluster.admin.delete(f"{here.deployments}/web")
        cluster.admin.post(here.deployments, deployment("web", 1))
        with pytest.raises(ConflictError):
            await scales.write(read, WEB, 5)
    assert here.replicas("web") == 1


@pytest.fixture
def forbidding(cluster: Cluster, here: Namespace) -> Iterator[str]:
    """Admission refuses every change of a scale in this namespace; the path of what must go for it to end."""
    name = here.name
    match = {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"],
                                "resources": ["deployments/scale"]}]}  # fmt: skip
    rule = {"expression": "false", "message": "the change freeze lasts until Monday"}
    policy = {"failurePolicy": "Fail", "matchConstraints": match, "validations": [rule]}
    within = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": within}
    paths = f"{ADMISSION}/validatingadmissionpolicies", f"{ADMISSION}/validatingadmissionpolicybindings"
    for path, spec in zip(paths, (policy, binding), strict=True):
        cluster.admin.post(path, {"metadata": {"name": name}, "spec": spec})
    yield f"{paths[1]}/{name}"
    for path in paths:
        cluster.admin.delete(f"{path}/{name}")


def test_s17_what_admission_refuses_is_told_in_its_own_words_and_tried_again(
    cluster: Cluster, release: Release, here: Namespace, forbidding: str
) -> None:
    def refused() -> bool:
        """Admission takes a moment to heed a new policy; until then one more replica is let through."""
        if here.replicas("web") >= least(here):
            here.ask_for("web", least(here) + 1)
        found = here.condition("web", "AbleToScale")
        assert found.get("reason") == "FailedUpdateScale", found
        assert "the change freeze lasts until Monday" in found["message"]
        return True

    eventually(SOON, refused)
    cluster.admin.delete(forbidding)
    eventually(SOON, lambda: here.replicas("web") == least(here), "what was refused is tried again")
    eventually(SOON, lambda: here.condition("web", "AbleToScale")["status"] == "True")


def least(here: Namespace) -> int:
    found: int = here.scaler("web")["spec"]["minReplicas"]
    return found


def test_s18_without_room_for_more_pods_the_wanted_number_does_not_run_away(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    """Two pods at 95 % of their request where 50 % is wanted: four are needed, and two is all there is room for."""
    quota = {"metadata": {"name": "room"}, "spec": {"hard": {"pods": "2"}}}
    quotas = f"/api/v1/namespaces/{here.name}/resourcequotas"
    cluster.admin.post(quotas, quota)
    # Nothing is refused before the controller has counted what there is.
    eventually(SOON, lambda: cluster.admin.get(f"{quotas}/room").get("status", {}).get("used"), "the quota is counted")
    here.ask_for("web", 2)
    eventually(SOON, lambda: len(here.running("web")) == 2)

    def crowded() -> bool:
        here.share("web", 190)
        assert here.replicas("web") == 4
        return True

    eventually(2 * SOON, crowded)
    evaluations = [release.series()]
    name = 'autoscaler_evaluations_total{outcome="held",reason="OnTarget"}'

    def calm() -> bool:
        found = release.series()
        assert (here.replicas("web"), len(here.running("web"))) == (4, 2)
        return found.get(name, 0) >= evaluations[0].get(name, 0) + 4

    eventually(2 * SOON, calm, "four more evaluations that want no more")
    found = here.scaler("web")["status"]["currentMetrics"]
    assert found[0]["resource"]["current"]["averageUtilization"] >= 85, "and would want more, were all four counted"


def test_c04_a_hundred_edits_in_a_row_end_in_the_last_one(cluster: Cluster, release: Release, here: Namespace) -> None:
    began = time.monotonic()
    for number in range(100):
        cluster.admin.patch(f"{here.scalers}/web", {"spec": {"maxReplicas": 100 + number}})
    last = here.scaler("web")["metadata"]["generation"]
    eventually(
        5,
        lambda: here.scaler("web").get("status", {}).get("observedGeneration") == last,
        "the last generation was acted on",
    )
    assert here.replicas("web") == 1
    lasted = time.monotonic() - began
    with SpoolReader(release.spool) as spool:
        decided = sum(1 for _ in spool.records(f"{here.name}/Deployment/web"))
    assert decided <= lasted / EDIT_SECONDS + 3, "one a second, not one for each"


def test_c11_to_zero_without_metrics_is_held(cluster: Cluster, release: Release, here: Namespace) -> None:
    """Nobody serves external.metrics.k8s.io: no number is not 0 (KEDA #1850, #2244)."""
    queue = {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "5"}}
    spec = {**autoscaler_spec("web", least=0), "metrics": [{"type": "External", "external": queue}]}
    cluster.admin.patch(f"{here.scalers}/web", {"spec": spec})

    def held() -> bool:
        found = here.condition("web", "ScalingActive")
        assert (found.get("status"), found.get("reason")) == ("False", "FailedGetExternalMetric"), found
        assert here.condition("web", "MetricsAvailable")["status"] == "False"
        return True

    eventually(SOON, held)
    assert here.replicas("web") == 1


def test_c15_a_pod_without_a_request_is_named(cluster: Cluster, release: Release, here: Namespace) -> None:
    careless: Object = deployment("careless", 1)
    del careless["spec"]["template"]["spec"]["containers"][0]["resources"]
    cluster.admin.post(here.deployments, careless)
    eventually(SOON, lambda: len(here.running("careless")) == 1)
    cluster.admin.post(here.scalers, scaler("careless", autoscaler_spec("careless")))

    def named() -> bool:
        found = here.condition("careless", "ScalingActive")
        assert found.get("reason") == "FailedGetResourceMetric", found
        assert here.running("careless")[0]["metadata"]["name"] in found["message"], found["message"]
        return True

    eventually(SOON, named)
    assert here.replicas("careless") == 1
