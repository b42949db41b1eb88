"""What is remembered of one node from turn to turn."""

from __future__ import annotations

from collections.abc import Callable

from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.remedies import REMEDIES
from autoscaler.core.summary import summary_page
from autoscaler.engine.schedule import PASSING
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import Page, RawPage, Source
from autoscaler.model.objects import Node, ObjectKey
from autoscaler.model.scrape import NodeReport


class Progress:
    """`source` is the one that answered last, `failures` how many turns in a row gave nothing, `due` the second of the
    monotonic clock at which the next turn begins, or the one under way should have. `resting`: none is under way.

    `interval` is the pace at which it is scraped now, `took` how many seconds the last answer did. `awaited` are new
    pods without a number, and until when (monotonic) it is worth hurrying for them.
    """

    def __init__(self, node: Node, source: Source, due: float) -> None:
        self.node = node
        self.source: Source = Source.RESOURCE if source is Source.AUTO else source
        self.due = due
        self.resting = True
        self.failures = 0
        self.succeeded = False
        self.hot = False
        self.interval = 0.0
        self.took = 0.0
        self.awaited: dict[ObjectKey, float] = {}
        self.asked_at: float | None = None
        self.decoder = ExpositionDecoder()
        self._told = False
        self._page_at: float | None = None
        self._address = ""
        self._verified = ""
        self._error: ScrapeError | None = None
        self._failing_since: float | None = None

    @property
    def unverified(self) -> bool:
        """Whether the last page came from a peer that proved nothing."""
        return self._page_at is not None and not self._verified

    @property
    def denial(self) -> str:
        """Why none of its addresses is dialled, "" when one is."""
        error = self._error
        return error.detail if error and error.reason is ScrapeReason.ADDRESS_DENIED else ""

    def told_by(self, raw: RawPage, at: float) -> None:
        """Note who gave a page, and when it came."""
        self.source, self._address, self._verified, self._page_at = raw.source, raw.address, raw.verified, at

    def await_pods(self, has_number: Callable[[ObjectKey], bool], now: float) -> bool:
        """Let go of the pods that have a number by now or never will; whether others are left."""
        for pod in [pod for pod, until in self.awaited.items() if until <= now or has_number(pod)]:
            del self.awaited[pod]
        return bool(self.awaited)

    def report(self) -> NodeReport:
        """How it goes."""
        error = self._error
        return NodeReport(
            node=self.node.name,
            ready=self.node.ready,
            asked_at=self.asked_at,
            page_at=self._page_at,
            address=error.address or self._address if error else self._address,
            verified=self._verified,
            source=self.source,
            failures=self.failures,
            failing_since=self._failing_since,
            reason=error.reason if error else "",
            detail=error.detail if error else "",
            remedy=REMEDIES[error.reason] if error else "",
            interval=self.interval,
            hot=self.hot,
            awaited=len(self.awaited),
        )

    def due_at_once(self, node: Node) -> bool:
        """Whether `node`, the newer state, is a reason not to wait for its turn."""
        before = self.node
        became_ready = node.ready and not before.ready
        moved = (node.addresses, node.kubelet_port) != (before.addresses, before.kubelet_port)
        return became_ready or moved

    def other_source(self) -> Source:
        """What to ask when the current source is not there."""
        return Source.SUMMARY if self.source is Source.RESOURCE else Source.RESOURCE

    def fail(self, error: ScrapeError) -> bool:
        """Note a failure; whether that is news. One that may be gone in a moment is news when it happens again."""
        if not self.failures:
            self._failing_since = self.asked_at
        self.failures += 1
        self.succeeded = False
        self._error = error
        news = not self._told and (self.failures > 1 or error.reason not in PASSING)
        self._told = self._told or news
        return news

    def succeed(self) -> bool:
        """Note a success; whether that is news."""
        news, self._told = self._told, False
        self.failures = 0
        self.succeeded = True
        self._error = self._failing_since = None
        return news


def decoded(raw: RawPage, decoder: ExpositionDecoder) -> Page:
    """The samples of a page; MalformedError when it is none."""
    if raw.source is Source.SUMMARY:
        return summary_page(raw.body, raw.asked_ns)
    return decoder.page(raw.body, raw.asked_ns)
