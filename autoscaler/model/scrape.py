"""How the scraping of one node goes, for people: what `/debug/nodes` tells."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.model.objects import NodeName


class NodeReport(Struct, frozen=True, kw_only=True):
    """Instants are seconds since 1970, None = never; texts are "" for none.

    `verified` says by what the certificate was, at the last page: `address`, `node-name`, or "" for not at all.
    `failures` in a row, the first of them at `failing_since`, the latest with its `reason`, `detail` and `remedy`.
    `interval` is the time between two scrapes as it is meant now, in seconds; `hot`: with pods of a target. `awaited`
    pods have no number yet.
    """

    node: NodeName
    ready: bool
    asked_at: float | None
    page_at: float | None
    address: str
    verified: str
    source: str
    failures: int
    failing_since: float | None
    reason: str
    detail: str
    remedy: str
    interval: float
    hot: bool
    awaited: int
