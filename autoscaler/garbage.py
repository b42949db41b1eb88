"""What Python's collector of cycles looks at, and when: nothing of the cluster once it is known, what is new at once.

A full collection visits every object there is; with the pods of a thousand targets that takes a fifth of a second to
half a second, in which nothing is decided and no answer is read. What is known when deciding begins stays for long or
goes without being part of a cycle, so it is set aside once.

A collection of the youngest is not small by itself: Python begins one when more objects were made than freed, and what
takes the place of something else, as every sample does, or comes from a free list, as every small tuple, is not
counted. So we begin them by the clock (docs/decisions/garbage.md).
"""

from __future__ import annotations

import gc

from autoscaler.clock import Clock
from autoscaler.heap import give_back

YOUNG = 5000
"""Objects made before the youngest are looked at; Python's 700 come together in two evaluations."""
YOUNG_ROUNDS, MIDDLE_ROUNDS = 5, 1000
"""Looks at the youngest before the middle ones, and at those before Python itself looks at all not set aside."""
ALL_SECONDS, ALL_SHARE = 60.0, 1000
"""How long all that was not set aside is let be, and how many times as long as looking at it took."""


def set_aside() -> None:
    """Collect once more, then let what is there now be. What is made later is collected as ever, only less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, YOUNG_ROUNDS, MIDDLE_ROUNDS)


class Collector:
    """Collects by the clock, beside what Python begins by itself: at every beat of the event loop's heart."""

    def __init__(self, clock: Clock) -> None:
        gc.set_threshold(YOUNG, YOUNG_ROUNDS, MIDDLE_ROUNDS)
        self._clock = clock
        self._rounds = 0
        self._first = True
        self._due = clock.monotonic() + ALL_SECONDS

    def beat(self) -> None:
        """The youngest; the middle ones every few times, and all that was not set aside when it is time for that."""
        self._rounds += 1
        begun = self._clock.monotonic()
        if begun < self._due:
            gc.collect(0 if self._rounds % YOUNG_ROUNDS else 1)
            return
        if self._first:  # of what was scraped and asked for since deciding began, most stays as well
            set_aside()
        else:
            gc.collect()
        self._first = False
        give_back()
        ended = self._clock.monotonic()
        self._due = ended + max(ALL_SECONDS, ALL_SHARE * (ended - begun))
