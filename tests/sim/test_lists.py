from __future__ import annotations

from typing import Any

import pytest

from autoscaler.sim.lists import listing
from autoscaler.sim.refusals import RefusedError
from autoscaler.sim.resources import POD_SCALERS, PODS
from autoscaler.sim.store import Store


def names(answer: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param({}, ["a", "b", "c"], id="everything, by name"),
        pytest.param({"labelSelector": "app=web"}, ["a", "b"], id="by label"),
        pytest.param({"labelSelector": "app notin (web)"}, ["c"], id="by label set"),
        pytest.param({"fieldSelector": "metadata.name=b"}, ["b"], id="by name"),
        pytest.param({"fieldSelector": "spec.nodeName!=node-1"}, [], id="by field, negated"),
        pytest.param({"limit": "2", "resourceVersion": "0"}, ["a", "b", "c"], id="version 0 is answered whole"),
    ],
)
def test_selection(store: Store, query: dict[str, str], found: list[str]) -> None:
    assert names(listing(store, PODS, "shop", query)) == found
    assert names(listing(store, PODS, "other", query)) == []


def test_pages_together_are_the_snapshot_of_the_first(store: Store) -> None:
    first = listing(store, PODS, "", {"limit": "1"})
    assert first["metadata"]["remainingItemCount"] == 2
    store.delete(PODS, "shop", "b")
    second = listing(store, PODS, "", {"limit": "2", "continue": first["metadata"]["continue"]})
    assert names(first) + names(second) == ["a", "b", "c"]
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


def test_a_selected_list_does_not_say_how_much_is_left(store: Store) -> None:
    assert "remainingItemCount" not in listing(store, PODS, "", {"limit": "1", "labelSelector": "app"})["metadata"]


def test_only_custom_resources_repeat_their_kind_inside_a_list(store: Store) -> None:
    store.create(POD_SCALERS, "shop", {"metadata": {"name": "web"}, "spec": {}})
    assert "kind" not in listing(store, PODS, "", {})["items"][0]
    assert listing(store, POD_SCALERS, "", {})["items"][0]["kind"] == "HorizontalPodScaler"
    assert listing(store, PODS, "", {})["kind"] == "PodList"


def test_the_rest_of_a_forgotten_snapshot_is_expired(store: Store) -> None:
    token = listing(store, PODS, "", {"limit": "1"})["metadata"]["continue"]
    store.delete(PODS, "shop", "c")
    store.compact()
    with pytest.raises(RefusedError, match="The provided continue parameter is too old") as caught:
        listing(store, PODS, "", {"continue": token})
    assert (caught.value.code, caught.value.reason) == (410, "Expired")


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        pytest.param({"labelSelector": "a=("}, 400, "Unable to find", id="a broken label selector"),
        pytest.param({"fieldSelector": "spec.x=1"}, 400, "spec.x", id="an unknown field"),
        pytest.param({"continue": "junk"}, 400, "continue key is not valid", id="a made-up token"),
        pytest.param({"continue": "e30="}, 400, "continue key is not valid", id="an empty token"),
        pytest.param({"limit": "many"}, 400, "limit must be a number", id="a limit in words"),
        pytest.param({"resourceVersion": "999999"}, 504, "Too large resource version: 999999", id="the future"),
        pytest.param({"resourceVersion": "101", "resourceVersionMatch": "Exact"}, 410, "too old", id="exactly then"),
    ],
)
def test_refuses(store: Store, query: dict[str, str], code: int, text: str) -> None:
    with pytest.raises(RefusedError, match=text) as caught:
        listing(store, PODS, "", query)
    assert caught.value.code == code
