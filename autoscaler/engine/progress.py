"""What is remembered of one node from turn to turn."""

from __future__ import annotations

from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.summary import summary_page
from autoscaler.errors import ScrapeError
from autoscaler.model.metrics import Page, RawPage, Source
from autoscaler.model.objects import Node


class Progress:
    """`source` is the one that answered last, `failures` how many turns in a row gave nothing."""

    def __init__(self, node: Node, source: Source) -> None:
        self.node = node
        self.source = Source.RESOURCE if source is Source.AUTO else source
        self.failures = 0
        self.succeeded = False
        self._decoder = ExpositionDecoder()

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
        """Note a failure; whether that is news: the second in a row, for one alone harms nobody."""
        self.failures += 1
        self.succeeded = False
        return self.failures == 2

    def succeed(self) -> bool:
        """Note a success; whether that is news."""
        news = self.failures >= 2
        self.failures = 0
        self.succeeded = True
        return news

    def decode(self, raw: RawPage) -> Page:
        """The samples of a page; MalformedError when it is none."""
        if raw.source is Source.SUMMARY:
            return summary_page(raw.body, raw.asked_ns)
        return self._decoder.page(raw.body, raw.asked_ns)
