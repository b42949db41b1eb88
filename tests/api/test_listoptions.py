import json
from typing import Any

import pytest

from autoscaler.api.call import parse_call
from autoscaler.api.continuation import Continuation, token
from autoscaler.api.listoptions import ListOptions, WatchOptions, list_options, watch_options
from autoscaler.api.status import StatusError

TOKEN = token(7, "node-a")


def listed(query: str) -> ListOptions:
    return list_options(parse_call("GET", f"/apis/metrics.k8s.io/v1/pods?{query}"))


def watched(query: str) -> WatchOptions:
    return watch_options(parse_call("GET", f"/apis/metrics.k8s.io/v1/pods?watch=true&{query}"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", {}, id="all of it, as of now"),
        pytest.param("resourceVersion=0", {}, id="any version"),
        pytest.param("limit=500&resourceVersion=0", {"limit": 500}, id="how an informer begins"),
        pytest.param("resourceVersion=9", {"not_older": 9}, id="a version alone is not older than"),
        pytest.param("resourceVersion=9&resourceVersionMatch=NotOlderThan", {"not_older": 9}, id="not older than"),
        pytest.param("resourceVersion=0&resourceVersionMatch=NotOlderThan", {}, id="not older than anything"),
        pytest.param("resourceVersion=9&resourceVersionMatch=Exact", {"exact": 9}, id="exactly"),
        pytest.param("resourceVersion=9&limit=5", {"exact": 9, "limit": 5}, id="a version and a limit is exactly"),
        pytest.param(
            "resourceVersion=9&limit=5&resourceVersionMatch=NotOlderThan",
            {"not_older": 9, "limit": 5},
            id="if not",
        ),
        pytest.param(
            f"limit=5&continue={TOKEN}",
            {"limit": 5, "go_on": Continuation("meta.k8s.io/v1", 7, "node-a")},
            id="the next page",
        ),
    ],
)
def test_of_a_list(query: str, expected: dict[str, Any]) -> None:
    assert listed(query) == ListOptions(**expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", {"initial": True}, id="the state of now, then changes"),
        pytest.param("resourceVersion=0", {"initial": True}, id="the same"),
        pytest.param("resourceVersion=9", {"after": 9}, id="changes since"),
        pytest.param("resourceVersion=9&timeoutSeconds=0", {"after": 9}, id="a timeout of 0 is none"),
        pytest.param(
            "resourceVersion=9&allowWatchBookmarks=true&timeoutSeconds=300",
            {"after": 9, "bookmarks": True, "seconds": 300},
            id="as informers watch",
        ),
        pytest.param(
            "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=",
            {"initial": True, "marked": True, "bookmarks": True},
            id="a streaming list",
        ),
        pytest.param(
            "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
            {"initial": True},
            id="one without bookmark",
        ),
        pytest.param("sendInitialEvents=false&resourceVersionMatch=NotOlderThan", {}, id="from now on"),
    ],
)
def test_of_a_watch(query: str, expected: dict[str, Any]) -> None:
    assert watched(query) == WatchOptions(**expected)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("limit=" + "9" * 25, "limit"),
        ("resourceVersion=abc", "resourceVersion"),
        ("resourceVersion=-1", "resourceVersion"),
        (f"resourceVersion=9&continue={TOKEN}", "resource version"),
        ("continue=junk", "continue"),
    ],
)
def test_what_a_list_cannot_take_is_400_by_name(query: str, named: str) -> None:
    with pytest.raises(StatusError, match=named) as caught:
        listed(query)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("timeoutSeconds=soon", "timeoutSeconds"),
        ("allowWatchBookmarks=perhaps", "allowWatchBookmarks"),
        ("sendInitialEvents=x&resourceVersionMatch=NotOlderThan", "sendInitialEvents"),
        ("resourceVersion=x", "resourceVersion"),
    ],
)
def test_what_a_watch_cannot_take_is_400_by_name(query: str, named: str) -> None:
    with pytest.raises(StatusError, match=named) as caught:
        watched(query)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("verb", "query", "causes"),
    [
        (
            "list",
            "resourceVersionMatch=Exact",
            ["resourceVersionMatch is forbidden unless resourceVersion is provided"],
        ),
        (
            "list",
            f"resourceVersion=9&resourceVersionMatch=Exact&continue={TOKEN}",
            ["resourceVersionMatch is forbidden when continue is provided"],
        ),
        (
            "list",
            "resourceVersion=9&resourceVersionMatch=About",
            ['Unsupported value: "About": supported values: "Exact", "NotOlderThan", ""'],
        ),
        (
            "list",
            "resourceVersion=0&resourceVersionMatch=Exact&sendInitialEvents=true",
            [
                'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
                "sendInitialEvents is forbidden for list",
            ],
        ),
        (
            "watch",
            "resourceVersionMatch=NotOlderThan",
            ["resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"],
        ),
        (
            "watch",
            "sendInitialEvents=true",
            ["sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"],
        ),
        (
            "watch",
            f"sendInitialEvents=false&resourceVersionMatch=Exact&continue={TOKEN}",
            [
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                'Unsupported value: "Exact": supported values: "NotOlderThan"',
                "resourceVersionMatch is forbidden when continue is provided",
            ],
        ),
    ],
)
def test_what_does_not_go_together_is_422_with_every_cause(verb: str, query: str, causes: list[str]) -> None:
    with pytest.raises(StatusError) as caught:
        (listed if verb == "list" else watched)(query)
    status = json.loads(caught.value.body())
    assert (status["code"], status["reason"], status["details"]["kind"]) == (422, "Invalid", "ListOptions")
    assert [cause["message"].removeprefix("Forbidden: ") for cause in status["details"]["causes"]] == causes


def test_golden_refusal_of_a_match_without_a_version() -> None:
    with pytest.raises(StatusError) as caught:
        listed("resourceVersionMatch=Exact")
    assert caught.value.message == (
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        "resourceVersionMatch is forbidden unless resourceVersion is provided"
    )
