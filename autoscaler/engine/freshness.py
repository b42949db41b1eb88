"""Who is told what the store serves otherwise than before: the change feed."""

from __future__ import annotations

from collections.abc import Callable

from autoscaler.model.metrics import Commit

Listener = Callable[[Commit], None]


class Freshness:
    """Tells every listener at once, in the order they came; a listener must not block."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` from now on once per commit: a page, a node that went, usages that became too old.

        Returns how to stop.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, commit: Commit) -> None:
        """This is served otherwise now; a commit that changes nothing is not told."""
        if commit.fresh or commit.lost or commit.own is not None:
            for listener in tuple(self._listeners):
                listener(commit)
