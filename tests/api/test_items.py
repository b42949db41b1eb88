import gc

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
    own = structs.replace(NODE_USAGE.usage, cpu=1)
    newest = renewed(node_item(NODE, NODE_USAGE), structs.replace(NODE_USAGE, usage=own))
    assert newest.pairs() == [(own.at_ns, own.window_ns), (1, own.memory)]


def test_many_samples_are_nothing_that_the_collector_of_cycles_would_look_at() -> None:
    first = pod_item(WEB, WEB_USAGE)
    newer = renewed(first, LATER)
    assert not any(map(gc.is_tracked, (first, first.numbers, newer, newer.numbers)))
    assert first.containers is newer.containers, "one for all pods with such containers"


def test_what_nobody_read_goes_without_numbers() -> None:
    pod, node = numberless(WEB), numberless(NODE)
    assert (pod.subject.labels, pod.at_ns) == (WEB.labels, 0)
    assert (node.subject.name, node.pairs()) == ("node-a", [(0, 0), (0, 0)])
