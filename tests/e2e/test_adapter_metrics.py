"""Custom and external metrics from a real adapter behind the real aggregator: the HPA and we reach the same sizes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.adapter import Adapter
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.release import Release
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


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
KINDS = {
    "set": ("apps", "v1", "StatefulSet", "statefulsets"),
    "own": ("example.com", "v1", "Widget", "widgets"),
}
"""What scales other kinds: their group, version, kind and resource. Nobody runs pods for them here."""


@pytest.fixture
def widgets(cluster: Cluster) -> Iterator[None]:
    """A kind of one's own with a scale subresource."""
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    version["subresources"] = {"status": {}, "scale": scale}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    cluster.admin.post(DEFINITIONS, {"metadata": {"name": "widgets.example.com"}, "spec": spec})
    eventually(30, lambda: cluster.admin.exists("/apis/example.com/v1/widgets"))
    yield
    cluster.admin.delete(f"{DEFINITIONS}/widgets.example.com")


@pytest.fixture
def upgraded(release: Release) -> Iterator[Callable[[Object], None]]:
    """Upgrades the release to have these values too; as before afterwards."""
    before = release.values

    def upgrade(values: Object) -> None:
        release.values = before | values
        release.helm("upgrade")

    yield upgrade
    release.values = before
    release.helm("upgrade")


def test_any_kind_with_a_scale_is_scaled_once_rbac_targets_names_it(
    cluster: Cluster, adapter: Adapter, namespace: str, widgets: None, upgraded: Callable[[Object], None]
) -> None:
    here = Namespace(cluster, namespace)
    paths = {}
    for name, (group, version, kind, resource) in KINDS.items():
        path = paths[name] = f"/apis/{group}/{version}/namespaces/{namespace}/{resource}"
        whole = deployment(name, 1) | {"apiVersion": f"{group}/{version}", "kind": kind}
        cluster.admin.post(path, whole)
        cluster.admin.patch(f"{path}/{name}/status", {"status": {"replicas": 1, "selector": f"app={name}"}})
        adapter.loads[name] = HIGH
        target = {"apiVersion": f"{group}/{version}", "kind": kind, "name": name}
        cluster.admin.post(here.scalers, scaler(name, spec(target, external("load", name, EACH))))
    for name, (_, _, _, resource) in KINDS.items():

        def refused(name: str = name, resource: str = resource) -> bool:
            found = here.condition(name, "AbleToScale")
            assert found.get("reason") == "FailedGetScale", found
            return f"{resource}/scale" in found["message"]

        eventually(30, refused, "without the right it says so")
    named = [{"group": group, "resource": resource} for group, _, _, resource in KINDS.values()]
    upgraded({"rbac": {"targets": [{"group": "apps", "resource": "deployments"}, *named]}})
    for name, path in paths.items():

        def scaled(name: str = name, path: str = path) -> bool:
            wanted: int = cluster.admin.get(f"{path}/{name}")["spec"]["replicas"]
            assert wanted == SIZES[HIGH], _told(here, name)
            return True

        eventually(PATIENCE, scaled, f"{name} has its size")


def _told(here: Namespace, name: str) -> list[Object]:
    found: list[Object] = here.scaler(name).get("status", {}).get("conditions", [])
    return found
