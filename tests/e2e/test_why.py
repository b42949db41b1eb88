"""`kubectl hps why` with the rights of somebody who may view a namespace, through the real aggregator."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec, scaler

SOON = 30.0


@pytest.fixture
def here(cluster: Cluster, release: Release, namespace: str) -> Namespace:
    """With a target that was scaled from 1 to 2."""
    made = Namespace(cluster, namespace)
    made.run("web", 1, cpu="40m")
    cluster.admin.post(made.scalers, scaler("front", autoscaler_spec("web", least=2)))
    eventually(SOON, lambda: made.replicas("web") == 2, "it is scaled")
    return made


def account(here: Namespace, name: str) -> str:
    """A new account of the namespace; its token."""
    path = f"/api/v1/namespaces/{here.name}/serviceaccounts"
    here.cluster.admin.post(path, {"metadata": {"name": name}})
    return here.cluster.token(here.name, name)


def why(here: Namespace, token: str, *words: str) -> subprocess.CompletedProcess[str]:
    config = here.cluster.plane.kubeconfig("asker", token=token)
    command = [sys.executable, "-m", "autoscaler", "why", *words, "-n", here.name, f"--kubeconfig={config}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ))


def test_who_may_view_the_namespace_is_told_why(here: Namespace) -> None:
    token = account(here, "viewer")
    here.cluster.kubectl(
        "-n", here.name, "create", "rolebinding", "viewer", "--clusterrole=view",
        f"--serviceaccount={here.name}:viewer",
    )  # fmt: skip

    def told() -> bool:
        for name in ("web", "front"):
            found = why(here, token, name)
            assert (found.returncode, found.stderr) == (0, ""), found
            line = f"{here.name}/Deployment/web: 1 -> 2 replicas, written"
            assert line in found.stdout.splitlines(), found.stdout  # below the latest one, while that fails
        return True

    eventually(SOON, told, "the right has reached the authorizer, and the record the spool")
    raw = here.cluster.bearer(token).raw("GET", f"/apis/metrics.k8s.io/v1beta1/namespaces/{here.name}/decisions/web")
    assert raw[0] == 200
    assert b'"specversion":"1.0"' in raw[1]


def test_who_may_not_is_told_which_right_is_missing(here: Namespace) -> None:
    found = why(here, account(here, "stranger"), "web")
    assert found.returncode == 1
    assert "decisions.metrics.k8s.io" in found.stderr
    assert "forbidden" in found.stderr


def test_a_name_that_nobody_decided_about_is_not_found(here: Namespace) -> None:
    token = here.cluster.token(here.name, "default")
    here.cluster.kubectl(
        "-n", here.name, "create", "rolebinding", "all", "--clusterrole=admin", f"--serviceaccount={here.name}:default"
    )

    def told() -> bool:
        found = why(here, token, "wbe")
        assert found.returncode == 1
        assert f"no hps or HPA in namespace {here.name} is named wbe" in found.stderr, found.stderr
        assert "there are hps front of web: -n names another namespace" in found.stderr
        return True

    eventually(SOON, told)
