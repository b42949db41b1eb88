from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from autoscaler.core import selectors
from autoscaler.errors import MalformedError
from autoscaler.kube.podindex import ANSWERS, PodIndex
from autoscaler.model.objects import NodeName, Pod


def pod(name: str, labels: Mapping[str, str], *, namespace: str = "shop", node: str = "n1") -> Pod:
    return Pod(namespace=namespace, name=name, labels=labels, node=NodeName(node))


@pytest.fixture
def index() -> PodIndex:
    made = PodIndex()
    for each in (
        pod("b", {"app": "web", "tier": "front"}),
        pod("a", {"app": "web"}, node="n2"),
        pod("c", {"app": "db"}, node=""),
        pod("a", {"app": "web"}, namespace="other"),
    ):
        made.changed(None, each)
    return made


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=web", ["a", "b"]),
        ("app=web,tier=front", ["b"]),
        ("app=web,!tier", ["a"]),
        ("app in (db)", ["c"]),
        ("app=nothing", []),
        ("unknown=x", []),
        ("", ["a", "b", "c"]),
    ],
)
def test_a_selector_finds_its_pods_by_name(index: PodIndex, selector: str, names: list[str]) -> None:
    assert [each.name for each in index.matching("shop", selector)] == names


def test_a_selector_that_is_none_is_malformed(index: PodIndex) -> None:
    with pytest.raises(MalformedError):
        index.matching("shop", "a b c")


def test_pods_are_found_by_node_namespace_and_name(index: PodIndex) -> None:
    assert sorted(f"{each.key}" for each in index.on(NodeName("n1"))) == ["other/a", "shop/b"]
    assert sorted(each.name for each in index.within("shop")) == ["a", "b", "c"]
    assert (index.pod("shop", "c") or index).labels == {"app": "db"}  # type: ignore[union-attr]  # fails when None
    assert index.pod("shop", "zz") is None
    assert list(index.on(NodeName(""))) == list(index.within("nowhere")) == []


def test_a_pod_that_was_bound_relabelled_and_removed_leaves_no_trace(index: PodIndex) -> None:
    first, bound = pod("x", {"app": "web"}, node=""), pod("x", {"app": "batch"}, node="n9")
    assert [each.name for each in index.matching("shop", "app=web")] == ["a", "b"]
    index.changed(None, first)
    index.changed(first, bound)
    assert [each.name for each in index.matching("shop", "app=web")] == ["a", "b"]
    assert [each.name for each in index.matching("shop", "app=batch")] == ["x"]
    assert [each.name for each in index.on(NodeName("n9"))] == ["x"]
    index.changed(bound, None)
    assert [*index.matching("shop", "app=batch"), *index.on(NodeName("n9"))] == []


def test_an_emptied_namespace_can_be_filled_again() -> None:
    index, only = PodIndex(), pod("a", {"app": "web"})
    index.changed(None, only)
    index.matching("shop", "app=web")
    index.changed(only, None)
    assert list(index.matching("shop", "app=web")) == []
    index.changed(None, only)
    assert list(index.matching("shop", "app=web")) == [only]


def test_the_index_agrees_with_looking_at_every_pod_through_random_changes() -> None:
    chance, index, held = random.Random(7), PodIndex(), dict[str, Pod]()
    texts = ["app=a", "app=b,tier=x", "tier!=x", "app in (a,b),tier", ""]
    for _ in range(500):
        name = f"p{chance.randrange(30)}"
        labels = {key: chance.choice("abx") for key in chance.sample(["app", "tier"], chance.randrange(3))}
        new = None if chance.random() < 0.3 else pod(name, labels, node=chance.choice(["", "n1"]))
        index.changed(held.pop(name, None), new)
        if new is not None:
            held[name] = new
        text = chance.choice(texts)
        expected = sorted(key for key, each in held.items() if selectors.parse(text).matches(each.labels))
        assert [each.name for each in index.matching("shop", text)] == expected


def test_an_answer_is_kept_until_a_pod_of_its_namespace_changes() -> None:
    index, web = PodIndex(), pod("a", {"app": "web"})
    index.changed(None, web)
    first = index.matching("shop", "app=web")
    assert index.matching("shop", "app=web") is first
    index.changed(web, later := pod("a", {"app": "web", "tier": "front"}))
    assert list(index.matching("shop", "app=web")) == [later]
    index.changed(later, None)
    assert list(index.matching("shop", "app=web")) == []


def test_more_selectors_than_there_are_targets_are_answered_and_not_kept() -> None:
    index, web = PodIndex(), pod("a", {"app": "web"})
    index.changed(None, web)
    for number in range(ANSWERS + 1):
        assert list(index.matching("shop", f"app!={number}")) == [web]
    assert index.matching("shop", f"app!={ANSWERS}") is not index.matching("shop", f"app!={ANSWERS}")
