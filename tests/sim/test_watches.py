from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import looptime  # noqa: F401 - registers the marker's plugin
import pytest

from autoscaler.sim.refusals import RefusedError
from autoscaler.sim.resources import DEPLOYMENTS, PODS
from autoscaler.sim.store import Preconditions, Store
from autoscaler.sim.watches import INITIAL_EVENTS_END, Watch

pytestmark = pytest.mark.looptime


def brief(event: dict[str, Any]) -> tuple[str, str]:
    return event["type"], event["object"].get("metadata", {}).get("name", "")


async def seen(store: Store, count: int, **query: str) -> list[dict[str, Any]]:
    """The first `count` events of a watch on pods."""
    found: list[dict[str, Any]] = []
    async with aclosing(Watch(store, PODS, "", query).events()) as events:
        while len(found) < count:
            found.append(await anext(events))
    return found


async def test_changes_arrive_from_the_version_on(store: Store) -> None:
    start = str(store.revision)
    store.merge(PODS, "shop", "a", {"metadata": {"labels": {"x": "y"}}})
    store.delete(PODS, "shop", "b")
    events = await seen(store, 2, resourceVersion=start)
    assert [brief(event) for event in events] == [("MODIFIED", "a"), ("DELETED", "b")]


async def test_changes_made_while_watching_arrive(store: Store) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(seen(store, 1, resourceVersion=str(store.revision)))
        await asyncio.sleep(1)
        store.scale(DEPLOYMENTS, "shop", "web", 5, Preconditions())
        await asyncio.sleep(1)
        store.delete(PODS, "shop", "a")
    assert brief(task.result()[0]) == ("DELETED", "a")


async def test_a_watch_without_version_begins_with_what_is_there(store: Store) -> None:
    assert [brief(event) for event in await seen(store, 3)] == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


async def test_leaving_the_selection_is_a_deletion_and_entering_it_an_addition(store: Store) -> None:
    start = str(store.revision)
    store.merge(PODS, "shop", "a", {"metadata": {"labels": {"app": "cart"}}})
    store.merge(PODS, "shop", "c", {"metadata": {"labels": {"app": "web"}}})
    left, entered = await seen(store, 2, resourceVersion=start, labelSelector="app=web")
    assert brief(left) == ("DELETED", "a")
    assert left["object"]["metadata"]["labels"] == {"app": "web"}
    assert int(left["object"]["metadata"]["resourceVersion"]) == int(start) + 1
    assert brief(entered) == ("ADDED", "c")


async def test_a_version_that_is_too_old_ends_it_with_an_error_event(store: Store) -> None:
    start = store.revision
    store.delete(PODS, "shop", "a")
    store.compact()
    events = [event async for event in Watch(store, PODS, "", {"resourceVersion": str(start)}).events()]
    assert [event["type"] for event in events] == ["ERROR"]
    assert events[0]["object"]["code"] == 410
    assert events[0]["object"]["reason"] == "Expired"


async def test_bookmarks_carry_the_version_of_other_resources_writes(store: Store) -> None:
    start = str(store.revision)
    store.scale(DEPLOYMENTS, "shop", "web", 5, Preconditions())
    (event,) = await seen(store, 1, resourceVersion=start, allowWatchBookmarks="true")
    assert event == {
        "type": "BOOKMARK",
        "object": {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": str(store.revision)}},
    }


async def test_it_ends_when_its_time_is_over(store: Store) -> None:
    query = {"resourceVersion": str(store.revision), "timeoutSeconds": "25", "allowWatchBookmarks": "1"}
    began = asyncio.get_running_loop().time()
    events = [event["type"] async for event in Watch(store, PODS, "", query, bookmark_every=10).events()]
    assert events == ["BOOKMARK"] * 3
    assert asyncio.get_running_loop().time() - began == 25


async def test_a_streaming_list_ends_its_opening_with_an_annotated_bookmark(store: Store) -> None:
    query = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan"}
    events = await seen(store, 4, **query)
    assert [event["type"] for event in events] == ["ADDED", "ADDED", "ADDED", "BOOKMARK"]
    assert events[-1]["object"]["metadata"]["annotations"] == {INITIAL_EVENTS_END: "true"}


@pytest.mark.parametrize("query", [{"resourceVersion": "x"}, {"labelSelector": "("}, {"timeoutSeconds": "-1"}])
async def test_a_request_that_cannot_be_read_is_refused_before_it_begins(store: Store, query: dict[str, str]) -> None:
    with pytest.raises(RefusedError) as caught:
        Watch(store, PODS, "", query)
    assert caught.value.code == 400
