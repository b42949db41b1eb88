"""Ten HPAs of different kinds on the real controller, watched by an observer whose account could not write."""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from autoscaler.core.repeats import expanded
from autoscaler.model.agreement import Verdict
from autoscaler.model.decision import Decision, Outcome
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.processes import Process, free_port
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec, cpu_utilization, hpa

pytestmark = [pytest.mark.usefixtures("release"), pytest.mark.timeout(600)]

SECONDS = 150.0
"""Of changing load."""
STEP = 25.0
READ_ONLY = [
    {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["hpa-companion.dev"], "resources": ["horizontalpodscalers"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get"]},
]
LIKE_THE_CONTROLLER = (
    "--sync-period=2s",
    "--evaluation-interval=1s",
    "--horizontal-pod-autoscaler-downscale-stabilization=5s",
    "--horizontal-pod-autoscaler-cpu-initialization-period=0s",
    "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
)
LOADS = (60, 300, 120, 400, 80, 200)
"""Millicores for each Deployment, one after the other."""


def resource(kind: str, name: str, **target: object) -> Object:
    source = {"name": name, "target": target} | ({"container": "app"} if kind == "ContainerResource" else {})
    return {"type": kind, kind[0].lower() + kind[1:]: source}


def specs() -> dict[str, Object]:
    slowly = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}], "stabilizationWindowSeconds": 0}
    memory = resource("Resource", "memory", type="AverageValue", averageValue="100Mi")
    shapes: dict[str, Object] = {
        "half": {"metrics": [cpu_utilization(50)]},
        "most": {"metrics": [cpu_utilization(80)]},
        "memory": {"metrics": [memory]},
        "amount": {"metrics": [resource("Resource", "cpu", type="AverageValue", averageValue="60m")]},
        "container": {
            "metrics": [resource("ContainerResource", "cpu", type="Utilization", averageUtilization=50)],
        },
        "slow": {"metrics": [cpu_utilization(50)], "behavior": {"scaleUp": slowly, "scaleDown": slowly}},
        "two": {"metrics": [cpu_utilization(60), memory]},
        "bounded": {"metrics": [cpu_utilization(50)], "minReplicas": 3, "maxReplicas": 4},
        "nobody": {"metrics": [cpu_utilization(50)]},
    }
    plain = {name: autoscaler_spec(name) for name in (*shapes, "windows")}
    for name, shape in shapes.items():
        plain[name] = {key: value for key, value in plain[name].items() if key != "behavior"} | shape
    return plain


@pytest.fixture(scope="module")
def observer(cluster: Cluster, release: Release) -> Iterator[Process]:
    """A second program, with the right to read."""
    admin, account = cluster.admin, "observer"
    admin.post(f"/api/v1/namespaces/{release.namespace}/serviceaccounts", {"metadata": {"name": account}})
    admin.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", {"metadata": {"name": account}, "rules": READ_ONLY})
    for role in (account, "system:auth-delegator"):
        cluster.kubectl(
            "create", "clusterrolebinding", f"{account}-{role.removeprefix('system:')}", f"--clusterrole={role}",
            f"--serviceaccount={release.namespace}:{account}",
        )  # fmt: skip
    folder = cluster.folder / account
    folder.mkdir()
    config = cluster.plane.kubeconfig(account, token=cluster.token(release.namespace, account))
    command = [
        sys.executable, "-m", "autoscaler", "run", f"--kubeconfig={config}", "--observe-hpas",
        "--kubelet-allow-loopback", "--kubelet-use-node-status-port", "--metric-resolution=5s",
        f"--kubelet-certificate-authority={cluster.pki.kubelets_ca}", f"--audit-spool-dir={folder / 'spool'}",
        "--bind-address=127.0.0.1", f"--secure-port={free_port()}", f"--cert-dir={folder}", *LIKE_THE_CONTROLLER,
    ]  # fmt: skip
    process = Process(account, command, folder / "log", {"HOME": str(folder)})
    yield process
    process.terminate()


@pytest.fixture(scope="module")
def observed(cluster: Cluster, observer: Process) -> list[Decision]:
    """Every evaluation of minutes of changing load."""
    here = Namespace(cluster, "watched")
    cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": here.name}})
    for name, spec in specs().items():
        if name != "nobody":
            here.run(name, 2)
        cluster.admin.post(here.hpas, hpa(name, spec))
    names = [name for name in specs() if name != "nobody"]
    end = time.monotonic() + SECONDS
    for step in itertools.count():
        load, until = LOADS[step % len(LOADS)], min(time.monotonic() + STEP, end)
        eventually(STEP + 30, lambda until=until, load=load: _pressed(here, names, load, until), "the load is on")
        observer.must_run()
        if time.monotonic() >= end:
            break
    with SpoolReader(cluster.folder / "observer" / "spool") as spool:
        return [each for record in spool.records() for each in expanded(codec.decode(record.body))]


def _pressed(here: Namespace, names: list[str], load: int, until: float) -> bool:
    for name in names:
        here.share(name, load)
    return time.monotonic() >= until


def test_settled_decisions_are_those_of_the_controller(observed: list[Decision]) -> None:
    verdicts = Counter(each.agreement.verdict for each in observed if each.agreement is not None)
    settled = verdicts[Verdict.SAME] + verdicts[Verdict.DIFFERS]
    parted = {each.agreement.because for each in observed if each.agreement.verdict is Verdict.DIFFERS}  # type: ignore[union-attr]
    assert settled > 500, verdicts
    assert verdicts[Verdict.SAME] / settled >= 0.99, (verdicts, parted)
    assert all(":" in because for because in parted), "a difference names the stage it shows at"


def test_both_came_to_the_same_number_after_every_step(observed: list[Decision]) -> None:
    leads = [each.agreement.lead for each in observed if each.agreement is not None and each.agreement.lead is not None]
    assert len(leads) >= 10


def test_every_kind_was_watched_and_nothing_written(observed: list[Decision]) -> None:
    by_name = {each.policy.name: each for each in observed}
    assert set(by_name) >= set(specs())
    assert {each.outcome for each in observed} <= {Outcome.HELD, Outcome.OBSERVED}
    assert by_name["nobody"].reason == "FailedGetScale"
