from msgspec import structs

from autoscaler.api.items import node_item, numberless, pod_item, renewed
from tests.api.cluster import SAMPLED
from tests.api.goldens import NODE, NODE_USAGE, WEB, WEB_USAGE

LATER = structs.replace(WEB_USAGE, at_ns=SAMPLED + 10_000_000_000)


def test_a_new_sample_makes_a_new_item_of_the_same_subject() -> None:
    earlier = pod_item(WEB, WEB_USAGE)
    newer = renewed(earlier, LATER)
    assert (newer.at_ns, newer.subject is earlier.subject) == (LATER.at_ns, True)
    assert earlier.at_ns == SAMPLED, "who still holds the earlier one keeps it as it was"
    usage = structs.replace(NODE_USAGE, usage=structs.replace(NODE_USAGE.usage, cpu=1))
    assert renewed(node_item(NODE, NODE_USAGE), usage).usage == usage


def test_what_nobody_read_goes_without_numbers() -> None:
    pod, node = numberless(WEB), numberless(NODE)
    assert (pod.subject.labels, pod.at_ns) == (WEB.labels, 0)
    assert (node.subject.name, node.window_ns) == ("node-a", 0)
