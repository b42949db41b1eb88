"""What is remembered of one node from turn to turn."""

from __future__ import annotations

from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.summary import summary_page
from autoscaler.engine.schedule import PASSING
from autoscaler.errors import ScrapeError
from autoscaler.model.metrics import Page, RawPage, Source
from autoscaler.model.objects import Node


class Progress:
    """`source` is the one that answered last, `failures` how many turns in a row gave nothing, `due` the second of the
    monotonic clock at which the next turn begins, or the one under way should have."""

    def __init__(self, node: Node, source: Source, due: float) -> None:
        self.node = node
        self.source: Source = Source.RESOURCE if source is Source.AUTO else source
        self.due = due
        self.failures = 0
        self.succeeded = False
        self.decoder = ExpositionDecoder()
        self._told = False

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
        self.failures += 1
        self.succeeded = False
        news = not self._told and (self.failures > 1 or error.reason not in PASSING)
        self._told = self._told or news
        return news

    def succeed(self) -> bool:
        """Note a success; whether that is news."""
        news, self._told = self._told, False
        self.failures = 0
        self.succeeded = True
        return news


def decoded(raw: RawPage, decoder: ExpositionDecoder) -> Page:
    """The samples of a page; MalformedError when it is none."""
    if raw.source is Source.SUMMARY:
        return summary_page(raw.body, raw.asked_ns)
    return decoder.page(raw.body, raw.asked_ns)
