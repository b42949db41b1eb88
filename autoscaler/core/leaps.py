"""A record whose time leaps ahead waits for those that follow: a gap, or a clock that was wrong for a while?"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from autoscaler.core.lane import Turn
from autoscaler.model.decision import Decision

LEAP = 3600.0
"""Seconds from the evaluation before that nobody waits to see confirmed."""
BACK = LEAP / 2
"""Seconds: of a leap most is taken back."""
MOST = 50
"""Records that are held back. A clock that is wrong for longer is believed."""


class Held(Struct, frozen=True, kw_only=True):
    """A record as it came. `start` is its time in seconds since 1970; `decision` None: nobody can read it, `why`."""

    epoch: int
    start: float
    turn: Turn
    decision: Decision | None = None
    why: str = ""

    @property
    def leadership(self) -> int:
        """Whose it is, -1 where nobody was elected, or nobody can tell."""
        found = None if self.decision is None else self.decision.leadership
        return -1 if found is None else found


class Taken(Struct, frozen=True):
    """`ahead` are those that a clock ran ahead with, `due` those that come next; both in their order."""

    ahead: Sequence[Held] = ()
    due: Sequence[Held] = ()


class Leaps:
    """The records of one target. Of the first one nobody knows whether it leaps, so it waits, too."""

    def __init__(self) -> None:
        self._held: list[Held] = []

    @property
    def waiting(self) -> bool:
        """Whether one is held back: then all that follow have to be taken here."""
        return bool(self._held)

    def take(self, one: Held, reached: float) -> Taken:
        """The next one; `reached` is the time of the last evaluation that was due before, in seconds since 1970."""
        ahead = self._outdone(one, reached)
        if not self._held and one.start <= reached + LEAP:
            return Taken(ahead, (one,))
        self._held.append(one)
        return Taken(ahead, self.rest() if len(self._held) > MOST else ())

    def _outdone(self, one: Held, reached: float) -> Sequence[Held]:
        """From the first leap on all that `one` goes back behind, which are held no more."""
        for place, each in enumerate(self._held):
            if each.start > reached + LEAP and _goes_back(one, each):
                leapt = self._held[place:]
                ahead = [other for other in leapt if _goes_back(one, other)]
                self._held[place:] = [other for other in leapt if not _goes_back(one, other)]
                return ahead
            reached = max(reached, each.start)
        return ()

    def rest(self) -> Sequence[Held]:
        """All that are held back; nothing follows, or enough followed."""
        found, self._held = self._held, []
        return found


def _goes_back(one: Held, held: Held) -> bool:
    """Whether it was made after `held` and says it was long before. The tail of a former leader does not tell that, nor
    do two policies of one target, whose evaluations take turns.
    """
    later = one.leadership > held.leadership or (one.epoch == held.epoch and one.leadership == held.leadership)
    return later and one.turn is Turn.NEXT and one.start <= held.start - BACK
