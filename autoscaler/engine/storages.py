"""Where pages go: the storage in memory that everything is served from, and any others beside it (docs/stores.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from autoscaler.errors import ScrapeError
from autoscaler.model.metrics import Page
from autoscaler.model.objects import Node, NodeName, Pod

log = structlog.get_logger(__name__)


class Storage(Protocol):
    """Takes what becomes of every turn of every node, in the event loop: no method may block.

    `pods` are those bound to the node, `now_ns` is when the page came in, in nanoseconds since 1970. `failed` says that
    a turn gave no page, `forget` that the node is gone.
    """

    def put(self, node: Node, page: Page, pods: Iterable[Pod], now_ns: int) -> None: ...
    def failed(self, node: Node, error: ScrapeError) -> None: ...
    def forget(self, node: NodeName) -> None: ...


class Storages:
    """A `Storage` of several. What the `main` one raises is raised; a further one harms nobody but itself.

    Its errors are logged when they begin, and so is that it works again.
    """

    def __init__(self, main: Storage, *further: Storage) -> None:
        self._main = main
        self._further = further
        self._failing: set[int] = set()

    def put(self, node: Node, page: Page, pods: Iterable[Pod], now_ns: int) -> None:
        bound = list(pods)
        self._main.put(node, page, bound, now_ns)
        self._tell(lambda storage: storage.put(node, page, bound, now_ns))

    def failed(self, node: Node, error: ScrapeError) -> None:
        self._main.failed(node, error)
        self._tell(lambda storage: storage.failed(node, error))

    def forget(self, node: NodeName) -> None:
        self._main.forget(node)
        self._tell(lambda storage: storage.forget(node))

    def _tell(self, say: Callable[[Storage], None]) -> None:
        for number, storage in enumerate(self._further):
            try:
                say(storage)
            except Exception as exc:  # noqa: BLE001 - whatever it is: scraping and serving go on
                if number not in self._failing:
                    log.error("A further storage fails", storage=type(storage).__name__, error=repr(exc))
                self._failing.add(number)
            else:
                if number in self._failing:
                    log.info("A further storage works again", storage=type(storage).__name__)
                self._failing.discard(number)
