from msgspec import structs

from autoscaler.api.items import Items, node_item, pod_item
from tests.api.goldens import DNS, DNS_USAGE, NODE, NODE_USAGE, WEB, WEB_USAGE
from tests.api.world import SAMPLED
from tests.clock import FakeClock

LATER = structs.replace(WEB_USAGE, at_ns=SAMPLED + 10_000_000_000)


def test_pods_are_ordered_by_namespace_then_name_and_nodes_by_name() -> None:
    a_z, ab_a = (
        pod_item(structs.replace(WEB, namespace=ns, name=name), WEB_USAGE) for ns, name in ("az", ("a-b", "a"))
    )
    assert a_z.subject.order < ab_a.subject.order, "the shorter namespace first, whatever follows it"
    assert node_item(NODE, NODE_USAGE).subject.order == "node-a"


def test_an_item_is_made_once_per_sample() -> None:
    items = Items(FakeClock())
    assert items.pod(WEB, structs.replace(WEB_USAGE)) is items.pod(WEB, WEB_USAGE)
    assert items.node(NODE, structs.replace(NODE_USAGE)) is items.node(NODE, NODE_USAGE)


def test_a_new_sample_makes_a_new_item_of_the_same_subject() -> None:
    items = Items(FakeClock())
    earlier = items.pod(WEB, WEB_USAGE)
    newer = items.pod(WEB, LATER)
    assert (newer.at_ns, newer.subject is earlier.subject) == (LATER.at_ns, True)
    assert earlier.at_ns == SAMPLED, "who still holds the earlier one keeps it as it was"
    usage = structs.replace(NODE_USAGE, usage=structs.replace(NODE_USAGE.usage, cpu=1))
    assert items.node(NODE, NODE_USAGE).subject is items.node(NODE, usage).subject
    assert items.node(NODE, usage).usage == usage


def test_a_changed_pod_or_node_is_a_new_subject() -> None:
    items = Items(FakeClock())
    items.pod(WEB, WEB_USAGE), items.node(NODE, NODE_USAGE)
    assert items.pod(structs.replace(WEB, labels={"app": "new"}), WEB_USAGE).subject.labels == {"app": "new"}
    assert items.node(structs.replace(NODE, labels={}), NODE_USAGE).subject.labels == {}


async def test_what_is_read_stays_and_what_nobody_reads_goes() -> None:
    clock = FakeClock()
    items = Items(clock)
    read, unread = items.pod(WEB, WEB_USAGE), items.pod(DNS, DNS_USAGE)
    for _ in range(2):
        await clock.advance(61)
        items.turn()
        assert items.pod(WEB, WEB_USAGE) is read
    assert items.pod(DNS, DNS_USAGE) is not unread


def test_pods_and_nodes_without_uid_are_told_apart_by_name() -> None:
    items = Items(FakeClock())
    one, two = structs.replace(WEB, uid=""), structs.replace(DNS, uid="")
    assert items.pod(one, WEB_USAGE).subject.name != items.pod(two, DNS_USAGE).subject.name
    assert items.node(structs.replace(NODE, uid=""), NODE_USAGE).subject.namespace is None
