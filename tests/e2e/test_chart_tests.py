"""`helm test` by the real Helm: its pods are made, admitted and bound, and what they are to run runs here."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.chart import objects
from tests.e2e.chartvalues import CERT_MANAGER, OBSERVE, TESTS, kafka
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.release import NAME, Release

SOON = 30.0
NOBODY = "--leader-elect-resource-name=nobody"


class Kubelet:
    """Does with the pods of `helm test` what a node would: runs each to its end and says how it ended."""

    def __init__(self, release: Release) -> None:
        self._release, self._pods = release, f"/api/v1/namespaces/{release.namespace}/pods"
        self.ended: dict[str, subprocess.CompletedProcess[str]] = {}

    def waiting(self) -> list[Object]:
        """Pods that were bound and did not end."""
        found = self._release.cluster.admin.items(f"{self._pods}?labelSelector=app.kubernetes.io/name=helm-test")
        return [pod for pod in found if pod["status"].get("phase") == "Running"]

    def run(self, pod: Object, *flags: str) -> None:
        name = pod["metadata"]["name"]
        ended = self.ended[name.removeprefix(f"{NAME}-test-")] = self._release.completed(pod, *flags)
        phase = "Failed" if ended.returncode else "Succeeded"
        self._release.cluster.admin.patch(f"{self._pods}/{name}/status", {"status": {"phase": phase}})


def carried_out(release: Release, *flags_of_lease: str) -> tuple[Kubelet, str]:
    """What Helm said in the end, and what ran meanwhile. AssertionError: Helm says that it failed."""
    kubelet = Kubelet(release)
    with ThreadPoolExecutor(1) as pool:
        helm = pool.submit(
            release.cluster.helm, "test", NAME, f"--namespace={release.namespace}", f"--timeout={SOON:g}s"
        )
        while eventually(SOON, lambda: helm.done() or kubelet.waiting(), "Helm ends, or makes a pod") is not True:
            for pod in kubelet.waiting():
                kubelet.run(pod, *(flags_of_lease if pod["metadata"]["name"].endswith("-lease") else ()))
        return kubelet, helm.result()


@pytest.mark.timeout(180)
def test_helm_test_passes_by_the_commands_account_and_rights_of_its_pods(cluster: Cluster, release: Release) -> None:
    assert release.serving()
    kubelet, said = carried_out(release)
    told = {name: ended.stdout for name, ended in kubelet.ended.items()}
    forwards = "audit" in release.values
    assert set(told) == {name for name in TESTS if name != "kafka" or forwards}
    assert said.count("Phase:          Succeeded") >= len(told), said
    assert len(told["metrics"].splitlines()) == cluster.nodes + 1
    assert "a good one is admitted, a bad one refused by its field" in told["policies"]
    assert " leads since " in told["lease"]
    assert "our user may Describe and Write" in told["kafka"] or not forwards
    left = cluster.admin.items(f"/api/v1/namespaces/{release.namespace}/serviceaccounts")
    assert f"{NAME}-test" not in {each["metadata"]["name"] for each in left}, "its account goes with it"


@pytest.mark.timeout(180)
def test_helm_test_fails_where_one_of_its_pods_does(release: Release) -> None:
    """Its account may read no other Lease, and without that nobody can say that somebody leads."""
    with pytest.raises(AssertionError, match=f"{NAME}-test-lease failed"):
        carried_out(release, NOBODY)


@pytest.mark.parametrize(
    ("values", "tried"),
    [
        pytest.param({}, {"metrics", "policies", "lease"}, id="as it comes"),
        pytest.param(kafka(), set(TESTS), id="with Kafka"),
        pytest.param(OBSERVE, set(), id="an observer nobody can verify"),
        pytest.param(OBSERVE | CERT_MANAGER, {"metrics"}, id="an observer that serves"),
        pytest.param({"leaderElection": {"enabled": False}}, {"metrics", "policies"}, id="without an election"),
        pytest.param({"apiService": {"create": False}}, {"policies", "lease"}, id="not registered"),
        pytest.param({"rbac": {"create": False}} | kafka(), set(), id="no right of its own"),
    ],
)
def test_what_there_is_to_try_is_tried(values: dict[str, Any], tried: set[str]) -> None:
    made = {name.removeprefix("try-hpa-companion-test-") for kind, name in objects(values) if kind == "Pod"}
    assert made == tried
    assert (("ServiceAccount", "try-hpa-companion-test") in objects(values)) == bool(tried)
