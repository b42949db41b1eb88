"""Heavy work in small pieces: how many of them are done before the rest of the program has its turn.

Pages of kubelets come together, and many clients may list all pods at once: sixty-four pieces in a row would keep the
event loop from everybody else for 80 ms.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turnstile:
    """Lets `at_once` pass in each turn of the event loop; the others wait for a later one, in order.

    Who has passed may pass again, behind those who wait.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._passed = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def passed(self) -> None:
        """Return when it is our turn."""
        if self._passed < self._at_once and not self._waiting:
            self._pass()
            return
        ours = asyncio.get_running_loop().create_future()
        self._waiting.append(ours)
        await ours

    def _pass(self) -> None:
        if not self._passed:
            asyncio.get_running_loop().call_soon(self._open)
        self._passed += 1

    def _open(self) -> None:
        """A turn of the loop is over."""
        self._passed = 0
        while self._waiting and self._passed < self._at_once:
            next_one = self._waiting.popleft()
            if not next_one.done():  # it was not cancelled
                next_one.set_result(None)
                self._pass()
