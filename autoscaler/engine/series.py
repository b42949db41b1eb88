"""What is kept of the containers of one pod: a row of nine integers each, in one block of bytes.

A row holds the last sample that was taken in and the usage it ended, so a read does no sums. 1,000
nodes x 30 pods x 2 containers are 60,000 rows: 4.3 MB, where objects would take 20.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from autoscaler.core.rates import KEPT, Bounds, Gap, next_rate, usage_between
from autoscaler.model.metrics import Sample, Usage

_GAPS = tuple(Gap)
_NO_GAP = -1


class Row(NamedTuple):
    """One series: when a page last had a line of it, what that line lacked (an index of `Gap`), when the last sample
    that counted came in, that sample and the usage it ended. Zero: no start time, no sample, no usage."""

    seen: int = 0
    gap: int = _NO_GAP
    received: int = 0
    start: int = 0
    at: int = 0
    total: int = 0
    memory: int = 0
    rate: int = 0
    window: int = 0


_ROW = Struct(f"={len(Row._fields)}q")
_MARK = Struct("=2q")  # `seen` and `gap` alone
_EMPTY = _ROW.pack(*Row())


class Series:
    """The rows of one owner, by name, in the order of `names`; unknown names are added behind."""

    __slots__ = ("_rows", "names")

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._rows = bytearray(_EMPTY * len(self.names))

    def take(self, name: str, sample: Sample, received_ns: int, bounds: Bounds) -> Gap | None:
        """Take `sample` in; None when it ends a window and so makes a usage, else why it does not."""
        offset = self._offset(name)
        _, _, _, start, at, total, memory, _, _ = _ROW.unpack_from(self._rows, offset)
        rate = next_rate(at, total, start, sample, received_ns, bounds)
        if rate < 0:
            previous = Sample(at, total, memory, start or None) if at else None
            return self._take(offset, sample, received_ns, usage_between(previous, sample, received_ns, bounds))
        _ROW.pack_into(
            self._rows, offset, received_ns, _NO_GAP, received_ns,
            start, sample.at_ns, sample.cpu_ns, sample.memory, rate, sample.at_ns - at,
        )  # fmt: skip
        return None

    def _take(self, offset: int, sample: Sample, received_ns: int, outcome: Usage | Gap) -> Gap | None:
        """The same, when it is known what the sample makes."""
        usage = outcome if isinstance(outcome, Usage) else None
        gap = None if isinstance(outcome, Usage) else outcome
        if gap in KEPT:
            _MARK.pack_into(self._rows, offset, received_ns, _GAPS.index(gap))
            return gap
        _ROW.pack_into(
            self._rows, offset, received_ns, _NO_GAP if gap is None else _GAPS.index(gap), received_ns,
            sample.start_ns or 0, sample.at_ns, sample.cpu_ns or 0, sample.memory or 0,
            usage.cpu if usage else 0, usage.window_ns if usage else 0,
        )  # fmt: skip
        return gap

    def place(self, name: str) -> tuple[bytearray, int]:
        """Where the row of this name begins, and in what; it stays there."""
        offset = self._offset(name)
        return self._rows, offset

    def row(self, index: int) -> Row:
        """The row of `names[index]`."""
        return Row._make(_ROW.unpack_from(self._rows, index * _ROW.size))

    def servable(self, now_ns: int, bound_ns: int) -> list[bool]:
        """By name, whether there is a usage to serve; what `usage_of` would say, without making it."""
        return [
            bool(window) and now_ns - min(at, received) <= bound_ns
            for _, _, received, _, at, _, _, _, window in _ROW.iter_unpack(self._rows)
        ]

    def usages(self, now_ns: int, bound_ns: int, but: str) -> list[tuple[str, Usage]]:
        """By name, what `usage_of` gives of each row but that of this name; empty unless all of them have a usage."""
        oldest, found = now_ns - bound_ns, []
        for name, row in zip(self.names, _ROW.iter_unpack(self._rows), strict=True):
            _, _, received, _, at, _, memory, rate, window = row
            if name == but:
                continue
            if not window or at < oldest or received < oldest:
                return []
            found.append((name, Usage(rate, memory, at, window)))
        return found

    def ends(self, bound_ns: int) -> list[int]:
        """`end_of` each row that has a usage."""
        return [
            min(at, received) + bound_ns
            for _, _, received, _, at, _, _, _, window in _ROW.iter_unpack(self._rows)
            if window
        ]

    def counters(self, now_ns: int, bound_ns: int) -> Iterator[tuple[str, tuple[int, int, int]]]:
        """By name, CPU, memory and time of the last sample, where that is not too old."""
        for name, row in zip(self.names, _ROW.iter_unpack(self._rows), strict=True):
            _, _, received, _, at, total, memory, _, _ = row
            if at and now_ns - min(at, received) <= bound_ns:
                yield name, (total, memory, at)

    def _offset(self, name: str) -> int:
        try:
            return self.names.index(name) * _ROW.size
        except ValueError:
            self.names += (name,)
            self._rows += _EMPTY
            return len(self._rows) - _ROW.size


def usage_of(row: Row, now_ns: int, bound_ns: int) -> Usage | None:
    """The usage of a row, while the sample it ended with is not older than `bound_ns`.

    A sample is as old as its own time says, or as its receipt when the kubelet's clock is ahead of ours.
    """
    if not row.window or end_of(row, bound_ns) < now_ns:
        return None
    return Usage(row.rate, row.memory, row.at, row.window)


def end_of(row: Row, bound_ns: int) -> int:
    """The last instant at which the usage of a row is served; 0 when it has none."""
    return min(row.at, row.received) + bound_ns if row.window else 0


def gap_of(row: Row) -> Gap | None:
    """Why the latest sample of a row gave no number; None when it did."""
    return None if row.gap == _NO_GAP else _GAPS[row.gap]
