"""Step functions of time, and what is left of them in so many columns of pixels.

A value holds from its time to the next one. A column keeps the lowest, the highest and the last value that held at any
instant of it, so that no peak, however short, is lost; what it does not keep is when in the column that was.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from autoscaler.model.whatif import Track

Value = int | None
"""None: not known."""


class Cell(NamedTuple):
    """What held in one column of pixels; `first` is what held when it began, or came first."""

    low: int
    high: int
    first: int
    last: int


class Window(Struct, frozen=True):
    """The time a plot shows, in seconds since 1970, in so many columns."""

    since: float
    until: float
    columns: int

    @property
    def width(self) -> float:
        """Seconds of one column."""
        return (self.until - self.since) / self.columns

    def column(self, at: float) -> float:
        """Where in 0 to `columns` that time is."""
        return min(max((at - self.since) / (self.until - self.since), 0.0), 1.0) * self.columns


class Steps(Struct, frozen=True):
    """One step function; `end` is when its last value ends."""

    times: Sequence[float]
    values: Sequence[Value]
    end: float

    def spans(self, window: Window) -> list[tuple[int, int]]:
        """For every column the half-open range of values that held in it."""
        found, times, width = [], self.times, window.width
        for column in range(window.columns):
            begin = window.since + column * width
            if begin >= self.end:
                found.append((0, 0))
                continue
            found.append((max(bisect_right(times, begin) - 1, 0), bisect_left(times, begin + width)))
        return found


def cells(values: Sequence[Value], spans: Sequence[tuple[int, int]]) -> list[Cell | None]:
    """For every span what held in it; None where nothing is known."""
    return [_cell(values[begin:stop]) for begin, stop in spans]


def _cell(values: Sequence[Value]) -> Cell | None:
    if len(values) == 1 and values[0] is not None:  # most columns of a calm target
        return Cell(values[0], values[0], values[0], values[0])
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Cell(min(known), max(known), known[0], known[-1])


def changes(times: Sequence[float], values: Sequence[Value], end: float) -> Steps:
    """The same function with a time only where its value changes."""
    kept = [index for index, value in enumerate(values) if index == 0 or value != values[index - 1]]
    return Steps([times[index] for index in kept], [values[index] for index in kept], end)


def difference(recorded: Track, candidate: Track) -> Steps:
    """How many replicas more than recorded the candidate has; None where one of both is not known."""
    one = changes(recorded.times, recorded.replicas, recorded.end)
    other = changes(candidate.times, candidate.replicas, candidate.end)
    times = sorted({*one.times, *other.times})
    values: list[Value] = []
    at_one = at_other = -1
    for time in times:
        while at_one + 1 < len(one.times) and one.times[at_one + 1] <= time:
            at_one += 1
        while at_other + 1 < len(other.times) and other.times[at_other + 1] <= time:
            at_other += 1
        before = one.values[at_one] if at_one >= 0 else None
        after = other.values[at_other] if at_other >= 0 else None
        values.append(None if before is None or after is None else after - before)
    return Steps(times, values, min(one.end, other.end))


def shortfall(track: Track) -> Sequence[Value]:
    """1 where the demand is above the replicas, 0 where it is not, at the times of the track."""
    return [
        None if wanted is None or there is None else int(wanted > there)
        for wanted, there in zip(track.demand, track.replicas, strict=True)
    ]
