import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from autoscaler.api.call import parse_call
from autoscaler.api.nodepage import AT_ONCE, NodePage
from autoscaler.api.status import StatusError
from autoscaler.errors import ScrapeReason
from autoscaler.model.objects import NodeName
from autoscaler.model.scrape import NodeReport
from tests.api.cluster import NOW, golden_cluster
from tests.clock import FakeClock

GOOD = NodeReport(
    node=NodeName("node-a"), ready=True, asked_at=NOW - 4, page_at=NOW - 3.5, address="10.0.0.1:10250",
    verified="address", source="resource", failures=0, failing_since=None, reason="", detail="", remedy="",
    interval=15.0, hot=True, awaited=2,
)  # fmt: skip
EXPIRED = structs.replace(
    GOOD, node=NodeName("node-c"), page_at=NOW - 300, hot=False, awaited=0, failures=20, failing_since=NOW - 290,
    reason=ScrapeReason.TLS_EXPIRED, detail="its certificate has expired", remedy="renew it",
)  # fmt: skip
NEW = structs.replace(GOOD, node=NodeName("node-d"), asked_at=None, page_at=None, address="", verified="", interval=0.0)


class Reports:
    def __init__(self, *found: NodeReport) -> None:
        self.found = found

    def reports(self) -> Sequence[NodeReport]:
        return self.found


def asked(*found: NodeReport, query: str = "") -> bytes:
    answer = NodePage(Reports(*found), golden_cluster(), FakeClock(NOW)).answer(
        parse_call("GET", f"/debug/nodes{query}")
    )
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


def nodes(*found: NodeReport, query: str = "") -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = json.loads(asked(*found, query=query))["nodes"]
    return shown


def test_a_node_that_is_well() -> None:
    assert nodes(GOOD) == [
        {
            "node": "node-a",
            "ready": True,
            "state": "served",
            "lastAsked": "2026-11-23T09:54:17Z",
            "lastScrape": "2026-11-23T09:54:17Z",
            "lastScrapeAgeSeconds": 3.5,
            "sampleAgeSeconds": 10.0,
            "address": "10.0.0.1:10250",
            "certificate": "verified by its address",
            "source": "resource",
            "intervalSeconds": 15.0,
            "hot": True,
            "awaitedPods": 2,
        }
    ]


def test_a_node_that_fails_says_since_when_why_and_what_to_do() -> None:
    [shown] = nodes(EXPIRED)
    assert (shown["state"], shown["certificate"]) == ("failing", "refused: expired, or not valid yet")
    assert (shown["lastScrapeAgeSeconds"], shown["sampleAgeSeconds"]) == (300.0, None)
    assert shown["error"] == {
        "reason": "tls_expired",
        "message": "its certificate has expired",
        "since": "2026-11-23T09:49:31Z",
        "failures": 20,
        "remedy": "renew it",
    }


def test_a_node_that_was_not_asked_yet() -> None:
    [shown] = nodes(NEW)
    assert (shown["state"], shown["lastAsked"], shown["certificate"]) == ("waiting", None, "not seen")


def test_one_node_can_be_picked() -> None:
    assert [shown["node"] for shown in nodes(GOOD, EXPIRED, query="?node=node-c")] == ["node-c"]
    with pytest.raises(StatusError) as caught:
        asked(GOOD, query="?node=nobody")
    assert caught.value.code == 404


def test_many_come_in_slices_and_none_is_a_list_too() -> None:
    many = [structs.replace(GOOD, node=NodeName(f"n{number}")) for number in range(AT_ONCE + 1)]
    assert len(nodes(*many)) == AT_ONCE + 1
    assert nodes() == []


def test_a_person_gets_it_indented() -> None:
    assert asked(GOOD, query="?pretty").startswith(b'{\n  "nodes": [\n    {\n      "node": "node-a"')
