"""A clock the test moves."""

from __future__ import annotations

import asyncio


class FakeClock:
    """Starts at `now`; `sleep` returns when `advance` has passed its deadline."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        return self._now + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    def set(self, seconds: float) -> None:
        """Have the wall clock set forward by `seconds`, back when they are negative."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        wake = asyncio.Event()
        self._sleepers.append((self._elapsed + seconds, wake))
        await wake.wait()

    async def advance(self, seconds: float) -> None:
        """Move on, waking every sleeper at its own instant, and let what woke run until it waits again."""
        end = self._elapsed + seconds
        await settle()
        while due := sorted((entry for entry in self._sleepers if entry[0] <= end), key=lambda entry: entry[0]):
            self._sleepers.remove(due[0])
            self._elapsed = max(self._elapsed, due[0][0])
            due[0][1].set()
            await settle()
        self._elapsed = end


async def settle() -> None:
    """Let every ready task run until nothing but sleepers and sockets is left."""
    for _ in range(50):
        await asyncio.sleep(0)
