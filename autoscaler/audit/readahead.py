"""What the forwarder sends next: read far ahead in one go, given out in rounds, marked as delivered together.

A question to the spool waits in its thread behind commits, 0.05 to 0.26 s on a disk that others use: asked twice a
round, a backlog of large records would never be worked off. So about ten rounds share a read and a mark. A crash before
the mark has them sent again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from autoscaler.audit.codec import Record
from autoscaler.clock import Clock

AHEAD_BYTES = 1 << 20
AHEAD_ROWS = 1000
MARK_EVERY = 1.0  # where Kafka is slow: the age of the oldest record is told by the mark

Told = Callable[[Sequence[Record]], None]


class Stock(Protocol):
    """The undelivered records, in the order of positions."""

    async def news(self) -> None: ...
    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]: ...
    async def delivered(self, position: int) -> None: ...


class ReadAhead:
    """`round`, then `acknowledged` or `forget`, again and again; `mark` in the end.

    `told` are called with records once these are marked.
    """

    def __init__(self, stock: Stock, clock: Clock, told: Sequence[Told] = ()) -> None:
        self._stock = stock
        self._clock = clock
        self._told = told
        self._left: deque[Record] = deque()
        self._acknowledged: list[Record] = []
        self._marked_at = 0.0
        self._full = False

    @property
    def more(self) -> bool:
        """Whether more may wait than was given out."""
        return bool(self._left) or self._full

    async def news(self) -> None:
        """Return when there may be something to send."""
        if not self._left:
            await self._stock.news()

    async def round(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        """The oldest records that are not acknowledged, under both limits but at least one; none when there is none.

        They are given out again until they are `acknowledged`.
        """
        if not self._left:
            await self.mark()  # else the same would be read again
            found = await self._stock.undelivered(AHEAD_BYTES, AHEAD_ROWS)
            # the last one that did not fit may be large
            self._full = len(found) >= AHEAD_ROWS or sum(map(_size, found)) >= AHEAD_BYTES // 2
            self._left.extend(found)
            self._marked_at = self._clock.monotonic()
        records: list[Record] = []
        room = max_bytes
        for record in self._left:
            room -= _size(record)
            if records and (room < 0 or len(records) == max_rows):
                break
            records.append(record)
        return records

    async def acknowledged(self, records: Sequence[Record], *, at_once: bool = False) -> None:
        """Kafka has `records`, the first of what is left. Marked with the last one of what was read, after a second,
        or `at_once`; what the mark raises is raised, and the next call tries again.
        """
        self._acknowledged.extend(records)
        while self._left and self._left[0].position <= records[-1].position:
            self._left.popleft()
        if at_once or not self._left or self._clock.monotonic() - self._marked_at >= MARK_EVERY:
            await self.mark()

    def forget(self) -> None:
        """Read anew what is not acknowledged: it was not sent in peace."""
        self._left.clear()

    async def mark(self) -> None:
        """Mark what is acknowledged, if anything is."""
        records, self._acknowledged = self._acknowledged, []
        if not records:
            return
        try:
            await self._stock.delivered(records[-1].position)
        except BaseException:
            self._acknowledged = records + self._acknowledged
            raise
        self._marked_at = self._clock.monotonic()
        for told in self._told:
            told(records)


def _size(record: Record) -> int:
    return len(record.body) + len(record.key)
