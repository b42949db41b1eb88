"""A stream for log lines that nobody ever waits for: a thread writes them, and may be kept waiting by who reads.

What is not read in time is kept up to a bound, then left out, counted and told once reading goes on. A pipe without a
reader would otherwise stop the event loop, and with it the probes, the Lease and every decision.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO
from weakref import WeakSet

KEPT = 1 << 20
"""Characters that wait at most, beside as many that are being written."""
LAST_WORDS_SECONDS = 0.5
"""What the end of the process waits for its last lines to be read."""


class Sink(io.TextIOBase):
    """Writes to `stream` from a thread of its own. `told` makes the line that says how many were left out."""

    def __init__(self, stream: TextIO, told: Callable[[int], str], *, kept: int = KEPT) -> None:
        super().__init__()
        self._stream, self._told, self._kept = stream, told, kept
        self._lines: deque[str] = deque()
        self._size = self._left_out = 0
        self._busy = False
        self._changed = threading.Condition()
        _SINKS.add(self)
        threading.Thread(target=self._work, name="log", daemon=True).start()

    def write(self, text: str) -> int:
        """Put by; never waits for a reader."""
        with self._changed:
            if self._size + len(text) > self._kept:
                self._left_out += 1
            else:
                self._lines.append(text)
                self._size += len(text)
                self._changed.notify_all()
        return len(text)

    def isatty(self) -> bool:
        """Whether a person looks on."""
        return self._stream.isatty()

    def drain(self, seconds: float) -> bool:
        """Wait until everything is written, up to `seconds`; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lines and not self._busy, seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                lines = [*self._lines, *([self._told(self._left_out)] if self._left_out else [])]
                self._lines.clear()
                self._size = self._left_out = 0
                self._busy = True
            with suppress(OSError, ValueError):  # nobody is there any more to be told
                self._stream.write("".join(lines))
                self._stream.flush()


_SINKS: WeakSet[Sink] = WeakSet()


def last_words(seconds: float = LAST_WORDS_SECONDS) -> None:
    """Have what was said so far be read, if anybody does; for the end of the process."""
    for sink in list(_SINKS):
        sink.drain(seconds)
