"""A dozen HPAs of every kind on the real controller, watched by an observer whose account could not write."""

from __future__ import annotations

import itertools
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from autoscaler.core.repeats import expanded
from autoscaler.errors import AuditError, ConfigError
from autoscaler.model.agreement import Verdict
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.plan import Stage
from tests.e2e.adapter import Adapter
from tests.e2e.chart import objects
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Api, Credentials, Object
from tests.e2e.processes import Process, free_port
from tests.e2e.release import MONITOR, Release
from tests.e2e.test_adapter_metrics import EACH, external, of_service
from tests.e2e.workloads import Namespace, autoscaler_spec, cpu_utilization, hpa

pytestmark = [pytest.mark.usefixtures("release"), pytest.mark.timeout(900)]

SECONDS = 240.0
"""Of changing load."""
STEP = 30.0
READING = {"get", "list", "watch"}
ACCOUNT = "observer"
NAMESPACE = "watched"
LIKE_THE_CONTROLLER = (
    "--sync-period=2s",
    "--evaluation-interval=1s",
    "--horizontal-pod-autoscaler-downscale-stabilization=5s",
    "--horizontal-pod-autoscaler-cpu-initialization-period=0s",
    "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
)
LOADS = (60, 300, 120, 400, 80, 200)
"""Millicores for each Deployment, one after the other."""
TOLD_PER_MILLICORE = 150
"""Thousandths of what the adapter tells: 10 for each pod are wanted of it, 50 millicores of CPU."""
MEBIBYTES_PER_MILLICORE = 2
"""Of memory for the Deployment that is scaled by it: 100 MiB for each pod are wanted of it, 50 millicores of CPU."""
BETWEEN_TOLERANCES = 53
"""Percent of CPU where 50 are wanted: within the controller's tolerance, outside of one of 0.01."""


def resource(kind: str, name: str, **target: object) -> Object:
    source = {"name": name, "target": target} | ({"container": "app"} if kind == "ContainerResource" else {})
    return {"type": kind, kind[0].lower() + kind[1:]: source}


def specs() -> dict[str, Object]:
    slowly = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}], "stabilizationWindowSeconds": 0}
    memory = resource("Resource", "memory", type="AverageValue", averageValue="100Mi")
    shapes: dict[str, Object] = {
        "half": {"metrics": [cpu_utilization(50)]},
        "memory": {"metrics": [memory]},
        "amount": {"metrics": [resource("Resource", "cpu", type="AverageValue", averageValue="60m")]},
        "container": {
            "metrics": [resource("ContainerResource", "cpu", type="Utilization", averageUtilization=50)],
        },
        "slow": {"metrics": [cpu_utilization(50)], "behavior": {"scaleUp": slowly, "scaleDown": slowly}},
        "two": {"metrics": [cpu_utilization(60), memory]},
        "bounded": {"metrics": [cpu_utilization(50)], "minReplicas": 3, "maxReplicas": 4},
        "nobody": {"metrics": [cpu_utilization(50)]},
        "pods": {"metrics": [{"type": "Pods", "pods": {"metric": {"name": "share"}, "target": EACH}}]},
        "object": {"metrics": [of_service("load", "object", EACH)]},
        "external": {"metrics": [external("load", "external", EACH)]},
    }
    plain = {name: autoscaler_spec(name) for name in (*shapes, "windows")}
    for name, shape in shapes.items():
        plain[name] = {key: value for key, value in plain[name].items() if key != "behavior"} | shape
    return plain


class Observers:
    """Programs with the right to read, one after the other, each with a folder of its own."""

    def __init__(self, cluster: Cluster, release: Release) -> None:
        self._cluster, self._release = cluster, release
        admin = cluster.admin
        admin.post(f"/api/v1/namespaces/{release.namespace}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
        observing = objects({"mode": "observe"})["ClusterRole", "try-hpa-companion"]
        role = {"metadata": {"name": ACCOUNT}, "rules": observing["rules"]}
        admin.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", role)
        for name in (ACCOUNT, "system:auth-delegator"):
            cluster.kubectl(
                "create", "clusterrolebinding", f"{ACCOUNT}-{name.removeprefix('system:')}", f"--clusterrole={name}",
                f"--serviceaccount={release.namespace}:{ACCOUNT}",
            )  # fmt: skip
        self.token = cluster.token(release.namespace, ACCOUNT)
        self.process: Process | None = None
        self._port = 0

    def start(self, name: str, *flags: str) -> Process:
        """In place of the one before."""
        self.stop()
        folder, self._port = self.folder(name), free_port()
        folder.mkdir()
        config = self._cluster.plane.kubeconfig(ACCOUNT, token=self.token)
        command = [
            sys.executable, "-m", "autoscaler", "run", f"--kubeconfig={config}", "--observe-hpas",
            "--kubelet-allow-loopback", "--kubelet-use-node-status-port", "--metric-resolution=5s",
            f"--kubelet-certificate-authority={self._cluster.pki.kubelets_ca}", f"--audit-spool-dir={folder / 'spool'}",
            "--bind-address=127.0.0.1", f"--secure-port={self._port}", f"--cert-dir={folder}", *LIKE_THE_CONTROLLER,
            *flags,
        ]  # fmt: skip
        self.process = Process(name, command, folder / "log", {"HOME": str(folder)})
        return self.process

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process = None

    def folder(self, name: str) -> Path:
        return self._cluster.folder / name

    def decisions(self, name: str) -> list[Decision]:
        """All that one of them recorded."""
        with SpoolReader(self.folder(name) / "spool") as spool:
            return [each for record in spool.records() for each in expanded(codec.decode(record.body))]

    def series(self, name: str) -> dict[str, float]:
        """What it tells Prometheus."""
        token = self._cluster.token(self._release.namespace, MONITOR)
        api = Api(f"https://127.0.0.1:{self._port}", Credentials(self.folder(name) / "apiserver.crt", token=token))
        status, body = api.raw("GET", "/metrics")
        assert status == 200, body
        lines = (line.rpartition(" ") for line in body.decode().splitlines() if not line.startswith("#"))
        return {each: float(value) for each, _, value in lines}


@pytest.fixture(scope="module")
def observers(cluster: Cluster, release: Release) -> Iterator[Observers]:
    made = Observers(cluster, release)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def adapter(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    made = Adapter(cluster, tmp_path_factory.mktemp("watched-adapter"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def here(cluster: Cluster, adapter: Adapter) -> Namespace:
    """With the HPAs and what they scale."""
    made = Namespace(cluster, NAMESPACE)
    cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": made.name}})
    for name, spec in specs().items():
        adapter.loads[name] = LOADS[0] * TOLD_PER_MILLICORE
        if name != "nobody":
            made.run(name, 2)
        cluster.admin.post(made.hpas, hpa(name, spec))
    return made


@pytest.fixture(scope="module")
def observed(observers: Observers, adapter: Adapter, here: Namespace) -> tuple[list[Decision], dict[str, float]]:
    """Every evaluation of minutes of changing load, and the series at the end of it."""
    process = observers.start(ACCOUNT)
    names = [name for name in specs() if name != "nobody"]
    end = time.monotonic() + SECONDS
    for step in itertools.count():
        load, until = LOADS[step % len(LOADS)], min(time.monotonic() + STEP, end)
        adapter.loads = dict.fromkeys(adapter.loads, load * TOLD_PER_MILLICORE)
        eventually(STEP + 30, lambda until=until, load=load: _pressed(here, names, load, until), "the load is on")
        process.must_run()
        if time.monotonic() >= end:
            break
    series = observers.series(ACCOUNT)
    observers.stop()
    return observers.decisions(ACCOUNT), series


def _pressed(here: Namespace, names: list[str], load: int, until: float) -> bool:
    for name in names:
        here.share(name, load)
    here.fill("memory", load * MEBIBYTES_PER_MILLICORE)
    return time.monotonic() >= until


Watched = tuple[list[Decision], dict[str, float]]


def test_settled_decisions_are_those_of_the_controller(observed: Watched) -> None:
    verdicts = _verdicts(observed[0])
    settled = verdicts[Verdict.SAME] + verdicts[Verdict.DIFFERS]
    told = [each.agreement for each in observed[0] if each.agreement is not None]
    parted = {each.because for each in told if each.verdict is Verdict.DIFFERS}
    assert settled > 800, verdicts
    assert verdicts[Verdict.SAME] / settled >= 0.99, (verdicts, parted)
    assert all(EXPLAINED.fullmatch(because) for because in parted), parted


def test_both_came_to_the_same_number_after_every_step(observed: Watched) -> None:
    told = [each.agreement for each in observed[0] if each.agreement is not None]
    assert len([each.lead for each in told if each.lead is not None]) >= 20


def test_every_kind_was_watched_and_moved_and_nothing_written(observed: Watched) -> None:
    by_name = {each.policy.name: each for each in observed[0]}
    assert set(by_name) >= set(specs())
    assert {each.outcome for each in observed[0]} <= {Outcome.HELD, Outcome.OBSERVED}
    assert by_name["nobody"].reason == "FailedGetScale"
    sizes = {name: {each.current for each in observed[0] if each.policy.name == name} for name in specs()}
    idle = {name for name, seen in sizes.items() if len(seen) < 2}
    assert idle == {"nobody"}


def test_the_agreement_of_the_records_is_that_of_the_series(observed: Watched) -> None:
    decisions, series = observed
    for verdict, count in _verdicts(decisions).items():
        counted = series[f'autoscaler_agreements_total{{verdict="{verdict.value}"}}']
        assert 0 < counted <= count <= counted + 2 * len(specs()), "a few more came between the page and the end"
    now = [value for name, value in series.items() if name.startswith("autoscaler_observed_hpas{")]
    assert sum(now) == len(specs())
    assert series["autoscaler_observed_lead_seconds_count"] > 0


def test_the_account_of_an_observer_could_not_write(cluster: Cluster, observers: Observers, here: Namespace) -> None:
    """Whatever it may do beside reading is to ask who somebody is and what they may: nothing is stored by that."""
    api = cluster.bearer(observers.token)
    review = {"spec": {"namespace": here.name}}
    found = api.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)["status"]
    assert not found["incomplete"]
    more = {
        f"{group}/{resource}" for rule in found["resourceRules"] if set(rule["verbs"]) - READING
        for group in rule["apiGroups"] for resource in rule["resources"]
    }  # fmt: skip
    assert more == {
        "authentication.k8s.io/selfsubjectreviews",
        "authentication.k8s.io/tokenreviews",
        "authorization.k8s.io/selfsubjectaccessreviews",
        "authorization.k8s.io/selfsubjectrulesreviews",
        "authorization.k8s.io/subjectaccessreviews",
    }
    asked = {"namespace": here.name, "verb": "update", "group": "apps", "resource": "deployments", "name": "half"}
    for subresource in ("", "scale"):
        body = {"spec": {"resourceAttributes": asked | {"subresource": subresource}}}
        for who, may in ((api, False), (cluster.admin, True)):
            answer = who.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
            assert answer["status"]["allowed"] is may


def test_another_tolerance_is_named_as_the_stage_at_which_they_part(observers: Observers, here: Namespace) -> None:
    here.cluster.admin.patch(
        f"{here.hpas}/half", {"spec": {"maxReplicas": 20}}
    )  # the load before may have led to its end
    process = observers.start("exact", "--horizontal-pod-autoscaler-tolerance=0.01")

    def parted() -> bool:
        process.must_run()
        pods = here.running("half")
        here.share("half", BETWEEN_TOLERANCES * len(pods))
        try:
            told = [each for each in observers.decisions("exact") if each.policy.name == "half"]
        except (AuditError, ConfigError) as exc:
            raise AssertionError("it has no spool yet") from exc
        assert told, "it has not begun"
        assert told[-1].agreement is not None
        assert told[-1].agreement.verdict is Verdict.DIFFERS, told[-1].agreement
        assert told[-1].agreement.because.startswith("proposal: from the same values"), told[-1].agreement
        return True

    eventually(90, parted, "the difference is told")


STAGES = [each.__struct_config__.tag for each in get_args(Stage)]
EXPLAINED = re.compile(f"(?:{'|'.join(STAGES)}): .+")


def _verdicts(decisions: list[Decision]) -> Counter[Verdict]:
    return Counter(each.agreement.verdict for each in decisions if each.agreement is not None)
