from random import Random

import pytest

from autoscaler.api.items import pod_item
from autoscaler.api.shelf import Shelf, TooOldError
from autoscaler.model.objects import Node, NodeName, Pod
from tests.api.cluster import pod_usage

START = 1000


def pod(name: str, namespace: str = "a", **labels: str) -> Pod:
    return Pod(namespace=namespace, name=name, uid=name, labels=labels)


def key(name: str, namespace: str = "a") -> str:
    return f"{namespace}\0{name}"


def filled(*names: str, most_gone: int = 1000) -> Shelf:
    """Each put at a revision of its own, from `START` + 1 on."""
    shelf = Shelf(START, most_gone=most_gone)
    for revision, name in enumerate(names, START + 1):
        shelf.put(key(name), pod(name), revision)
    return shelf


def told(shelf: Shelf, revision: int) -> list[tuple[int, str, bool, bool]]:
    """Revision, name, whether it was otherwise before, whether it is there."""
    return [
        (each.revision, each.key.partition("\0")[2], each.before is not None, each.after is not None)
        for each in shelf.since(revision)
    ]


def test_names_are_in_order_whatever_came_when() -> None:
    shelf = filled("c", "a", "b")
    shelf.put(key("z", "0"), pod("z", "0"), 2000)
    shelf.put(key("m", "a-b"), pod("m", "a-b"), 2001)
    assert shelf.keys("a") == [key("a"), key("b"), key("c")]
    assert shelf.keys("") == [key("z", "0"), key("a"), key("b"), key("c"), key("m", "a-b")]
    assert shelf.keys("nowhere") == []
    shelf.drop(key("b"), 2002)
    assert shelf.keys("a") == [key("a"), key("c")]
    before = shelf.keys("")
    shelf.put(key("b"), pod("b"), START + 100)
    assert (len(before), len(shelf.keys("")), len(shelf)) == (4, 5, 5), "who reads them is not disturbed"
    shelf.drop(key("b"), START + 101)
    assert (len(before), len(shelf.keys("")), len(shelf)) == (4, 4, 4)


def test_many_that_come_and_go_are_in_order_too() -> None:
    names = [f"{number:05}" for number in range(10_000)]
    Random(1).shuffle(names)
    shelf = filled(*names, most_gone=10_000)
    assert shelf.keys("") == [key(name) for name in sorted(names)]
    for revision, name in enumerate(names[:5000], 20_000):
        shelf.drop(key(name), revision)
    assert shelf.keys("a") == [key(name) for name in sorted(names[5000:])]


@pytest.mark.parametrize("asked_every", [20, 300, 6000], ids=lambda every: f"asked for every {every} changes")
def test_what_comes_goes_and_comes_again_is_there_once(asked_every: int) -> None:
    draw, shelf, there = Random(2), Shelf(START), set[str]()
    for step in range(6000):
        name = f"{draw.randrange(9000):05}"
        if name in there:
            shelf.drop(key(name), START + step)
        else:
            shelf.put(key(name), pod(name), START + step)
        there ^= {name}
        if step % asked_every == asked_every - 1:
            assert shelf.keys("") == [key(name) for name in sorted(there)]


def test_a_node_is_in_no_namespace() -> None:
    shelf = Shelf(START)
    shelf.put("n", Node(name=NodeName("n"), uid="n"), START + 1)
    assert (shelf.keys(""), shelf.touched("")) == (["n"], START + 1)


def test_what_changed_since_is_told_once_each_in_the_order_of_the_last_change() -> None:
    shelf = filled("a", "b", "c")
    shelf.put(key("a"), pod("a"), 1010)
    shelf.put(key("a"), pod("a"), 1011)
    shelf.put(key("b"), pod("b"), 1012)
    assert told(shelf, START + 3) == [(1011, "a", False, True), (1012, "b", False, True)]
    assert told(shelf, 1011) == [(1012, "b", False, True)]
    assert told(shelf, 1012) == []
    assert [entry.since for each in shelf.since(START) if (entry := each.after)] == [1003, 1001, 1002]


def test_what_went_is_told_with_what_it_was() -> None:
    shelf = filled("a", "b")
    item = pod_item(pod("a"), pod_usage(pod("a"), ("c", 1, 1)))
    entry = shelf.get(key("a"))
    assert entry is not None
    entry.item = item
    shelf.drop(key("a"), 1010)
    shelf.drop(key("unknown"), 1011)
    (gone,) = shelf.since(START + 2)
    assert (gone.revision, gone.after) == (1010, None)
    assert gone.before is not None
    assert (gone.before.item, gone.before.since) == (item, START + 1)


def test_of_one_that_went_and_came_again_the_earliest_state_is_told_with_the_present_one() -> None:
    shelf = filled("a")
    shelf.drop(key("a"), 1010)
    shelf.put(key("a"), pod("a"), 1011)
    shelf.drop(key("a"), 1012)
    shelf.put(key("a"), pod("a"), 1013)
    (difference,) = shelf.since(START + 1)
    assert difference.before is not None
    assert difference.after is not None
    assert (difference.revision, difference.before.since, difference.after.since) == (1013, START + 1, 1013)
    (difference,) = shelf.since(1010)
    assert difference.before is not None
    assert difference.before.since == 1011


def test_other_labels_are_a_change_that_remembers_the_former_ones() -> None:
    shelf = filled("a")
    shelf.relabel(key("a"), pod("a", app="new"), 1010)
    (difference,) = shelf.since(START + 1)
    assert difference.before is not None
    assert difference.after is not None
    assert (difference.before.source.labels, difference.after.source.labels) == ({}, {"app": "new"})
    assert (difference.before.since, difference.after.since, difference.after.changed) == (1001, 1001, 1010)


def test_what_is_read_between_samples_is_kept_and_what_is_not_read_is_let_go() -> None:
    shelf = filled("a")
    entry = shelf.get(key("a"))
    assert entry is not None
    item = entry.item = pod_item(pod("a"), pod_usage(pod("a"), ("c", 1, 1)))
    entry.stale = False
    shelf.put(key("a"), pod("a"), 1010)
    assert (entry.item, entry.stale) == (item, True)
    shelf.put(key("a"), pod("a"), 1011)
    assert (entry.item, entry.stale) == (None, True)


def test_each_namespace_knows_its_last_change() -> None:
    shelf = filled("a")
    shelf.put(key("b", "other"), pod("b", "other"), 1010)
    assert (shelf.touched("a"), shelf.touched("other"), shelf.touched("quiet"), shelf.touched("")) == (
        1001, 1010, START, 1010,
    )  # fmt: skip
    shelf.drop(key("a"), 1011)
    assert shelf.touched("a") == 1011


def test_namespaces_that_come_and_go_do_not_pile_up() -> None:
    shelf = Shelf(START, most_namespaces=3)
    for number in range(1, 5):
        shelf.put(key("p", f"n{number}"), pod("p", f"n{number}"), START + number)
    assert shelf.touched("n1") == shelf.touched("quiet") == START + 4, "later than it was, never earlier"


def test_there_is_an_end_to_what_is_remembered() -> None:
    shelf = filled("a", "b", "c", most_gone=2)
    with pytest.raises(TooOldError):
        shelf.since(START - 1)
    for revision, name in enumerate("abc", 1010):
        shelf.drop(key(name), revision)
    assert shelf.floor == 1010
    assert told(shelf, 1010) == [(1011, "b", True, False), (1012, "c", True, False)]
    with pytest.raises(TooOldError, match="1009 is older than 1010"):
        shelf.since(1009)
