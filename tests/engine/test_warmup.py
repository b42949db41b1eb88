from autoscaler.engine.warmup import Warmup
from autoscaler.model.metrics import NodeUsage, Usage
from autoscaler.model.objects import Node, NodeName
from tests.clock import FakeClock


class Cluster:
    def __init__(self, nodes: int) -> None:
        self.synced = True
        self.all = {NodeName(f"n{i}"): Node(name=NodeName(f"n{i}"), uid=str(i)) for i in range(nodes)}
        self.served: set[str] = set()

    def nodes(self) -> dict[NodeName, Node]:
        return self.all

    def node_usage(self, name: str) -> NodeUsage | None:
        return NodeUsage(NodeName(name), Usage(0, 0, 0, 1)) if name in self.served else None


def test_a27_warm_when_nine_nodes_of_ten_have_a_usage() -> None:
    cluster, told = Cluster(10), list[str]()
    warmup = Warmup(cluster, cluster, FakeClock(), lambda: told.append("warm"))
    cluster.served = {f"n{i}" for i in range(8)}
    assert not warmup.warm()
    assert not told
    assert warmup.waiting_for == "usage of nodes: 8 of 10 ready ones have one"
    cluster.served.add("n8")
    assert warmup.warm()
    assert warmup.waiting_for == ""
    assert warmup.warm()
    assert told == ["warm"], "once"


async def test_a27_nodes_that_never_answer_keep_nobody_waiting_longer_than_a_minute() -> None:
    cluster, clock = Cluster(10), FakeClock()
    warmup = Warmup(cluster, cluster, clock)
    assert not warmup.warm()
    await clock.advance(59)
    assert not warmup.warm()
    await clock.advance(1)
    assert warmup.warm()


async def test_the_minute_begins_when_the_inventory_is_complete() -> None:
    cluster, clock = Cluster(10), FakeClock()
    cluster.synced = False
    warmup = Warmup(cluster, cluster, clock)
    assert not warmup.warm()
    await clock.advance(100)
    cluster.synced = True
    assert not warmup.warm()


def test_a_total_outage_later_does_not_make_it_cold_again() -> None:
    cluster = Cluster(2)
    warmup = Warmup(cluster, cluster, FakeClock())
    cluster.served = {"n0", "n1"}
    assert warmup.warm()
    cluster.served = set()
    assert warmup.warm()


def test_a_cluster_without_nodes_is_warm_at_once() -> None:
    cluster = Cluster(0)
    assert Warmup(cluster, cluster, FakeClock()).warm()


def test_a_node_that_is_not_ready_is_not_waited_for() -> None:
    cluster = Cluster(2)
    cluster.all[NodeName("n1")] = Node(name=NodeName("n1"), uid="1", ready=False)
    cluster.served = {"n0"}
    assert Warmup(cluster, cluster, FakeClock()).warm()
