"""What could not be decided again, or counts in no sum, of one target: how often, since when, and why."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.model.whatif import Unanswerable


class Shortfall:
    """Counts evaluations of `target` by the reason."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._found: dict[str, tuple[float, int]] = {}

    def add(self, why: str, at: float, number: int) -> None:
        """So many more, the first of them made at `at`."""
        first, count = self._found.get(why, (at, 0))
        self._found[why] = first, count + number

    def told(self) -> Iterator[Unanswerable]:
        """One for each reason, in the order in which they were met."""
        return (Unanswerable(self._target, first, count, why) for why, (first, count) in self._found.items())
