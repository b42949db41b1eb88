"""/debug/nodes: how scraping each node goes, for whoever wonders where its numbers are.

The same as `autoscaler doctor` finds out from outside, as this process sees it: last scrape, age, error, address tried,
certificate. `?node=` picks one. Needs `get` on the nonResourceURL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from autoscaler.api import document
from autoscaler.api.answer import Answer
from autoscaler.api.call import Call
from autoscaler.api.status import object_not_found
from autoscaler.clock import Clock
from autoscaler.core.certificates import certificate_state
from autoscaler.errors import ScrapeReason
from autoscaler.model.instant import seconds_text
from autoscaler.model.metrics import NodeUsage
from autoscaler.model.objects import NodeName
from autoscaler.model.scrape import NodeReport

AT_ONCE = 64
"""Nodes written without giving way to other tasks: 1 ms, 30 KB."""


class Reports(Protocol):
    """How scraping goes, of every node, by name."""

    def reports(self) -> Sequence[NodeReport]: ...


class NodeUsages(Protocol):
    """What is served of a node."""

    def node_usage(self, name: NodeName) -> NodeUsage | None: ...


class NodePage:
    """Answers the path."""

    def __init__(self, reports: Reports, usages: NodeUsages, clock: Clock) -> None:
        self._reports = reports
        self._usages = usages
        self._clock = clock

    def answer(self, call: Call) -> Answer:
        """Every node, or the one that is asked for. Raises StatusError (404)."""
        wanted, reports = call.parameter("node"), self._reports.reports()
        if wanted:
            reports = [report for report in reports if report.node == wanted]
            if not reports:
                raise object_not_found("node", wanted)
        pieces = self._pieces(reports)
        return Answer(document.indented(b"".join(pieces)) if call.pretty else pieces)

    def _pieces(self, reports: Sequence[NodeReport]) -> Iterator[bytes]:
        before = b'{"nodes":['
        for start in range(0, len(reports), AT_ONCE):
            part = [document.fragment(self._shown(report)) for report in reports[start : start + AT_ONCE]]
            yield before + b",".join(part)
            before = b","
        yield b"]}\n" if reports else before + b"]}\n"

    def _shown(self, report: NodeReport) -> Mapping[str, object]:
        now = self._clock.now()
        usage = self._usages.node_usage(report.node)
        reason = ScrapeReason(report.reason) if report.reason else None
        shown: dict[str, object] = {
            "node": report.node,
            "ready": report.ready,
            "state": "served" if usage else "failing" if reason else "waiting",
            "lastAsked": _instant(report.asked_at),
            "lastScrape": _instant(report.page_at),
            "lastScrapeAgeSeconds": _age(now, report.page_at),
            "sampleAgeSeconds": _age(now, usage.usage.at_ns / 1e9) if usage else None,
            "address": report.address,
            "certificate": certificate_state(report.verified, reason, answered=report.page_at is not None),
            "source": report.source,
            "intervalSeconds": report.interval,
            "hot": report.hot,
            "awaitedPods": report.awaited,
        }
        if reason is None:
            return shown
        since = _instant(report.failing_since)
        error = {"reason": reason, "message": report.detail, "since": since, "failures": report.failures}
        return shown | {"error": error | {"remedy": report.remedy}}


def _instant(at: float | None) -> str | None:
    return None if at is None else seconds_text(at)


def _age(now: float, at: float | None) -> float | None:
    return None if at is None else round(max(0.0, now - at), 1)
