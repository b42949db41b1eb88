"""Objects a test puts into a cluster, and what it does to them."""

from __future__ import annotations

import time

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import ApiError, Object

SETTLE = 30.0
"""Seconds until a Deployment's pods run."""
FIRST_NUMBERS = 60.0
"""Seconds until new pods are measured."""
STEADY = 10.0
"""Seconds a number of pods must hold to count as the one that was aimed at."""


def deployment(name: str, replicas: int, *, cpu: str = "50m", memory: str = "64Mi") -> Object:
    """`replicas` pods that request 100m and 128Mi, and use `cpu` and `memory` each."""
    labels = {"app": name}
    requests = {"cpu": "100m", "memory": "128Mi"}
    template = {
        "metadata": {"labels": labels, "annotations": usage(cpu, memory)},
        "spec": {"containers": [{"name": "app", "image": "example.invalid/app", "resources": {"requests": requests}}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def usage(cpu: str, memory: str) -> dict[str, str]:
    """Annotations of a pod that say what each of its containers uses from now on."""
    return {"sim/cpu": cpu, "sim/memory": memory}


def cpu_utilization(percent: int) -> Object:
    """A metric of an autoscaling/v2 spec."""
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def autoscaler_spec(target: str, *, least: int = 1, most: int = 8, percent: int = 50) -> Object:
    """An autoscaling/v2 spec on CPU that goes up at once, and down when no sample of the last 25 s is against it.

    The window is as long as a sample may be behind: without it a target that just shrank is judged by samples of pods
    that still shared the load with those that went.
    """
    up = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 400, "periodSeconds": 15}]}
    down = {"stabilizationWindowSeconds": 25, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [cpu_utilization(percent)],
        "behavior": {"scaleUp": up, "scaleDown": down},
    }


def hpa(name: str, spec: Object) -> Object:
    """A HorizontalPodAutoscaler, for kube-controller-manager."""
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": spec}


def scaler(name: str, spec: Object) -> Object:
    """A HorizontalPodScaler, for us."""
    return {
        "apiVersion": "hpa-companion.dev/v1alpha1",
        "kind": "HorizontalPodScaler",
        "metadata": {"name": name},
        "spec": spec,
    }


class Namespace:
    """One namespace of a cluster, in the verbs of a test."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name
        self._api = cluster.admin

    @property
    def deployments(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.name}/deployments"

    @property
    def scalers(self) -> str:
        return f"/apis/hpa-companion.dev/v1alpha1/namespaces/{self.name}/horizontalpodscalers"

    @property
    def hpas(self) -> str:
        return f"/apis/autoscaling/v2/namespaces/{self.name}/horizontalpodautoscalers"

    def run(self, name: str, replicas: int, *, cpu: str = "50m") -> None:
        """A Deployment whose pods run when this returns."""
        self._api.post(self.deployments, deployment(name, replicas, cpu=cpu))
        eventually(SETTLE, lambda: len(self.running(name)) == replicas, f"{replicas} pods of {name} run")

    def share(self, name: str, millicores: int) -> int:
        """Spread this much CPU evenly over the pods there are, as a load balancer would; how many those are."""
        return self._spread(name, "sim/cpu", millicores, "m")

    def fill(self, name: str, mebibytes: int) -> int:
        """The same with memory."""
        return self._spread(name, "sim/memory", mebibytes, "Mi")

    def _spread(self, name: str, resource: str, amount: int, unit: str) -> int:
        pods = self.running(name)
        each = f"{amount // max(len(pods), 1)}{unit}"
        for pod in pods:
            if pod["metadata"]["annotations"][resource] != each:
                path = f"/api/v1/namespaces/{self.name}/pods/{pod['metadata']['name']}"
                self._press(path, {resource: each})
        return len(pods)

    def _press(self, pod: str, uses: dict[str, str]) -> None:
        """Change what a pod uses; one that went meanwhile uses nothing."""
        try:
            self._api.patch(pod, {"metadata": {"annotations": uses}})
        except ApiError as exc:
            if exc.status != 404:
                raise

    def ask_for(self, policy: str, least: int) -> None:
        """Change a HorizontalPodScaler so that no load is needed for this size."""
        self._api.patch(f"{self.scalers}/{policy}", {"spec": {"minReplicas": least}})

    def follows(self, name: str, millicores: int, pods: int, deadline: float) -> None:
        """Keep spreading the load until the Deployment has this many pods and wants no others for `STEADY` seconds."""
        seen: list[int] = []
        since = time.monotonic()

        def settled() -> bool:
            nonlocal since
            running, wanted = self.share(name, millicores), self.replicas(name)
            if seen[-1:] != [wanted]:
                seen.append(wanted)
            if not running == wanted == pods:
                since = time.monotonic()
            assert time.monotonic() - since >= STEADY, f"{name} was asked to have {seen}, {running} run"
            return True

        eventually(deadline, settled, f"{name} has {pods} pods under {millicores}m")

    def replicas(self, name: str) -> int:
        """What the Deployment is asked to have."""
        wanted: int = self._api.get(f"{self.deployments}/{name}")["spec"]["replicas"]
        return wanted

    def pods(self, name: str) -> list[Object]:
        return self._api.items(f"/api/v1/namespaces/{self.name}/pods?labelSelector=app%3D{name}")

    def running(self, name: str) -> list[Object]:
        return [pod for pod in self.pods(name) if pod["status"]["phase"] == "Running"]

    def scaler(self, name: str) -> Object:
        return self._api.get(f"{self.scalers}/{name}")

    def condition(self, name: str, kind: str) -> Object:
        """A condition of a HorizontalPodScaler, {} while it has none."""
        conditions = self.scaler(name).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})


def measured(cluster: Cluster, name: str, pods: int) -> Namespace:
    """A new namespace with so many pods of a Deployment `web`, whose numbers are there."""
    cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": name}})
    here = Namespace(cluster, name)
    here.run("web", pods)
    path = f"/apis/metrics.k8s.io/v1/namespaces/{name}/pods"
    eventually(FIRST_NUMBERS, lambda: len(cluster.admin.items(path)) == pods, "all pods have numbers")
    return here
