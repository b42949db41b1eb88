import asyncio

import pytest
from msgspec import structs

from autoscaler.api.ledger import Ledger, pod_key
from autoscaler.model.metrics import Commit
from autoscaler.model.objects import Node, NodeName, Pod
from tests.api.cluster import NOW, Cluster, golden_cluster, pod_usage
from tests.clock import FakeClock

START = int(NOW * 1_000_000)
POD = Pod(namespace="shop", name="web-0", uid="u", labels={"app": "web"})


def watched(cluster: Cluster) -> Ledger:
    return Ledger(cluster, cluster, cluster, FakeClock(NOW))


def names(ledger: Ledger, resource: str = "pods") -> list[str]:
    return [key.rpartition("\0")[2] for key in ledger.shelf(resource).keys("")]


def with_pod(pod: Pod = POD) -> tuple[Cluster, Ledger]:
    """A served pod, told by a commit."""
    cluster = Cluster()
    ledger = watched(cluster)
    cluster.change(None, pod)
    cluster.usages[(pod.namespace, pod.name)] = pod_usage(pod, ("c", 1, 1))
    cluster.commit(pod)
    return cluster, ledger


def test_what_is_there_already_is_served() -> None:
    ledger = watched(golden_cluster())
    assert (names(ledger), names(ledger, "nodes")) == (["web-0", "dns-0"], ["node-a", "node-b"])
    assert ledger.revision > START


def test_the_revision_begins_with_the_time_so_that_no_other_process_has_the_same() -> None:
    assert watched(Cluster()).revision == START


def test_a_commit_is_one_revision_whatever_is_in_it() -> None:
    cluster, ledger = with_pod()
    other = structs.replace(POD, name="web-1", uid="v")
    cluster.add_pod(other, ("c", 1, 1))
    cluster.add_node("n1", 1, 1)
    before = ledger.revision
    cluster.commit(POD, other, node="n1", own=True)
    assert ledger.revision == before + 1
    assert {entry.changed for key in names(ledger) if (entry := ledger.pods.get(f"shop\0{key}"))} == {before + 1}
    assert names(ledger, "nodes") == ["n1"]
    cluster.commit(lost=[POD, other], node="n1", own=False)
    assert (names(ledger), names(ledger, "nodes")) == ([], [])


def test_what_changes_nothing_here_is_no_revision() -> None:
    cluster, ledger = with_pod()
    before = ledger.revision
    cluster.commit(lost=[structs.replace(POD, name="unknown")])
    cluster.commit(structs.replace(POD, name="unknown"))
    cluster.change(POD, newer := structs.replace(POD, resource_version="2"))
    cluster.change(None, structs.replace(POD, name="new"))
    assert ledger.revision == before
    entry = ledger.pods.get(pod_key(POD))
    assert entry is not None
    assert entry.source is newer


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(None, id="deleted"),
        pytest.param(structs.replace(POD, phase="Succeeded"), id="ended"),
        pytest.param(structs.replace(POD, uid="new"), id="replaced by one of the same name"),
    ],
)
def test_a_pod_that_goes_is_gone_at_once(after: Pod | None) -> None:
    cluster, ledger = with_pod()
    before = ledger.revision
    cluster.change(POD, after)
    assert names(ledger) == []
    assert ledger.revision == before + 1


def test_a_pod_is_served_from_when_it_runs() -> None:
    pending = structs.replace(POD, phase="Pending")
    cluster, ledger = with_pod(pending)
    assert names(ledger) == []
    cluster.change(pending, POD)
    assert names(ledger) == ["web-0"]


def test_numbers_of_an_earlier_pod_of_the_same_name_are_not_served() -> None:
    cluster, ledger = with_pod()
    cluster.change(POD, structs.replace(POD, uid="new"))
    cluster.change(None, structs.replace(POD, uid="newer"))
    assert names(ledger) == []


def test_other_labels_are_a_revision() -> None:
    cluster, ledger = with_pod()
    before = ledger.revision
    cluster.change(POD, structs.replace(POD, labels={"app": "db"}))
    (difference,) = ledger.pods.since(before)
    assert difference.before is not None


def test_a_node_follows_its_inventory_too() -> None:
    cluster = Cluster()
    ledger = watched(cluster)
    node = Node(name=NodeName("n1"), uid="u")
    cluster.change_node(None, node)
    assert names(ledger, "nodes") == []
    cluster.add_node("n1", 1, 1)
    cluster.commit(node="n1", own=True)
    assert names(ledger, "nodes") == ["n1"]
    cluster.change_node(node, newer := structs.replace(node, labels={"zone": "z"}))
    entry = ledger.nodes.get("n1")
    assert entry is not None
    assert entry.source is newer
    cluster.change_node(newer, structs.replace(newer, uid="reborn"))
    assert ledger.nodes.get("n1") is not None, "the store has a usage of it; the scraper will tell when it goes"
    cluster.change_node(newer, None)
    assert names(ledger, "nodes") == []


def test_an_item_is_written_once_per_sample_and_its_subject_once() -> None:
    cluster, ledger = with_pod()
    entry = ledger.pods.get(pod_key(POD))
    assert entry is not None
    first = ledger.item(entry)
    assert first is not None
    assert ledger.item(entry) is first
    cluster.commit(POD)
    second = ledger.item(entry)
    assert second is not None
    assert second is not first
    assert second.subject is first.subject
    cluster.usages.clear()
    cluster.commit(POD)
    assert ledger.item(entry) is None, "it became too old this instant"


async def test_it_settles_when_the_store_has_told_all_that_is_too_old() -> None:
    cluster, ledger = with_pod()
    cluster.expired = [True, False, False]
    await ledger.settle()
    assert cluster.expired == []


async def test_who_waits_hears_of_a_change_and_of_the_end() -> None:
    cluster, ledger = with_pod()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ledger.change())
        await asyncio.sleep(0)
        cluster.commit(POD)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ledger.change())
        await asyncio.sleep(0)
        ledger.close()
    assert ledger.closed


def test_commits_of_the_same_list_of_pods_follow_what_becomes_of_them() -> None:
    """The store repeats the very list while nothing changes on a node."""
    cluster, ledger = with_pod()
    other = structs.replace(POD, namespace="bank", name="db", uid="v")
    cluster.add_pod(other, ("c", 1, 1))
    pods = (POD.key, other.key)

    def commit() -> set[str]:
        """The names that it changed."""
        before = ledger.revision
        cluster.tell(Commit(NodeName("n1"), pods))
        assert {ledger.pods.touched(name) for name in ("", "shop", "bank")} <= {ledger.revision, before}
        return {each.key.rpartition("\0")[2] for each in ledger.pods.since(before) if each.after}

    assert [commit() for _ in range(3)] == [{"web-0", "db"}] * 3
    cluster.change(POD, relabelled := structs.replace(POD, labels={"app": "new"}))
    assert commit() == {"web-0", "db"}
    entry = ledger.pods.get(pod_key(POD))
    assert entry is not None
    assert entry.source is relabelled
    cluster.change(relabelled, None)
    assert commit() == {"db"}
    cluster.change(None, POD)
    assert commit() == {"web-0", "db"}
    cluster.tell(Commit(NodeName("n1"), lost=pods, own=False))
    assert names(ledger) == []
    assert commit() == {"web-0", "db"}


def test_what_is_not_the_newest_of_any_object_leaves_the_journal() -> None:
    cluster, ledger = with_pod()
    pods = (POD.key,)
    for _ in range(100):
        cluster.tell(Commit(NodeName("n1"), pods))
    assert len(ledger.pods._journal) == 1
