"""What the tests of the real run share: one cluster for most of them, one of its own for each that breaks it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.requirements import need

HERE = Path(__file__).parent
CLUSTER_TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm", "kwok", "kubelets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of the programs a cluster is made of."""
    found = [need(tool) for tool in CLUSTER_TOOLS]
    return found[0].parent


@pytest.fixture(scope="session")
def cluster(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster most tests share; each works in a namespace of its own."""
    made = Cluster(tools, tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


MakeCluster = Callable[..., Cluster]


@pytest.fixture
def make_cluster(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeCluster]:
    """Makes clusters that belong to one test, for those that restart, starve or reconfigure a component."""
    made: list[Cluster] = []

    def make(**arguments: object) -> Cluster:
        made.append(Cluster(tools, tmp_path_factory.mktemp("own-cluster"), **arguments))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the shared cluster that goes with the test."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    cluster.admin.delete(f"/api/v1/namespaces/{name}")
