"""Time as an argument: the only module that asks the machine what time it is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Protocol


class Clock(Protocol):
    """`now` is wall time in seconds since 1970, shown and compared across machines; `monotonic` measures intervals."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some fixed instant; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        import asyncio  # noqa: PLC0415 - a quarter of what a command imports that only asks what time it is

        await asyncio.sleep(seconds)


STEP_SECONDS = 1.0
"""What the two clocks of a machine may drift apart before it counts as the wall clock having been set."""


class Steps:
    """How often and how far the wall clock was set (NTP, a person, a machine that was suspended) since this was made.

    What is less than `STEP_SECONDS` adds up until it is a step. `count` and `total` (seconds, positive: forward) are
    as of the last `look`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart = clock.now() - clock.monotonic()
        self.count = 0
        self.total = 0.0

    def look(self) -> float:
        """`total` as of now."""
        moved = self._clock.now() - self._clock.monotonic() - self._apart - self.total
        if abs(moved) >= STEP_SECONDS:
            self.count += 1
            self.total += moved
        return self.total


async def ticks(clock: Clock, every: float, phase: float = 0.0) -> AsyncIterator[float]:
    """Yield `clock.now()` first after `phase` seconds, then every `every` seconds.

    A tick that comes late does not shift the ones after it; ticks that were missed altogether are dropped.
    """
    due = clock.monotonic() + phase
    while True:
        wait = due - clock.monotonic()
        if wait > 0:
            await clock.sleep(wait)
        yield clock.now()
        due += every
        late = clock.monotonic() - due
        if late > 0:
            due += (late // every + 1) * every


def cpu_seconds() -> float:
    """What this process has used of all its cores so far, in seconds."""
    return time.process_time()
