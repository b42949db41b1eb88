"""What the tests of the real run share: one cluster for most of them, one of its own for each that breaks it."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.kafka import jars
from tests.e2e.kafka.broker import Broker
from tests.e2e.release import Release
from tests.e2e.requirements import need
from tests.e2e.workloads import Namespace, measured

HERE = Path(__file__).parent
TOPIC = "autoscaler.decisions"
USAGE_TOPIC = "autoscaler.usage"
LOG_SHOWN = 6000
CLUSTER_TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm", "kwok", "kubelets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the end of what the program said."""
    report = yield
    found = getattr(item, "funcargs", {}).get("release")
    if report.failed and isinstance(found, Release):
        report.sections.append(("hpa-companion", found.program.output()[-LOG_SHOWN:]))
    return report


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of the programs a cluster is made of."""
    found = [need(tool) for tool in CLUSTER_TOOLS]
    return found[0].parent


@pytest.fixture(scope="package")
def cluster(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster most tests share; each works in a namespace of its own. It ends with the last test of this folder."""
    made = Cluster(tools, tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


@pytest.fixture(scope="package")
def frail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that no program relies on; see `broker`."""
    java = need("java")
    fetched = jars.folder() if jars.folder().exists() else jars.build(need("mvn"))
    made = Broker(java, fetched, tmp_path_factory.mktemp("frail") / "broker")
    made.start()
    yield made
    made.remove()


@pytest.fixture
def broker(frail: Broker) -> Iterator[Broker]:
    """A running one, shared by those who ask for it; a test may do to it what it likes."""
    yield frail
    frail.revive()


@pytest.fixture
async def topic(broker: Broker) -> str:
    """A new topic of three partitions there."""
    return await broker.create(f"decisions-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="package")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker | None]:
    """The broker our program delivers to; None without Java: then only what reads the topic is skipped."""
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None or (maven is None and not jars.folder().exists()):
        yield None
        return
    fetched = jars.folder() if maven is None else jars.build(Path(maven))
    broker = Broker(Path(java), fetched, tmp_path_factory.mktemp("kafka") / "broker")
    broker.start()
    yield broker
    broker.remove()


@pytest.fixture(scope="package")
def release(cluster: Cluster, kafka: Broker | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The program as the chart installs it, serving the shared cluster; its topics are `TOPIC` and `USAGE_TOPIC`."""
    values = {}
    if kafka is not None:
        for topic in (TOPIC, USAGE_TOPIC):
            asyncio.run(kafka.create(topic))
        brokers = {"bootstrapServers": [kafka.bootstrap], "topic": TOPIC, "usageTopic": USAGE_TOPIC}
        values = {"audit": {"kafka": brokers}}
    made = Release(cluster, tmp_path_factory.mktemp("release"), values)
    made.serve()
    yield made
    made.stop()


@pytest.fixture(scope="package")
def shop(cluster: Cluster, release: Release) -> Namespace:
    """A namespace with three pods `web` of 50m and 64Mi each, whose numbers are there; it is only looked at."""
    return measured(cluster, "shop", 3)


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
