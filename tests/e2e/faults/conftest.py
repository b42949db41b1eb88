"""A cluster and a program that the tests of this folder may break, and mend before they end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.line import Line
from tests.e2e.release import Release
from tests.e2e.workloads import SETTLE, Namespace, autoscaler_spec, scaler

SAMPLING = "2s"
"""Faster than a real kubelet: what is looked at here does not depend on it, and it spares time."""
DEFAULTS = (
    "--leader-elect-lease-duration=15s",
    "--leader-elect-renew-deadline=10s",
    "--leader-elect-retry-period=2s",
)
"""The election's own timings, in place of the short ones that spare time."""


@pytest.fixture(scope="package")
def cluster(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tools, tmp_path_factory.mktemp("faulty"), nodes=2, sampling=SAMPLING)
    yield made
    made.stop()


@pytest.fixture(scope="package")
def line(cluster: Cluster) -> Iterator[Line]:
    """What the program reaches the API server by."""
    made = Line(cluster.plane.port)
    yield made
    made.stop()


@pytest.fixture(scope="package")
def installed(cluster: Cluster, line: Line, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    values = {"extraArgs": ["--kubelet-allow-loopback", "--audit-heartbeat=0s"]}  # a record for each evaluation
    made = Release(cluster, tmp_path_factory.mktemp("release"), values, port=line.port)
    yield made
    made.stop()


@pytest.fixture
def release(installed: Release) -> Release:
    """The program, serving, whatever the test before did to it."""
    if not installed.serving():
        installed.stop()
        installed.serve()
    return installed


@pytest.fixture
def make_namespace(cluster: Cluster, installed: Release) -> Iterator[Callable[[], Namespace]]:
    """Makes namespaces with one idle pod of Deployment `web`, and a policy of that name."""
    made: list[Namespace] = []

    def make() -> Namespace:
        one = Namespace(cluster, f"t-{uuid.uuid4().hex[:8]}")
        cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": one.name}})
        made.append(one)
        one.run("web", 1, cpu="40m")
        eventually(SETTLE, lambda: cluster.admin.raw("GET", one.scalers)[0] == 200, "the chart's kind is served")
        cluster.admin.post(one.scalers, scaler("web", autoscaler_spec("web")))
        return one

    yield make
    for one in made:
        cluster.admin.delete(f"/api/v1/namespaces/{one.name}")


@pytest.fixture
def here(make_namespace: Callable[[], Namespace]) -> Namespace:
    return make_namespace()
