"""Whose turn it is to decide and to write: a few at once, so that a number is written before others are decided.

Whatever is due at once would else be decided first and then stand in one queue, for the processor and for the API
server, and the last number would be written as late as all of them together. How many a few are is found out as TCP
finds it: one more while what was decided is soon written, half as many when it is late. An API server that is slow over
each write is told from one with a queue by the shortest that a write took lately.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from autoscaler.control.calm import Calm

LEAST, MOST = 4, 16
"""Turns at once: one that waits for the API server leaves the processor to the others."""
SOON, LATE = 0.05, 0.1
"""Seconds from a decision to its accepted write; or so many times the shortest, if that is more:"""
SOON_RATIO, LATE_RATIO = 1.5, 3.0
FORGETTING = 1.001
"""The shortest counts for so many times as much with each further write."""
PATIENCE = 0.5
"""Seconds. A turn that lasts longer does not count any more: an API server that hangs over one object keeps nobody else
waiting. How many are evaluated at once is bounded by the sweep.
"""
LOOKS = 3
"""So often it is looked meanwhile: a busy event loop looks late, and then it is not the API server that is slow."""


class Turns:
    """In the order in which they are asked for; never fewer than `least` at once, nor more than `most`."""

    def __init__(self, calm: Calm, least: int = LEAST, most: int = MOST, patience: float = PATIENCE) -> None:
        self._calm = calm
        self._least, self._most, self._limit = least, most, float(least)
        self._patience = patience
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._shortest = float("inf")
        self._halved = 0.0
        """The loop's time when there were half as many last."""

    @property
    def limit(self) -> int:
        """How many at once, as of now."""
        return int(self._limit)

    def wrote(self, seconds: float) -> None:
        """A number was accepted so long after it was decided."""
        now = asyncio.get_running_loop().time()
        self._shortest = min(seconds, self._shortest * FORGETTING)
        if seconds <= max(SOON, SOON_RATIO * self._shortest):
            self._limit = min(self._limit + 1 / self._limit, float(self._most))
            self._hand_out()
        elif seconds > max(LATE, LATE_RATIO * self._shortest) and now - seconds >= self._halved:
            self._limit, self._halved = max(self._limit / 2, float(self._least)), now

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one; it is over at the end of the block, or when patience is."""
        if self._waiting or self._taken >= self.limit:
            with self._calm.waiting():
                await self._given()
        else:
            self._taken += 1
        held = [self]
        self._look_later(held, LOOKS - 1)
        try:
            yield
        finally:
            _give_on(held)

    async def _given(self) -> None:
        """Wait in line."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given meanwhile
                self._end()
            with suppress(ValueError):
                self._waiting.remove(place)
            raise

    def _end(self) -> None:
        self._taken -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._taken < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self._taken += 1
                place.set_result(None)

    def _look_later(self, held: list[Turns], looks: int) -> None:
        asyncio.get_running_loop().call_later(self._patience / LOOKS, self._look, held, looks)

    def _look(self, held: list[Turns], looks: int) -> None:
        if held and looks:
            self._look_later(held, looks - 1)
        else:
            _give_on(held)


def _give_on(held: list[Turns]) -> None:
    """Once."""
    if held:
        held.pop()._end()
