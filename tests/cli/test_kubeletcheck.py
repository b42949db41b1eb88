from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from autoscaler.cli.finding import State
from autoscaler.cli.kubeletcheck import examine
from autoscaler.core.remedies import REMEDIES
from autoscaler.errors import ForbiddenError, ScrapeError, ScrapeReason
from autoscaler.model.metrics import RawPage, Source
from autoscaler.model.objects import Node


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


class Kubelets:
    """Kubelets that have the pages of `sources`, or fail for `reason`."""

    def __init__(self, *sources: Source, reason: ScrapeReason = ScrapeReason.NOT_FOUND) -> None:
        self.sources = sources
        self.reason = reason
        self.verified = "address"
        self.asked: list[tuple[str, Source]] = []

    async def page(self, node: Node, source: Source) -> RawPage:
        self.asked.append((node.name, source))
        if source not in self.sources:
            raise ScrapeError(node.name, self.reason, "that is how it is")
        return RawPage(b"x" * 100, source, 0, "10.0.0.1:10250", self.verified)


async def test_the_first_ready_node_is_asked() -> None:
    kubelets = Kubelets(Source.RESOURCE)
    finding = await examine(Nodes([node("a", "False"), node("b"), node("c")]), kubelets, Source.AUTO, "")
    assert (finding.state, finding.detail) == (
        State.OK, "b gave 100 bytes (resource) at 10.0.0.1:10250, verified by its address",
    )  # fmt: skip
    assert kubelets.asked == [("b", Source.RESOURCE)]


async def test_auto_falls_back_to_the_summary_where_the_page_is_missing() -> None:
    finding = await examine(Nodes([node("a")]), Kubelets(Source.SUMMARY), Source.AUTO, "")
    assert finding.detail.startswith("a gave 100 bytes (summary) at ")


@pytest.mark.parametrize(("verified", "told"), [("node-name", "verified by its node name"), ("", "not verified")])
async def test_how_it_was_verified_is_told(verified: str, told: str) -> None:
    kubelets = Kubelets(Source.RESOURCE)
    kubelets.verified = verified
    finding = await examine(Nodes([node("a")]), kubelets, Source.AUTO, "")
    assert finding.detail.endswith(f", {told}")


async def test_a_chosen_source_does_not_fall_back() -> None:
    finding = await examine(Nodes([node("a")]), Kubelets(Source.SUMMARY), Source.RESOURCE, "")
    assert finding.todo == "try --kubelet-source=summary"


@pytest.mark.parametrize("reason", ScrapeReason)
async def test_every_failure_says_what_to_do(reason: ScrapeReason) -> None:
    finding = await examine(Nodes([node("a")]), Kubelets(reason=reason), Source.RESOURCE, "")
    assert (finding.state, finding.detail) == (State.BAD, "a: that is how it is")
    assert finding.todo == REMEDIES[reason]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param([], "no ready node among 0", id="no nodes"),
        pytest.param([node("a", "Unknown")], "no ready node among 1", id="none is ready"),
        pytest.param(ForbiddenError("no", status=403), "could not be read", id="forbidden"),
        pytest.param(b"<html>", "could not be read", id="no list"),
        pytest.param([{"metadata": 1}], "could not be read", id="no node"),
    ],
)
async def test_without_a_node_nothing_is_proven(found: Any, told: str) -> None:
    finding = await examine(Nodes(found), Kubelets(), Source.AUTO, "")
    assert finding.state is State.WARN
    assert told in finding.detail


async def test_only_nodes_of_the_selector_are_asked() -> None:
    nodes = Nodes([])
    await examine(nodes, Kubelets(), Source.AUTO, "type=vm")
    assert ("labelSelector", "type=vm") in nodes.params
