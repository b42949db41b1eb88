"""Who comes first, and who waits for that: decisions before what only tells of them.

Of what is due at once most waits: for a lane of the sweep, for a turn to write. What is not urgent would take processor
and API server from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LONGEST_SECONDS = 1.0
"""So long, at most, whoever can wait is kept waiting."""


class Calm:
    """Counts who waits; calm is when nobody does."""

    def __init__(self) -> None:
        self._waiting = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Somebody who comes first waits for the processor or the API server."""
        self._waiting += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._calm.set()

    async def calm(self) -> None:
        """Return when nobody waits who comes first, and after `LONGEST_SECONDS` in any case."""
        if not self._calm.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_SECONDS):
                    await self._calm.wait()
