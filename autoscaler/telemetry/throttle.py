"""How often one message is written: a storm of errors is a line of numbers, not a full disk."""

from __future__ import annotations

from autoscaler.clock import Clock

LINES = 1000
"""Of one message in a second. Five thousand nodes that fail, one a line, are within it."""
KINDS = 1000
"""Messages that are told apart; libraries make some of them up."""


class Throttle:
    """Counts by message; what is told apart too finely is counted as one."""

    def __init__(self, clock: Clock, lines: int = LINES) -> None:
        self._clock, self._lines = clock, lines
        self._second = 0
        self._said: dict[str, int] = {}
        self._left_out: dict[str, int] = {}

    def admit(self, message: str) -> int | None:
        """None: one too many in this second. Else how many like it were left out since the last one that was said."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second = second
            self._said.clear()
        if message not in self._said and len(self._said) >= KINDS:
            message = ""
        said = self._said[message] = self._said.get(message, 0) + 1
        if said <= self._lines:
            return self._left_out.pop(message, 0)
        if message in self._left_out or len(self._left_out) < KINDS:
            self._left_out[message] = self._left_out.get(message, 0) + 1
        return None
