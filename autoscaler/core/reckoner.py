"""Replicas for one set of sums at any usage, worked out once for each percentage where only that decides.

A week of evaluations of a target knows a hundred percentages or so (`totals.level` cuts them to whole ones).
"""

from __future__ import annotations

from autoscaler.core.totals import PLAIN, Tolerance, Totals, wanted
from autoscaler.model.objects import Milli

KEPT = 4096
"""Answers that are remembered; with more they are all worked out anew."""


class Reckoner:
    """`sums` but for their usage; `target` and `tolerance` as in `totals.wanted`."""

    def __init__(self, sums: Totals, target: int, tolerance: Tolerance) -> None:
        self._sums, self._target, self._tolerance = sums, target, tolerance
        self._requests = 0 if sums.missing else sums.requests or 0
        self._highest = max(0, target) if sums.unready else PLAIN
        self._known: dict[tuple[int, int], int] = {}

    def replicas(self, usage: int, current: int) -> int | None:
        """What `totals.wanted` asks for with this usage of all pods; None when no pod with a sample has a request."""
        if self._requests > 0 and 0 <= usage < PLAIN:
            percent = usage * 100 // self._requests
            if percent <= self._highest:  # unready pods decide nothing: the percentage alone does
                known = self._known.get((percent, current))
                return self._learned(percent, usage, current) if known is None else known
        return self._asked(usage, current)

    def _learned(self, percent: int, usage: int, current: int) -> int | None:
        found = self._asked(usage, current)
        if found is not None:
            if len(self._known) == KEPT:
                self._known.clear()
            self._known[percent, current] = found
        return found

    def _asked(self, usage: int, current: int) -> int | None:
        found = wanted(self._sums, self._target, current, self._tolerance, Milli(usage))
        return None if found is None else found.replicas
