"""Whose turn it is to decide and to write: a few at once, so that a number is written before others are decided.

Whatever is due at once would else be decided first and then stand in one queue, for the processor and for the API
server, and the last number would be written as late as all of them together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from autoscaler.control.calm import Calm

MOST = 16
"""Turns at once: one that waits for the API server leaves the processor to the others."""
PATIENCE = 0.1
"""Seconds. A turn that lasts longer does not count any more: an API server that hangs over one object, or is slow with
all of them, keeps nobody else waiting. How many are evaluated at once is bounded by the sweep.
"""
LOOKS = 3
"""So often it is looked meanwhile: a busy event loop looks late, and then it is not the API server that is slow."""


class Turns:
    """In the order in which they are asked for."""

    def __init__(self, calm: Calm, most: int = MOST, patience: float = PATIENCE) -> None:
        self._calm = calm
        self._free = asyncio.Semaphore(most)
        self._patience = patience

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one; it is over at the end of the block, or when patience is."""
        with self._calm.waiting() if self._free.locked() else nullcontext():
            await self._free.acquire()
        held = [self._free]
        self._look_later(held, LOOKS - 1)
        try:
            yield
        finally:
            _give_on(held)

    def _look_later(self, held: list[asyncio.Semaphore], looks: int) -> None:
        asyncio.get_running_loop().call_later(self._patience / LOOKS, self._look, held, looks)

    def _look(self, held: list[asyncio.Semaphore], looks: int) -> None:
        if held and looks:
            self._look_later(held, looks - 1)
        else:
            _give_on(held)


def _give_on(held: list[asyncio.Semaphore]) -> None:
    """Once."""
    if held:
        held.pop().release()
