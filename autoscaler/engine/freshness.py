"""Who is told which pods have new numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autoscaler.model.objects import ObjectKey

Listener = Callable[[Sequence[ObjectKey]], None]


class Freshness:
    """Tells every listener at once, in the order they came; a listener must not block."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` from now on with the pods of each node's page that got a new number; returns how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, pods: Sequence[ObjectKey]) -> None:
        """These pods have a number they did not have before."""
        if pods:
            for listener in tuple(self._listeners):
                listener(pods)
