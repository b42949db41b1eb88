"""Names of things that changed, handed to whoever listens; many changes of one name before it is taken are one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Changes(Generic[K]):
    """`told` by the producer, in a callback; every `listen` gets all names told from then on."""

    def __init__(self) -> None:
        self._listeners: list[tuple[dict[K, None], asyncio.Event]] = []

    def told(self, name: K) -> None:
        """Note a change."""
        for pending, wake in self._listeners:
            pending[name] = None
            wake.set()

    def listen(self) -> AsyncIterator[K]:
        """An endless iterator; it hears from this call on, not only from its first step."""
        pending: dict[K, None] = {}
        listener = (pending, asyncio.Event())
        self._listeners.append(listener)
        return self._follow(*listener)

    async def _follow(self, pending: dict[K, None], wake: asyncio.Event) -> AsyncIterator[K]:
        try:
            while True:
                await wake.wait()
                wake.clear()
                while pending:
                    name = next(iter(pending))
                    del pending[name]
                    yield name
        finally:
            self._listeners = [each for each in self._listeners if each[0] is not pending]
