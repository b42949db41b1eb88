"""Numbers of no record that the spool's file has not been told of: it could not take theirs, or they never came to it.

Whatever refused a record, its number is missing where its target is counted, and the next record that is kept says so.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class Gaps:
    """How many numbers of each target. `missed` may be called from any thread, the rest from the spool's only."""

    def __init__(self) -> None:
        self._untold: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def missed(self, key: str) -> None:
        """One more, of a record that was refused before it came to the spool."""
        with self._lock:
            self._missed[key] += 1

    def add(self, keys: list[str]) -> None:
        """One more of each."""
        self._untold.update(keys)

    def untold(self) -> dict[str, int]:
        """All of them, a copy."""
        with self._lock:
            self._untold.update(self._missed)
            self._missed.clear()
        return dict(self._untold)

    def told(self, counts: Mapping[str, int]) -> None:
        """What `untold` gave is durable now."""
        self._untold.subtract(counts)
        self._untold = +self._untold
