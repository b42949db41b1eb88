"""What the doctor learns from one kubelet: whether a page comes, and for every way it may not, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.core.remedies import REMEDIES
from autoscaler.errors import KubeError, MalformedError, ScrapeError, ScrapeReason
from autoscaler.kube import decode
from autoscaler.model.metrics import RawPage, Source
from autoscaler.model.objects import Node

CHECK = "kubelet"
LOOKED_AT = 50
"""Nodes that are read to find one that is ready."""


class Asker(Protocol):
    """`kube.client.KubeClient`."""

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes: ...


class Kubelets(Protocol):
    """`kube.kubelet.KubeletClient`."""

    async def page(self, node: Node, source: Source) -> RawPage: ...


class _Nodes(Struct, frozen=True):
    items: tuple[Raw, ...] = ()


async def examine(asker: Asker, kubelets: Kubelets, source: Source, selector: str) -> Finding:
    """The line about the first node that is ready."""
    params = [("limit", str(LOOKED_AT)), *([("labelSelector", selector)] if selector else [])]
    try:
        items = msgspec.json.decode(await asker.get("/api/v1/nodes", params), type=_Nodes).items
        nodes = [decode.node(item) for item in items]
    except (KubeError, MalformedError, msgspec.DecodeError) as exc:
        return doubtful(CHECK, f"the nodes could not be read: {exc}", "ask with credentials that may list nodes")
    ready = next((node for node in nodes if node.ready), None)
    if ready is None:
        return doubtful(CHECK, f"no ready node among {len(nodes)}", "see --node-selector and kubectl get nodes")
    return await _ask(kubelets, ready, _order(source))


def _order(source: Source) -> Sequence[Source]:
    return (Source.RESOURCE, Source.SUMMARY) if source is Source.AUTO else (source,)


async def _ask(kubelets: Kubelets, node: Node, sources: Sequence[Source]) -> Finding:
    """One page, from the first source that is not missing."""
    for source in sources:
        try:
            page = await kubelets.page(node, source)
        except ScrapeError as exc:
            if exc.reason is ScrapeReason.NOT_FOUND and source is not sources[-1]:
                continue
            return bad(CHECK, f"{exc.node}: {exc.detail}", REMEDIES[exc.reason])
        return good(CHECK, f"{node.name} gave {len(page.body)} bytes ({source}) at {page.address}, {_proof(page)}")
    raise AssertionError("unreachable: the last source answers or fails")


def _proof(page: RawPage) -> str:
    return f"verified by its {page.verified.replace('-', ' ')}" if page.verified else "not verified"
