"""Where an hps departs from the HPA, on the real API server: owners are walked by our own rights, a pause ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from autoscaler.model.decision import Decision
from autoscaler.model.plan import Selected
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec, deployment, scaler, usage

SOON = 30.0
PAUSED_SECONDS = 10


def stranger(cpu: str) -> Object:
    """A pod nobody owns, with the labels of Deployment `web` and some load."""
    pod: Object = deployment("web", 1)["spec"]["template"]
    labels = {**pod["metadata"]["labels"], "stranger": "yes"}
    return {"metadata": {"name": "stranger", "labels": labels, "annotations": usage(cpu, "64Mi")}, "spec": pod["spec"]}


def last(release: Release, here: Namespace) -> Decision:
    with SpoolReader(release.spool) as spool:
        return codec.decode(list(spool.records(f"{here.name}/Deployment/web"))[-1].body)


def test_d08_pods_of_nobody_are_not_counted_and_named_in_the_record(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    """Without the field the stranger's 300m make the target grow; with it nothing does."""
    cluster.admin.patch(f"{here.scalers}/web", {"spec": {"ownedPodsOnly": True}})
    cluster.admin.post(f"/api/v1/namespaces/{here.name}/pods", stranger("300m"))

    def left_out() -> bool:
        found = last(release, here)
        chosen = [stage for stage in found.stages if isinstance(stage, Selected)]
        assert chosen == [Selected(counted=1, foreign=("stranger",))], found
        assert found.reason == "OnTarget"
        return True

    eventually(SOON, left_out)
    assert here.replicas("web") == 1
    cluster.admin.patch(f"{here.scalers}/web", {"spec": {"ownedPodsOnly": False}})
    eventually(SOON, lambda: here.replicas("web") > 1, "to an HPA it is one of the target's pods")


def test_d01_a_pause_holds_and_ends_by_itself(cluster: Cluster, release: Release, here: Namespace) -> None:
    until = (datetime.now(UTC) + timedelta(seconds=PAUSED_SECONDS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    pause = {"until": until, "reason": "load test", "actor": "sam"}
    cluster.admin.patch(f"{here.scalers}/web", {"spec": {"pause": pause, "minReplicas": 2}})

    def held() -> bool:
        found = here.condition("web", "ScalingLimited")
        assert found.get("reason") == "Paused", found
        assert found["message"] == f"paused by sam until {until}: load test"
        return True

    eventually(PAUSED_SECONDS, held)
    assert here.replicas("web") == 1
    eventually(SOON, lambda: here.replicas("web") == 2, "after its end nobody had to do anything")


@pytest.mark.parametrize("name", ["kube-system", "hpa-companion-system"])
def test_c09_nothing_is_scaled_in_kube_system_or_where_we_are(cluster: Cluster, release: Release, name: str) -> None:
    there = Namespace(cluster, name)
    cluster.admin.post(there.deployments, {**deployment("precious", 1)})
    cluster.admin.post(there.scalers, scaler("precious", autoscaler_spec("precious", least=2)))

    def refused() -> bool:
        found = there.condition("precious", "Ready")
        assert (found.get("status"), found.get("reason")) == ("False", "InvalidSpec"), found
        assert f"nothing is scaled in {name} (--protected-namespaces)" in found["message"]
        return True

    try:
        eventually(SOON, refused)
        assert there.replicas("precious") == 1
    finally:
        cluster.admin.delete(f"{there.scalers}/precious")
        cluster.admin.delete(f"{there.deployments}/precious")
