"""How many pages are taken in before the rest of the program has its turn.

Nodes are asked a few together (schedule.py), and their pages come together: sixty-four in a row would keep the event
loop for 80 ms.
"""

from __future__ import annotations

import asyncio

AT_ONCE = 8
"""Pages of 60 containers: 4 to 10 ms."""


class Turnstile:
    """Lets `at_once` pass in each turn of the event loop; the others wait for the next, in order."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._passed = 0

    async def passed(self) -> None:
        """Return when it is our turn."""
        while self._passed >= self._at_once:  # noqa: ASYNC110 - the next turn of the loop is all there is to wait for
            await asyncio.sleep(0)
        if not self._passed:
            asyncio.get_running_loop().call_soon(self._open)
        self._passed += 1

    def _open(self) -> None:
        self._passed = 0
