"""Load over time: cores or bytes as a function of the seconds since the world began, with the exact area below it."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from typing import Protocol


class Curve(Protocol):
    """`at` is the height; `area(b) - area(a)` is the integral from a to b, whatever the constant."""

    def at(self, seconds: float) -> float: ...
    def area(self, seconds: float) -> float: ...


class Polyline:
    """Straight lines between points (seconds, height), level before the first and after the last.

    Two points at the same instant are a step; the later one holds from there on.
    """

    def __init__(self, *points: tuple[float, float]) -> None:
        if not points or any(later[0] < earlier[0] for earlier, later in pairwise(points)):
            raise ValueError(f"a curve needs points in the order of time, not {points}")
        self._times = [time for time, _ in points]
        self._heights = [height for _, height in points]
        self._areas = [0.0]
        for (start, low), (end, high) in pairwise(points):
            self._areas.append(self._areas[-1] + (end - start) * (low + high) / 2)

    def at(self, seconds: float) -> float:
        """Height at an instant."""
        after = bisect_right(self._times, seconds)
        if after == 0:
            return self._heights[0]
        if after == len(self._times):
            return self._heights[-1]
        start, end = self._times[after - 1], self._times[after]
        low, high = self._heights[after - 1], self._heights[after]
        return low + (high - low) * (seconds - start) / (end - start)

    def area(self, seconds: float) -> float:
        """Area from the first point to an instant; negative before it."""
        after = bisect_right(self._times, seconds)
        if after == 0:
            return self._heights[0] * (seconds - self._times[0])
        low = self._heights[after - 1]
        return self._areas[after - 1] + (seconds - self._times[after - 1]) * (low + self.at(seconds)) / 2


def constant(height: float) -> Polyline:
    """The same at all times."""
    return Polyline((0.0, height))


def steps(first: float, *changes: tuple[float, float]) -> Polyline:
    """`first`, and from each (seconds, height) on that height."""
    points = [(changes[0][0] if changes else 0.0, first)]
    for time, height in changes:
        points += [(time, points[-1][1]), (time, height)]
    return Polyline(*points)


class Wave:
    """`mean` plus a sine of `amplitude` that repeats every `period` seconds and rises at time 0 + `phase`."""

    def __init__(self, mean: float, amplitude: float, period: float, phase: float = 0.0) -> None:
        if amplitude > mean:
            raise ValueError("a load cannot fall below 0: the amplitude must not exceed the mean")
        self._mean = mean
        self._amplitude = amplitude
        self._turn = 2 * math.pi / period
        self._phase = phase

    def at(self, seconds: float) -> float:
        """Height at an instant."""
        return self._mean + self._amplitude * math.sin(self._turn * (seconds - self._phase))

    def area(self, seconds: float) -> float:
        """An antiderivative of the height."""
        cosine = math.cos(self._turn * (seconds - self._phase))
        return self._mean * seconds - self._amplitude / self._turn * cosine
