"""The numbers of one target's records in one epoch: which come for the first time, which are missing, which come late.

A record says its number and how many directly before it no record has (`shed`, `audit.codec`). What came before the
first record is another matter: a spool and a topic keep the record for so long only.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import IntEnum
from operator import itemgetter

from msgspec import Struct

QUICKEST = 100.0
"""Records a second that no target reaches: it is decided ten times a second at most (`--evaluation-interval`)."""
SLACK = 1000
"""So many more, as a clock may be set back."""

Hole = tuple[int, int, bool]
"""First and last number, and whether they count as missing."""
_first = itemgetter(0)


class Turn(IntEnum):
    """How a record comes: as the next one, out of order, or once more."""

    NEXT = 0
    LATE = 1
    AGAIN = 2


class Tally(Struct):
    """So many numbers: missing, of records out of order, of records that came again, told as not kept."""

    missing: int = 0
    out_of_order: int = 0
    duplicates: int = 0
    not_kept: int = 0

    def add(self, other: Tally) -> None:
        """Count those too."""
        self.missing += other.missing
        self.out_of_order += other.out_of_order
        self.duplicates += other.duplicates
        self.not_kept += other.not_kept


class Lane:
    """Only what lies between `since` and `until`, in part at least, is counted.

    A number that leaps further ahead than there can have been evaluations is none to go on from: its record is out of
    order, and the next ones are as they were without it.
    """

    def __init__(self, since: float, until: float) -> None:
        self._since, self._until = since, until
        self._last, self._at = 0, 0.0
        self._holes: list[Hole] = []
        self._stray: set[int] = set()
        self._counted = Tally()

    @property
    def tally(self) -> Tally:
        """What was found so far."""
        missing = sum(last - first + 1 for first, last, counts in self._holes if counts)
        return Tally(missing, self._counted.out_of_order, self._counted.duplicates, self._counted.not_kept)

    def take(self, seq: int, shed: int, at: float) -> Turn:
        """The next record, of the time `at` in seconds since 1970."""
        last = self._last
        if seq == last + 1:
            self._last, self._at = seq, at
            return Turn.NEXT
        counts = self._since <= at <= self._until
        if seq > last:
            if seq - last > SLACK + QUICKEST * max(0.0, at - self._at):
                return self._strayed(seq, counts)
            self._leap(seq, min(shed, seq - last - 1), at, counts)
            return Turn.NEXT
        if self._fill(seq):
            self._counted.out_of_order += counts
            return Turn.LATE
        self._counted.duplicates += counts
        return Turn.AGAIN

    def _leap(self, seq: int, shed: int, at: float, counts: bool) -> None:
        """Over numbers of no record, of which the last `shed` are told."""
        last, begun = self._last, self._last > 0
        if begun and counts:
            self._counted.not_kept += shed
        if seq - shed > last + 1:
            self._holes.append((last + 1, seq - shed - 1, begun and at > self._since and self._at < self._until))
        self._last, self._at = seq, at

    def _strayed(self, seq: int, counts: bool) -> Turn:
        if seq in self._stray:
            self._counted.duplicates += counts
            return Turn.AGAIN
        self._stray.add(seq)
        self._counted.out_of_order += counts
        return Turn.LATE

    def _fill(self, seq: int) -> bool:
        """Take `seq` out of the hole it lies in; False when it lies in none."""
        place = bisect_right(self._holes, seq, key=_first) - 1
        if place < 0:
            return False
        first, last, counts = self._holes[place]
        if seq > last:
            return False
        parts = ((first, seq - 1, counts), (seq + 1, last, counts))
        self._holes[place : place + 1] = [each for each in parts if each[0] <= each[1]]
        return True
