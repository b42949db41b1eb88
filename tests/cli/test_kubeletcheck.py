from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from autoscaler.cli.finding import Finding, State
from autoscaler.cli.kubeletcheck import AT_ONCE, SHOWN, examine
from autoscaler.core.remedies import REMEDIES
from autoscaler.errors import ForbiddenError, ScrapeError, ScrapeReason
from autoscaler.model.metrics import RawPage, Source
from autoscaler.model.objects import Node
from tests.clock import FakeClock


def node(name: str, ready: str = "True") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": name, "resourceVersion": "1"},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


class Nodes:
    """The API server's list of nodes; an exception is raised."""

    def __init__(self, found: Any) -> None:
        self.found = found
        self.params: list[tuple[str, str]] = []

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        assert path == "/api/v1/nodes"
        self.params = list(params)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found if isinstance(self.found, bytes) else json.dumps({"items": self.found}).encode()


NOW = FakeClock().now()
PAGE_TEXT = f"node_cpu_usage_seconds_total 1 {int((NOW - 4) * 1000)}\nnode_memory_working_set_bytes 7\n"


class Kubelets:
    """Kubelets that have the pages of `sources`, or fail for `reason`."""

    def __init__(self, *sources: Source, reason: ScrapeReason = ScrapeReason.NOT_FOUND, body: str = PAGE_TEXT) -> None:
        self.sources = sources
        self.reason = reason
        self.body = body
        self.verified = "address"
        self.asked: list[tuple[str, Source]] = []
        self.silent: set[str] = set()

    async def page(self, node: Node, source: Source) -> RawPage:
        self.asked.append((node.name, source))
        if source not in self.sources or node.name in self.silent:
            raise ScrapeError(node.name, self.reason, "that is how it is", address="10.0.0.9:10250")
        return RawPage(self.body.encode(), source, int((NOW - 9) * 1e9), "10.0.0.1:10250", self.verified)


async def looked(found: Any, kubelets: Kubelets, source: Source = Source.AUTO, selector: str = "") -> list[Finding]:
    return await examine(Nodes(found), kubelets, source, selector, FakeClock())


async def test_every_node_has_a_line_with_age_address_and_certificate() -> None:
    kubelets = Kubelets(Source.RESOURCE)
    first, a, b = await looked([node("b"), node("a")], kubelets)
    assert (first.check, first.state, first.detail) == ("kubelets", State.OK, "2 of 2 nodes give a page")
    assert (a.check, b.check) == ("kubelet of a", "kubelet of b")
    assert (a.state, a.detail) == (
        State.OK, f"newest sample 4 s old, {len(PAGE_TEXT)} bytes (resource) at 10.0.0.1:10250, "
        "certificate verified by its address",
    )  # fmt: skip


async def test_auto_falls_back_to_the_summary_where_the_page_is_missing() -> None:
    _, found = await looked([node("a")], Kubelets(Source.SUMMARY, body="{}"))
    assert "bytes (summary) at " in found.detail


@pytest.mark.parametrize(
    ("body", "told"),
    [("<html>", "the page cannot be read"), ("scrape_error 0\n", "no samples on the page")],
)
async def test_a_page_without_a_sample_says_so(body: str, told: str) -> None:
    _, found = await looked([node("a")], Kubelets(Source.RESOURCE, body=body))
    assert found.detail.startswith(told)


async def test_a_kubelet_that_is_not_verified_is_told() -> None:
    kubelets = Kubelets(Source.RESOURCE)
    kubelets.verified = ""
    _, found = await looked([node("a")], kubelets)
    assert found.detail.endswith("certificate not verified")


async def test_a_chosen_source_does_not_fall_back() -> None:
    _, found = await looked([node("a")], Kubelets(Source.SUMMARY), Source.RESOURCE)
    assert found.todo == "try --kubelet-source=summary"


@pytest.mark.parametrize("reason", ScrapeReason)
async def test_every_failure_says_where_and_what_to_do(reason: ScrapeReason) -> None:
    first, found = await looked([node("a")], Kubelets(reason=reason), Source.RESOURCE)
    assert first.detail == "0 of 1 node gives a page"
    assert found.state is State.BAD
    assert found.detail.startswith(f"{reason} at 10.0.0.9:10250: that is how it is; certificate ")
    assert found.todo == REMEDIES[reason]


async def test_a_node_that_is_not_ready_may_be_silent() -> None:
    _, found = await looked([node("a", "False")], Kubelets())
    assert (found.state, found.detail[:22]) == (State.WARN, "the node is not ready;")


async def test_of_many_nodes_only_those_that_fail_have_a_line() -> None:
    kubelets = Kubelets(Source.RESOURCE, reason=ScrapeReason.TIMEOUT)
    kubelets.silent = {"n7"}
    first, *others = await looked([node(f"n{number}") for number in range(60)], kubelets)
    assert first.detail == "59 of 60 nodes give a page"
    assert [finding.check for finding in others] == ["kubelet of n7"]


async def test_a_fleet_that_fails_is_told_by_some_and_by_how_many() -> None:
    first, *others = await looked([node(f"n{number}") for number in range(200)], Kubelets())
    assert (first.detail, len(others)) == ("0 of 200 nodes give a page", SHOWN)
    assert first.todo == f"see the lines of {SHOWN} of the 200 others"


async def test_kubelets_that_take_their_time_are_not_waited_for_without_end() -> None:
    clock = FakeClock()

    class Slow(Kubelets):
        async def page(self, node: Node, source: Source) -> RawPage:
            await clock.sleep(8.0)
            raise ScrapeError(node.name, ScrapeReason.TIMEOUT, "no full answer within 8 s")

    nodes = Nodes([node(f"n{number}") for number in range(5000)])
    async with asyncio.TaskGroup() as group:
        report = group.create_task(examine(nodes, Slow(), Source.RESOURCE, "", clock))
        while not report.done():
            await clock.advance(8.0)
    first, *others = report.result()
    asked = AT_ONCE * 8  # eight rounds begin before the minute is over
    assert first.detail == f"0 of 5000 nodes give a page; {5000 - asked} were not asked, as 60 s were over"
    assert first.todo == f"see the lines of {SHOWN} of the {asked} others; the rest by parts: --node-selector"
    assert len(others) == SHOWN


@pytest.mark.looptime
async def test_a_list_of_nodes_without_end_is_given_up() -> None:
    class Endless(Nodes):
        async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
            await asyncio.sleep(1.0)
            return json.dumps({"items": [], "metadata": {"continue": "more"}}).encode()

    [finding] = await examine(Endless([]), Kubelets(), Source.AUTO, "", FakeClock())
    assert (finding.state, finding.detail) == (State.WARN, "the list of nodes had no end within 60 s")


async def test_nodes_are_read_page_by_page() -> None:
    class Paged(Nodes):
        async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
            token = dict(params).get("continue", "")
            items, following = ([node("b")], "") if token else ([node("a")], "more")
            return json.dumps({"items": items, "metadata": {"continue": following}}).encode()

    found = await examine(Paged([]), Kubelets(Source.RESOURCE), Source.AUTO, "", FakeClock())
    assert [finding.check for finding in found[1:]] == ["kubelet of a", "kubelet of b"]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param([], "there are no nodes to ask", id="no nodes"),
        pytest.param(ForbiddenError("no", status=403), "could not be read", id="forbidden"),
        pytest.param(b"<html>", "could not be read", id="no list"),
        pytest.param([{"metadata": 1}], "could not be read", id="no node"),
    ],
)
async def test_without_a_node_nothing_is_proven(found: Any, told: str) -> None:
    [finding] = await looked(found, Kubelets())
    assert finding.state is State.WARN
    assert told in finding.detail


async def test_only_nodes_of_the_selector_are_asked() -> None:
    nodes = Nodes([])
    await examine(nodes, Kubelets(), Source.AUTO, "type=vm", FakeClock())
    assert ("labelSelector", "type=vm") in nodes.params
