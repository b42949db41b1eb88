"""Whose turn it is to decide and to write: a few at once, so that a number is written before others are decided.

Whatever is due at once would else be decided first and then stand in one queue, for the processor and for the API
server, and the last number would be written as late as all of them together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST = 8
"""Turns at once: one that waits for the API server leaves the processor to the others."""
PATIENCE = 0.1
"""Seconds. A turn that lasts longer does not count any more: an API server that hangs over one object, or is slow with
all of them, keeps nobody else waiting. How many are evaluated at once is bounded by the sweep.
"""


class Turns:
    """In the order in which they are asked for."""

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self._free = asyncio.Semaphore(most)
        self._patience = patience

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one; it is over at the end of the block, or when patience is."""
        await self._free.acquire()
        held = [self._free]
        lapse = asyncio.get_running_loop().call_later(self._patience, _give_on, held)
        try:
            yield
        finally:
            lapse.cancel()
            _give_on(held)


def _give_on(held: list[asyncio.Semaphore]) -> None:
    """Once."""
    if held:
        held.pop().release()
