"""How far something long has come, on a terminal; a file or a pipe is not bothered with it."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self, TextIO

from autoscaler.clock import Clock

EVERY = 0.2
LOOKED = 256
WIDTH = 30


class Progress:
    """`with Progress("records", clock) as progress`: `step` for each, drawn a few times a second, wiped at the end."""

    def __init__(self, what: str, clock: Clock, stream: TextIO | None = None) -> None:
        self._what, self._clock = what, clock
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()
        self._begun = self._drawn = clock.monotonic()
        self._count = 0
        self.share: float | None = None
        """How much of it is done, from 0 to 1, where that is known."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown and self._drawn > self._begun:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def reached(self, share: float) -> None:
        """So much of it is done."""
        self.share = share

    def step(self) -> None:
        """One more."""
        self._count += 1
        if not self._shown or self._count % LOOKED:
            return
        now = self._clock.monotonic()
        if now - self._drawn >= EVERY:
            self._drawn = now
            self._stream.write(f"\r{self.line(now)}\x1b[K")
            self._stream.flush()

    def line(self, now: float) -> str:
        """What is drawn: a bar where an end is known, the count, and how fast it goes."""
        speed = self._count / max(now - self._begun, 1e-9)
        told = f"{self._count:,} {self._what}, {speed:,.0f}/s"
        if self.share is None:
            return told
        full = round(WIDTH * self.share)
        return f"[{'#' * full}{'.' * (WIDTH - full)}] {self.share:4.0%}  {told}"
