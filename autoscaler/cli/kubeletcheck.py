"""What the doctor learns from every kubelet: when its newest sample is of, where it answered, how it proved itself.

A node that gives no page gets its reason and what to do; in a large cluster the good ones are only counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from autoscaler.cli.finding import Finding, State, bad, doubtful, good
from autoscaler.cli.pages import Getter, pages
from autoscaler.clock import Clock
from autoscaler.core.certificates import certificate_state
from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.figures import counted
from autoscaler.core.remedies import REMEDIES
from autoscaler.core.summary import summary_page
from autoscaler.errors import KubeError, MalformedError, ScrapeError, ScrapeReason
from autoscaler.kube import decode
from autoscaler.model.metrics import RawPage, Source
from autoscaler.model.objects import Node

CHECK = "kubelets"
AT_ONCE = 64
"""Kubelets asked at the same time."""
SHOWN = 50
"""Up to so many nodes each has a line of its own; beyond that those that fail, as many."""
SECONDS = 60.0
"""After that no other kubelet is asked."""


class Kubelets(Protocol):
    """`kube.kubelet.KubeletClient`."""

    async def page(self, node: Node, source: Source) -> RawPage: ...


class _Nodes(Struct, frozen=True):
    items: tuple[Raw, ...] = ()


async def examine(asker: Getter, kubelets: Kubelets, source: Source, selector: str, clock: Clock) -> list[Finding]:
    """A line about all nodes together, then one about each."""
    try:
        async with asyncio.timeout(SECONDS):
            nodes = await _nodes(asker, selector)
    except TimeoutError:
        told = f"the list of nodes had no end within {SECONDS:g} s"
        return [doubtful(CHECK, told, "ask for some of them: --node-selector; see what the API server says")]
    except (KubeError, MalformedError, msgspec.DecodeError) as exc:
        return [doubtful(CHECK, f"the nodes could not be read: {exc}", "ask with credentials that may list nodes")]
    if not nodes:
        return [doubtful(CHECK, "there are no nodes to ask", "see --node-selector and kubectl get nodes")]
    places, until = asyncio.Semaphore(AT_ONCE), clock.monotonic() + SECONDS

    async def asked(node: Node) -> Finding | None:
        async with places:
            return await _ask(kubelets, node, _order(source), clock) if clock.monotonic() < until else None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asked(node)) for node in nodes]
    found = [finding for task in tasks if (finding := task.result())]
    shown = [finding for finding in found if len(nodes) <= SHOWN or finding.state is not State.OK]
    return [_altogether(found, len(nodes)), *shown[:SHOWN]]


def _altogether(found: Sequence[Finding], nodes: int) -> Finding:
    """Of how many nodes what is known."""
    answering = sum(finding.state is State.OK for finding in found)
    told = f"{answering} of {counted(nodes, 'node')} {'gives' if nodes == 1 else 'give'} a page"
    if answering == nodes:
        return good(CHECK, told)
    failing = len(found) - answering
    lines = "see the lines of the others" if failing <= SHOWN else f"see the lines of {SHOWN} of the {failing} others"
    if len(found) == nodes:
        return doubtful(CHECK, told, lines)
    told += f"; {nodes - len(found)} were not asked, as {SECONDS:g} s were over"
    return doubtful(CHECK, told, f"{lines}; the rest by parts: --node-selector")


async def _nodes(asker: Getter, selector: str) -> list[Node]:
    """All of them, by name."""
    params = [("labelSelector", selector)] if selector else []
    nodes: list[Node] = []
    async for page in pages(asker, "/api/v1/nodes", params):
        nodes += [decode.node(item) for item in msgspec.json.decode(page, type=_Nodes).items]
    return sorted(nodes, key=lambda node: node.name)


def _order(source: Source) -> Sequence[Source]:
    return (Source.RESOURCE, Source.SUMMARY) if source is Source.AUTO else (source,)


async def _ask(kubelets: Kubelets, node: Node, sources: Sequence[Source], clock: Clock) -> Finding:
    """One page, from the first source that is not missing."""
    check = f"kubelet of {node.name}"
    for source in sources:
        try:
            page = await kubelets.page(node, source)
        except ScrapeError as exc:
            if exc.reason is ScrapeReason.NOT_FOUND and source is not sources[-1]:
                continue
            return _failed(check, node, exc)
        proof = certificate_state(page.verified, None, answered=True)
        return good(
            check, f"{_newest(page, clock)}, {len(page.body)} bytes ({source}) at {page.address}, certificate {proof}"
        )
    raise AssertionError("unreachable: the last source answers or fails")


def _failed(check: str, node: Node, error: ScrapeError) -> Finding:
    """A node that is not ready may have every reason to be silent."""
    where = f" at {error.address}" if error.address else ""
    proof = certificate_state("", error.reason, answered=False)
    told = f"{error.reason}{where}: {error.detail}; certificate {proof}"
    if not node.ready:
        return doubtful(check, f"the node is not ready; {told}", REMEDIES[error.reason])
    return bad(check, told, REMEDIES[error.reason])


def _newest(page: RawPage, clock: Clock) -> str:
    """The age of the newest sample on a page."""
    try:
        decoded = (
            summary_page(page.body, page.asked_ns)
            if page.source is Source.SUMMARY
            else ExpositionDecoder().page(page.body, page.asked_ns)
        )
    except MalformedError as exc:
        return f"the page cannot be read ({exc})"
    samples = [*decoded.containers.values(), *([decoded.node] if decoded.node else [])]
    if not samples:
        return "no samples on the page"
    return f"newest sample {max(0.0, clock.now() - max(sample.at_ns for sample in samples) / 1e9):.0f} s old"
