from __future__ import annotations

import pytest

from autoscaler.sim.curves import constant
from autoscaler.sim.deployer import Deployer
from autoscaler.sim.ledger import Ledger
from autoscaler.sim.resources import DEPLOYMENTS, NAMESPACES, PODS
from autoscaler.sim.store import Object, Preconditions, Store
from autoscaler.sim.workloads import Workload
from tests.clock import FakeClock

EPOCH = 1_800_000_000.0


class Stage:
    """A store, three nodes and the deployer, moved by hand in steps of a quarter second."""

    def __init__(self) -> None:
        workload = Workload(namespace="shop", name="web", replicas=2, cpu=constant(1.2))
        self.store = Store(FakeClock(EPOCH))
        self.store.create(NAMESPACES, "", {"metadata": {"name": "shop"}})
        self.store.create(DEPLOYMENTS, "shop", workload.deployment())
        self.ledgers = {name: Ledger(node=name, epoch=EPOCH) for name in ("n1", "n2", "n3")}
        self.closed: set[str] = set()
        self.deployer = Deployer(
            self.store, self.ledgers, [workload], epoch=EPOCH, takes_pods=lambda name: name not in self.closed
        )
        self.now = EPOCH
        self.deployer.settle(EPOCH - 600)

    def scale(self, replicas: int) -> None:
        self.store.scale(DEPLOYMENTS, "shop", "web", replicas, Preconditions())

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            self.deployer.step(self.now)

    @property
    def pods(self) -> list[Object]:
        return self.store.all(PODS, "shop")

    @property
    def counts(self) -> tuple[int, int]:
        status = self.store.get(DEPLOYMENTS, "shop", "web")["status"]
        return status["replicas"], status["readyReplicas"]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def ready(pod: Object) -> bool:
    return any(each == {**each, "type": "Ready", "status": "True"} for each in pod["status"].get("conditions", ()))


def test_it_begins_settled(stage: Stage) -> None:
    assert stage.counts == (2, 2)
    assert all(ready(pod) for pod in stage.pods)
    assert [pod["spec"]["nodeName"] for pod in stage.pods] == ["n1", "n2"]
    revision = stage.store.revision
    stage.run(5)
    assert stage.store.revision == revision


def test_new_pods_are_pending_then_running_then_ready(stage: Stage) -> None:
    stage.scale(3)
    stage.run(0.25)
    new = stage.pods[-1]
    assert (new["status"], new["spec"]["nodeName"]) == ({"phase": "Pending"}, "n3")
    assert stage.counts == (3, 2)
    stage.run(2.25)
    assert (stage.pods[-1]["status"]["phase"], ready(stage.pods[-1])) == ("Running", False)
    stage.run(1)
    assert ready(stage.pods[-1])
    assert stage.counts == (3, 3)
    owner = new["metadata"]["ownerReferences"][0]
    assert (owner["name"], owner["controller"]) == ("web", True)


def test_the_load_is_shared_among_the_ready(stage: Stage) -> None:
    stage.scale(3)
    stage.run(20)
    (first,) = stage.ledgers["n1"].pods.values()
    (third,) = stage.ledgers["n3"].pods.values()
    assert first.cpu(20) - first.cpu(10) == pytest.approx(4.0)
    everybody = [pod for ledger in stage.ledgers.values() for pod in ledger.pods.values()]
    assert sum(pod.cpu(20) for pod in everybody) - sum(pod.cpu(0) for pod in everybody) == pytest.approx(24.0)
    assert third.ready == 3.25


def test_surplus_pods_end_gracefully_the_youngest_first(stage: Stage) -> None:
    stage.scale(4)
    stage.run(10)
    oldest = [pod["metadata"]["name"] for pod in stage.pods[:2]]
    stage.scale(2)
    stage.run(0.25)
    leaving = [pod["metadata"]["name"] for pod in stage.pods if "deletionTimestamp" in pod["metadata"]]
    assert len(leaving) == 2
    assert not set(oldest) & set(leaving)
    assert stage.counts == (2, 2)
    stage.run(1.25)
    assert [pod["metadata"]["name"] for pod in stage.pods] == oldest


def test_a_pod_deleted_by_somebody_is_replaced(stage: Stage) -> None:
    gone = stage.pods[0]["metadata"]["name"]
    stage.store.delete(PODS, "shop", gone)
    stage.run(5)
    assert stage.counts == (2, 2)
    assert gone not in [pod["metadata"]["name"] for pod in stage.pods]
    assert not stage.ledgers["n1"].containers


def test_pods_go_where_pods_are_taken(stage: Stage) -> None:
    stage.closed = {"n1", "n3"}
    stage.scale(6)
    stage.run(5)
    assert len(stage.ledgers["n2"].containers) == 5


def test_without_any_node_it_waits(stage: Stage) -> None:
    stage.closed = {"n1", "n2", "n3"}
    stage.scale(3)
    stage.run(5)
    assert stage.counts == (2, 2)
    stage.closed = set()
    stage.run(5)
    assert stage.counts == (3, 3)


def test_a_deleted_deployment_takes_its_pods_along(stage: Stage) -> None:
    stage.store.delete(DEPLOYMENTS, "shop", "web")
    stage.run(5)
    assert not stage.pods


def test_it_catches_up_after_more_writes_than_the_history_holds(stage: Stage) -> None:
    stage.scale(3)
    stage.store.compact()
    stage.run(5)
    assert stage.counts == (3, 3)
