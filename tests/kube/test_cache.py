from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw, Struct

from autoscaler.errors import MalformedError
from autoscaler.kube.cache import Cache, older


class Thing(Struct, frozen=True):
    uid: str
    resource_version: str


def read(raw: Raw) -> Thing:
    metadata = json.loads(bytes(raw))["metadata"]
    if metadata.get("broken"):
        raise MalformedError("broken on purpose")
    return Thing(metadata.get("uid", ""), metadata["resourceVersion"])


def raw(name: str, version: object, **more: object) -> Raw:
    return Raw(json.dumps({"metadata": {"name": name, "resourceVersion": str(version), **more}}).encode())


class Seen:
    """A cache and what it told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.cache: Cache[Thing] = Cache("things", read, self._changed)

    def _changed(self, old: Thing | None, new: Thing | None) -> None:
        self.told.append((old.resource_version if old else "-", new.resource_version if new else "-"))

    def list(self, version: int, *items: Raw, even_older: bool = False) -> None:
        seen = {self.cache.listed(each, even_older=even_older) for each in items}
        self.cache.complete(seen, str(version))

    @property
    def versions(self) -> dict[str, str]:
        return {key[1]: each.resource_version for key, each in self.cache.items.items()}


def test_a_list_adds_changes_and_removes() -> None:
    seen = Seen()
    seen.list(10, raw("a", 1), raw("b", 2))
    seen.list(20, raw("b", 15), raw("c", 16))
    assert seen.versions == {"b": "15", "c": "16"}
    assert seen.told == [("-", "1"), ("-", "2"), ("2", "15"), ("-", "16"), ("1", "-")]


def test_the_same_list_again_tells_nothing() -> None:
    seen = Seen()
    seen.list(10, raw("a", 1))
    seen.told.clear()
    seen.list(11, raw("a", 1))
    assert seen.told == []


@pytest.mark.parametrize(
    ("events", "left"),
    [
        pytest.param([("ADDED", "b", 11), ("MODIFIED", "a", 12)], {"a": "12", "b": "11"}, id="in order"),
        pytest.param([("MODIFIED", "a", 12), ("MODIFIED", "a", 11)], {"a": "12"}, id="in the wrong order"),
        pytest.param([("MODIFIED", "a", 12), ("MODIFIED", "a", 12)], {"a": "12"}, id="said twice"),
        pytest.param([("DELETED", "a", 12), ("MODIFIED", "a", 11)], {}, id="a late change does not raise the dead"),
        pytest.param([("DELETED", "a", 12), ("DELETED", "a", 12)], {}, id="deleted twice"),
        pytest.param([("MODIFIED", "a", 12), ("DELETED", "a", 11)], {"a": "12"}, id="a late delete of an older one"),
        pytest.param([("DELETED", "a", 11), ("ADDED", "a", 12)], {"a": "12"}, id="deleted and made again"),
        pytest.param([("DELETED", "zz", 11)], {"a": "5"}, id="a delete of what was never known"),
        pytest.param([("BOOKMARK", "", 99), ("MODIFIED", "a", 50)], {"a": "5"}, id="said again after a bookmark"),
        pytest.param([("STRANGE", "a", 11)], {"a": "5"}, id="an unknown kind of event"),
    ],
)
def test_s25_events_only_move_forward(events: list[tuple[str, str, int]], left: dict[str, str]) -> None:
    seen = Seen()
    seen.list(10, raw("a", 5))
    for kind, name, version in events:
        seen.cache.event(kind, raw(name, version))
    assert seen.versions == left


def test_the_place_moves_with_events_and_bookmarks_and_never_back() -> None:
    seen = Seen()
    places = []
    seen.list(10)
    for kind, version in [("ADDED", 12), ("BOOKMARK", 20), ("BOOKMARK", 15), ("DELETED", 21)]:
        seen.cache.event(kind, raw("a", version))
        places.append(seen.cache.version)
    assert places == ["12", "20", "20", "21"]


def test_a_list_from_the_past_is_taken_only_when_told_so() -> None:
    seen = Seen()
    seen.list(100, raw("a", 90))
    seen.list(100, raw("a", 40))
    assert seen.versions == {"a": "90"}
    seen.list(50, raw("a", 40), even_older=True)
    assert (seen.versions, seen.cache.version) == ({"a": "40"}, "50")


def test_an_object_of_another_uid_replaces_even_at_the_same_version() -> None:
    seen = Seen()
    seen.list(10, raw("a", 5, uid="1"))
    seen.list(11, raw("a", 5, uid="2"))
    assert seen.told == [("-", "5"), ("5", "5")]


def test_a_broken_object_is_named_and_its_neighbours_are_kept() -> None:
    seen = Seen()
    seen.list(10, raw("a", 1, broken=True, namespace="shop"), raw("b", 2))
    assert seen.versions == {"b": "2"}
    assert seen.cache.broken == {("shop", "a"): "broken on purpose"}
    seen.cache.event("MODIFIED", raw("a", 12, namespace="shop"))
    assert (seen.versions, seen.cache.broken) == ({"b": "2", "a": "12"}, {})


@pytest.mark.parametrize("repair", ["relist", "delete"])
def test_a_broken_object_that_goes_is_forgotten(repair: str) -> None:
    seen = Seen()
    seen.list(10, raw("a", 1, broken=True))
    if repair == "relist":
        seen.list(11)
    else:
        seen.cache.event("DELETED", raw("a", 11))
    assert seen.cache.broken == {}


def test_an_object_that_breaks_is_no_longer_held() -> None:
    seen = Seen()
    seen.list(10, raw("a", 1))
    seen.cache.event("MODIFIED", raw("a", 11, broken=True))
    assert (seen.versions, seen.told[-1]) == ({}, ("1", "-"))


def test_clear_forgets_everything_and_the_place() -> None:
    seen = Seen()
    seen.list(10, raw("a", 1))
    seen.cache.clear()
    assert (seen.versions, seen.cache.version, seen.told[-1]) == ({}, "", ("1", "-"))


@pytest.mark.parametrize(
    ("version", "than", "answer"),
    [("9", "10", True), ("10", "9", False), ("7", "7", False), ("", "7", False), ("x", "7", False), ("7", "y", False)],
)
def test_versions_are_compared_as_whole_numbers_or_not_at_all(version: str, than: str, answer: Any) -> None:
    assert older(version, than) is answer


def test_what_a_write_of_our_own_left_is_known_at_once_and_not_read_again() -> None:
    seen = Seen()
    seen.list(10, raw("a", 5, uid="u"))
    seen.cache.learn(("", "a"), Thing("u", "11"))
    seen.cache.event("MODIFIED", raw("a", 11, uid="u", broken="it was not read"))
    assert seen.told == [("-", "5"), ("5", "11")]
    assert (seen.versions, seen.cache.broken, seen.cache.version) == ({"a": "11"}, {}, "11")


@pytest.mark.parametrize(
    "written", [pytest.param(Thing("u", "4"), id="older"), pytest.param(Thing("w", "11"), id="of another object")]
)
def test_what_a_write_left_is_not_believed_when_the_watch_knows_better(written: Thing) -> None:
    seen = Seen()
    seen.list(10, raw("a", 5, uid="u"))
    seen.cache.learn(("", "a"), written)
    assert seen.versions == {"a": "5"}


def test_what_a_write_left_of_something_that_is_gone_stays_gone() -> None:
    seen = Seen()
    seen.list(10, raw("a", 5, uid="u"))
    seen.cache.event("DELETED", raw("a", 12, uid="u"))
    seen.cache.learn(("", "a"), Thing("u", "11"))
    assert seen.versions == {}
