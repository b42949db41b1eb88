"""Whether a stream of records is whole: every number once, in order, per target and epoch."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable

from msgspec import Struct

LISTED = 1000
"""Faults of a kind that are told one by one; the others are counted."""


class Number(Struct, frozen=True):
    """What a record says about its place: the message key and the `epoch`, `seq` and `shed` headers."""

    key: str
    epoch: int
    seq: int
    shed: int = 0


class Fault(Struct, frozen=True):
    """Numbers `first` to `last` of one target and epoch that are missing, came twice or came late."""

    key: str
    epoch: int
    first: int
    last: int


class Counts(Struct, frozen=True, kw_only=True):
    """How many numbers there were of each kind, also beyond those that are listed."""

    duplicates: int = 0
    missing: int = 0
    late: int = 0
    shed: int = 0


class Verdict(Struct, frozen=True, kw_only=True):
    """What was found, the first `LISTED` of a kind. Duplicates are legal (delivery is at least once), and numbers are
    `shed` by a spool without room, which tells so; the other two are not.
    """

    records: int
    targets: int
    counts: Counts = Counts()
    duplicates: tuple[Fault, ...] = ()
    missing: tuple[Fault, ...] = ()
    late: tuple[Fault, ...] = ()
    shed: tuple[Fault, ...] = ()

    @property
    def whole(self) -> bool:
        """Nothing is missing, and what came first came in order."""
        return not self.counts.missing and not self.counts.late


class _Lane:
    """The numbers of one target in one epoch: the lowest and the highest one, and the holes between them."""

    __slots__ = ("begins", "ends", "first", "last")

    def __init__(self, first: int) -> None:
        self.first, self.last = first, first - 1
        self.begins, self.ends = array("q"), array("q")  # of holes, rising; both belong to them

    def leave(self, first: int, last: int) -> None:
        """A hole behind all others."""
        if first <= last:
            self.begins.append(first)
            self.ends.append(last)

    def lower(self, seq: int) -> None:
        """`seq` comes before what was thought to be the first."""
        if seq + 1 < self.first:
            self.begins.insert(0, seq + 1)
            self.ends.insert(0, self.first - 1)
        self.first = seq

    def fill(self, seq: int) -> bool:
        """Take `seq` out of the hole it lies in; False when it lies in none."""
        at = bisect_right(self.begins, seq) - 1
        if at < 0 or self.ends[at] < seq:
            return False
        first, last = self.begins[at], self.ends[at]
        left = [hole for hole in ((first, seq - 1), (seq + 1, last)) if hole[0] <= hole[1]]
        self.begins[at : at + 1] = array("q", (hole[0] for hole in left))
        self.ends[at : at + 1] = array("q", (hole[1] for hole in left))
        return True


class _Found:
    """Numbers of one kind."""

    def __init__(self) -> None:
        self.count, self.first = 0, list[Fault]()

    def add(self, key: str, epoch: int, first: int, last: int) -> None:
        self.count += last - first + 1
        if len(self.first) < LISTED:
            self.first.append(Fault(key, epoch, first, last))


class Numbers:
    """`take` the numbers of records in the order they were read; of each target and epoch only holes are kept.

    `from_start`: the first record of each epoch must be number 1. Epochs do not wait for each other: a replica that led
    before may deliver its tail after its successor's first ones.
    """

    def __init__(self, *, from_start: bool) -> None:
        self._from_start = from_start
        self._records = 0
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._duplicates, self._late, self._shed = _Found(), _Found(), _Found()

    def take(self, number: Number) -> bool:
        """Whether that number was not there yet."""
        self._records += 1
        key, epoch, seq = number.key, number.epoch, number.seq
        lane = self._lanes.get((key, epoch))
        if lane is None:
            lane = self._lanes[key, epoch] = _Lane(1 if self._from_start else seq)
        if seq > lane.last:
            told = min(number.shed, seq - lane.last - 1)
            if told:
                self._shed.add(key, epoch, seq - told, seq - 1)
            lane.leave(lane.last + 1, seq - told - 1)
            lane.last = seq
            return True
        if seq < lane.first:
            lane.lower(seq)
        elif not lane.fill(seq):
            self._duplicates.add(key, epoch, seq, seq)
            return False
        self._late.add(key, epoch, seq, seq)
        return True

    def verdict(self) -> Verdict:
        """On what was taken."""
        missing = _Found()
        for (key, epoch), lane in self._lanes.items():
            for first, last in zip(lane.begins, lane.ends, strict=True):
                missing.add(key, epoch, first, last)
        return Verdict(
            records=self._records,
            targets=len({key for key, _ in self._lanes}),
            counts=Counts(
                duplicates=self._duplicates.count,
                missing=missing.count,
                late=self._late.count,
                shed=self._shed.count,
            ),
            duplicates=tuple(self._duplicates.first),
            missing=tuple(missing.first),
            late=tuple(self._late.first),
            shed=tuple(self._shed.first),
        )


def verify(numbers: Iterable[Number], *, from_start: bool = True) -> Verdict:
    """Judge all of them (`Numbers`)."""
    found = Numbers(from_start=from_start)
    for number in numbers:
        found.take(number)
    return found.verdict()
