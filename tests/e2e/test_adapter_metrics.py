"""Custom and external metrics from a real adapter behind the real aggregator: the HPA and we reach the same sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.adapter import Adapter
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.release import NAME, Release
from tests.e2e.workloads import Namespace, deployment, hpa, scaler

PATIENCE = 120.0
STATUS = 60.0
"""New values of metrics alone are not worth a status write every time."""
LOW, HIGH = 15_000, 45_000
SIZES = {LOW: 2, HIGH: 5}
"""At 10 for each pod; a pod has 7.5 or 9 of it then, and one pod fewer would have too much."""
APPS = ("hpa", "hps")


def external(metric: str, app: str, target: Object) -> Object:
    return {"type": "External", "external": {"metric": _metric(metric, app), "target": target}}


def of_service(metric: str, app: str, target: Object) -> Object:
    described = {"apiVersion": "v1", "kind": "Service", "name": app}
    return {"type": "Object", "object": {"describedObject": described, "metric": {"name": metric}, "target": target}}


def _metric(name: str, app: str) -> Object:
    return {"name": name, "selector": {"matchLabels": {"app": app}}}


EACH = {"type": "AverageValue", "averageValue": "10"}
ALL = {"type": "Value", "value": "10"}
METRICS = {
    "pods": lambda _: {"type": "Pods", "pods": {"metric": {"name": "share"}, "target": EACH}},
    "object-value": lambda app: of_service("share", app, ALL),
    "object-average": lambda app: of_service("load", app, EACH),
    "external-value": lambda app: external("share", app, ALL),
    "external-average": lambda app: external("load", app, EACH),
}


def spec(target: Object, metric: Object, *, least: int = 1) -> Object:
    """Up and down at once: an adapter's numbers are never behind."""
    at_once = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 10, "periodSeconds": 15}]}
    return {
        "scaleTargetRef": target,
        "minReplicas": least,
        "maxReplicas": 8,
        "metrics": [metric],
        "behavior": {"scaleUp": at_once, "scaleDown": at_once},
    }


def deployed(name: str) -> Object:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}


@pytest.fixture(scope="module")
def adapter(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    made = Adapter(cluster, tmp_path_factory.mktemp("adapter"))
    yield made
    made.stop()


def _why(here: Namespace, name: str) -> list[Object]:
    """What both say of themselves."""
    objects = [here.cluster.admin.get(f"{here.hpas}/{name}-hpa"), here.scaler(f"{name}-hps")]
    return [each for found in objects for each in found.get("status", {}).get("conditions", [])]


def both(here: Namespace, adapter: Adapter, name: str, load: int) -> None:
    """The size each of the two apps of this name is to reach."""

    def same() -> bool:
        found = [here.replicas(f"{name}-{by}") for by in APPS]
        size = 0 if load == 0 else SIZES[load]
        assert found == [size, size], f"{found}, not {size}; {_why(here, name)}"
        return True

    eventually(PATIENCE, same, f"{name} has its size under a load of {load}")


@pytest.mark.usefixtures("release")
def test_every_kind_of_metric_leads_both_to_the_same_size(cluster: Cluster, adapter: Adapter, namespace: str) -> None:
    here = Namespace(cluster, namespace)
    for name, metric in METRICS.items():
        for by, path, make in (("hpa", here.hpas, hpa), ("hps", here.scalers, scaler)):
            app = f"{name}-{by}"
            adapter.loads[app] = LOW
            here.run(app, 1)
            cluster.admin.post(path, make(app, spec(deployed(app), metric(app))))
    for load in (LOW, HIGH, LOW):
        adapter.loads = dict.fromkeys(adapter.loads, load)
        for name in METRICS:
            both(here, adapter, name, load)
    for name in METRICS:
        eventually(STATUS, lambda name=name: told_alike(here, name), f"both tell the same of {name}")


def told_alike(here: Namespace, name: str) -> bool:
    """Whether the two statuses show the same metric, but for the app's name."""
    both_told = [here.cluster.admin.get(f"{here.hpas}/{name}-hpa"), here.scaler(f"{name}-hps")]
    theirs, ours = (json.dumps(each["status"]["currentMetrics"], sort_keys=True) for each in both_told)
    assert ours.replace(f"{name}-hps", name) == theirs.replace(f"{name}-hpa", name)
    return True


@pytest.mark.usefixtures("release")
def test_both_go_to_zero_and_wake_again(cluster: Cluster, adapter: Adapter, namespace: str) -> None:
    here = Namespace(cluster, namespace)
    for by, path, make in (("hpa", here.hpas, hpa), ("hps", here.scalers, scaler)):
        app = f"idle-{by}"
        adapter.loads[app] = LOW
        here.run(app, 1)
        cluster.admin.post(path, make(app, spec(deployed(app), external("load", app, EACH), least=0)))
    for load in (LOW, 0, HIGH):
        adapter.loads = dict.fromkeys(adapter.loads, load)
        both(here, adapter, "idle", load)
        status = "True" if load == 0 else "False"
        eventually(30, lambda status=status: here.condition("idle-hps", "ScaledToZero").get("status") == status)


@pytest.mark.usefixtures("release")
def test_a_containers_own_usage_leads_both_to_the_same_size(cluster: Cluster, namespace: str) -> None:
    """No adapter: the HPA reads it from our Metrics API, we from memory."""
    here = Namespace(cluster, namespace)
    target = {"type": "Utilization", "averageUtilization": 80}
    usage = {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app", "target": target}}
    for by, path, make in (("hpa", here.hpas, hpa), ("hps", here.scalers, scaler)):
        here.run(f"own-{by}", 1, cpu="120m")
        cluster.admin.post(path, make(f"own-{by}", spec(deployed(f"own-{by}"), usage) | {"maxReplicas": 3}))

    def same() -> bool:
        assert [here.replicas(f"own-{by}") for by in APPS] == [3, 3]
        return True

    eventually(PATIENCE, same, "both have as many as they may")


def test_any_kind_with_a_scale_is_scaled_once_we_may(
    cluster: Cluster, release: Release, adapter: Adapter, namespace: str
) -> None:
    here = Namespace(cluster, namespace)
    template = deployment("bare", 1)
    path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    cluster.admin.post(path, template | {"kind": "ReplicaSet"})
    adapter.loads["bare"] = HIGH
    target = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "bare"}
    cluster.admin.post(here.scalers, scaler("bare", spec(target, external("load", "bare", EACH))))

    def refused() -> bool:
        return here.condition("bare", "AbleToScale").get("reason") == "FailedGetScale"

    eventually(30, refused, "without the right it says so")
    assert "replicasets/scale" in here.condition("bare", "AbleToScale")["message"].replace('"', "")
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": f"{namespace}-replicasets"}}
    rule = {"apiGroups": ["apps"], "resources": ["replicasets/scale"], "verbs": ["get", "update"]}
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    cluster.admin.post(f"{roles}/roles", role | {"kind": "Role", "rules": [rule]})
    ours = {"kind": "ServiceAccount", "name": NAME, "namespace": release.namespace}
    named = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": f"{namespace}-replicasets"}
    cluster.admin.post(f"{roles}/rolebindings", role | {"kind": "RoleBinding", "roleRef": named, "subjects": [ours]})

    def scaled() -> bool:
        wanted: int = cluster.admin.get(f"{path}/bare")["spec"]["replicas"]
        return wanted == SIZES[HIGH]

    eventually(PATIENCE, scaled, "the ReplicaSet has its size")
