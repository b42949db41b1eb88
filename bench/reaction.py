"""From a step of the load to the write of the scale: the real HPA on the real metrics-server, and we.

One real control plane with the kubelets of tests/e2e (their pages are the kubelet's own code, every container is
sampled every 10 s at a phase of its own). Half of the Deployments belong to HPAs, which read metrics-server through
kube-aggregator; the others to HorizontalPodScalers. metrics-server and we scrape every 15 s, the HPA looks every 15 s,
as they do by default. The load of every Deployment rises once, from 45 % to 100 % of a target of 50 %, at a random
moment; the API server's watch says when its size was written.
"""

from __future__ import annotations

import http.client
import json
import math
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from autoscaler.audit.read import SpoolReader
from autoscaler.errors import AuditError
from autoscaler.model.instant import parse_instant
from bench.catalogue import Say, UnavailableError
from bench.figure import Figure
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.network import SERVICE_PORT
from tests.e2e.processes import Process
from tests.e2e.release import Release
from tests.e2e.tools import inventory
from tests.e2e.workloads import Namespace, autoscaler_spec, hpa, scaler, usage

STEPS, QUICK_STEPS = 24, 2
SPREAD, QUICK_SPREAD = 45.0, 2.0
"""Seconds over which the steps are spread: three periods of both."""
PATIENCE = 120.0
STEADY, LOADED = "45m", "100m"
"""Of a pod that requests 100m."""
NAMESPACE = "reaction"
THEIRS = "HPA + metrics-server"
HPA_FLAGS = (
    "--horizontal-pod-autoscaler-sync-period=15s",
    # Pods of this benchmark are young; the default leaves them out for five minutes.
    "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
    "--horizontal-pod-autoscaler-cpu-initialization-period=0s",
)
VALUES = {
    "apiService": {"create": False},
    "kubelet": {"resolution": "15s"},
    "scaling": {"syncPeriod": "15s", "evaluationInterval": "5s"},
}


@dataclass
class Steps:
    """When each Deployment's load rose and its size was written, by `time.monotonic()`; the latter by clock, too."""

    risen: dict[str, float] = field(default_factory=dict)
    written: dict[str, float] = field(default_factory=dict)
    written_at: dict[str, float] = field(default_factory=dict)

    def seconds(self, names: Sequence[str]) -> list[float]:
        """From the step to the write; infinite when there was none."""
        return [self.written.get(name, math.inf) - self.risen[name] for name in names]


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Mean and worst of both, and from our decision to our write."""
    count = QUICK_STEPS if quick else STEPS
    if inventory.missing_compiler() or not inventory.folder().exists():
        raise UnavailableError("the control plane is not built: run `python -m tests.e2e.tools` (8 minutes, once)")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        cluster = Cluster(inventory.folder(), _made(folder / "cluster"), hpa_flags=HPA_FLAGS)
        stack.callback(cluster.stop)
        stack.callback(_metrics_server(cluster, folder).kill)
        release = Release(cluster, _made(folder / "release"), VALUES)
        stack.callback(release.stop)
        release.start()
        theirs, ours = ([f"{who}-{number}" for number in range(count)] for who in ("theirs", "ours"))
        here = _workloads(cluster, theirs, ours, say)
        steps = _step(here, [*theirs, *ours], QUICK_SPREAD if quick else SPREAD, say)
        decided = _decided(release.spool, ours)
    mine, other = steps.seconds(ours), steps.seconds(theirs)
    say(f"theirs {_told(other)}, ours {_told(mine)}")
    late = sorted(steps.written_at.get(name, math.inf) - at for name, at in decided.items())
    return [
        Figure(
            what="load step -> scale write, mean", ours=statistics.mean(mine), unit="s",
            theirs=statistics.mean(other), beside=THEIRS, goal=0.5,
        ),
        Figure(
            what=f"load step -> scale write, worst of {count}", ours=max(mine), unit="s",
            theirs=max(other), beside=THEIRS, goal=0.5,
        ),
        Figure(what="decision -> scale write seen, p99", ours=late[-1] * 1e3, unit="ms", goal=200),
    ]  # fmt: skip


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _metrics_server(cluster: Cluster, folder: Path) -> Process:
    """metrics-server behind the APIService, as its manifest registers it."""
    admin, namespace = cluster.admin, "/api/v1/namespaces/kube-system"
    port = {"name": "https", "port": SERVICE_PORT, "protocol": "TCP"}
    service = {"metadata": {"name": "metrics-server"}, "spec": {"ports": [{**port, "targetPort": SERVICE_PORT}]}}
    address = admin.post(f"{namespace}/services", service)["spec"]["clusterIP"]
    admin.post(
        "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
        {
            "metadata": {"name": "metrics-server", "labels": {"kubernetes.io/service-name": "metrics-server"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.255.255.254"], "conditions": {"ready": True}}],  # never dialled
            "ports": [port],
        },
    )
    spec = {
        "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "metrics-server", "namespace": "kube-system", "port": SERVICE_PORT},
    }  # fmt: skip
    admin.post(
        "/apis/apiregistration.k8s.io/v1/apiservices", {"metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": spec}
    )
    config = cluster.plane.kubeconfig("admin")
    flags = [
        f"--kubeconfig={config}", f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}",
        f"--kubelet-certificate-authority={cluster.pki.kubelets_ca}", "--kubelet-use-node-status-port",
        "--kubelet-preferred-address-types=InternalIP", f"--bind-address={address}", f"--secure-port={SERVICE_PORT}",
        f"--cert-dir={folder / 'metrics-server'}", "--metric-resolution=15s",
    ]  # fmt: skip
    return Process("metrics-server", [inventory.folder() / "metrics-server", *flags], folder / "metrics-server.log")


def _workloads(cluster: Cluster, theirs: Sequence[str], ours: Sequence[str], say: Say) -> Namespace:
    """Deployments of one pod each with their autoscalers, all of which know what their pod uses."""
    cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    here = Namespace(cluster, NAMESPACE)
    for name in [*theirs, *ours]:
        here.run(name, 1, cpu=STEADY)
    for name in theirs:
        cluster.admin.post(here.hpas, hpa(name, autoscaler_spec(name)))
    for name in ours:
        cluster.admin.post(here.scalers, scaler(name, autoscaler_spec(name)))
    say(f"{len(theirs)} Deployments each, waiting for their first numbers")

    def knowing() -> bool:
        found = [*cluster.admin.items(here.hpas), *cluster.admin.items(here.scalers)]
        blind = [each["metadata"]["name"] for each in found if not _active(each)]
        assert not blind, f"no number yet for {', '.join(blind)}"
        return True

    eventually(PATIENCE, knowing, "every autoscaler has a number")
    return here


def _active(each: Object) -> bool:
    conditions = each.get("status", {}).get("conditions", [])
    return any(one["type"] == "ScalingActive" and one["status"] == "True" for one in conditions)


def _step(here: Namespace, names: Sequence[str], spread: float, say: Say) -> Steps:
    """Raise every load once, at its moment, and wait for the writes."""
    steps = Steps()
    pods = {name: here.pods(name)[0]["metadata"]["name"] for name in names}
    version = here.cluster.admin.get(here.deployments)["metadata"]["resourceVersion"]
    watching = threading.Thread(target=_watch, args=(here, version, steps), daemon=True)
    watching.start()
    moments = sorted((random.uniform(0, spread), name) for name in names)
    say(f"{len(names)} steps over {spread:g} s")
    begun = time.monotonic()
    for moment, name in moments:
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        path = f"/api/v1/namespaces/{here.name}/pods/{pods[name]}"
        here.cluster.admin.patch(path, {"metadata": {"annotations": usage(LOADED, "64Mi")}})
        steps.risen[name] = time.monotonic()
    while len(steps.written) < len(names) and time.monotonic() - begun < spread + PATIENCE:
        time.sleep(0.2)
    return steps


def _watch(here: Namespace, version: str, steps: Steps) -> None:
    """Note the first write of each Deployment's size; ends with the API server."""
    url, credentials = urlsplit(here.cluster.admin.server), here.cluster.admin.credentials
    connection = http.client.HTTPSConnection(url.hostname or "", url.port, context=credentials.context())
    connection.request("GET", f"{here.deployments}?watch=1&resourceVersion={version}", headers=credentials.headers())
    answer = connection.getresponse()
    while line := answer.readline():
        found = json.loads(line)["object"]
        name = found["metadata"]["name"]
        if found["spec"]["replicas"] > 1 and name not in steps.written:
            steps.written[name], steps.written_at[name] = time.monotonic(), time.time()


def _decided(spool: Path, names: Sequence[str]) -> Mapping[str, float]:
    """When each target was first decided to change, seconds since 1970."""
    found: dict[str, float] = {}
    try:
        with SpoolReader(spool) as reader:
            for record in reader.records():
                decision = json.loads(record.body)
                name = decision["policy"]["name"]
                if name in names and decision["desired"] > 1:
                    found.setdefault(name, parse_instant(decision["time"]))
    except AuditError as exc:
        raise UnavailableError(f"the spool of the run cannot be read: {exc}") from exc
    return found


def _told(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.1f} / {statistics.mean(seconds):.1f} / {max(seconds):.1f} s (least, mean, worst)"
