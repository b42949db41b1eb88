"""One load shared equally among those who are ready to take it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from autoscaler.sim.curves import Curve


@dataclass(frozen=True, slots=True)
class _Turn:
    """From `since` on there were `sharers`; `drawn` is what one of them would have had until then."""

    since: float
    sharers: int
    drawn: float
    area: float


@dataclass(slots=True)
class SharedLoad:
    """Times are seconds since the world began. With nobody ready the load is nobody's: it is lost, not kept."""

    curve: Curve
    _turns: list[_Turn] = field(default_factory=list)

    @property
    def sharers(self) -> int:
        """How many take part at present."""
        return self._turns[-1].sharers if self._turns else 0

    def share_among(self, sharers: int, at: float) -> None:
        """From `at` (never before the last change) on, the load has so many takers."""
        self._turns.append(_Turn(at, sharers, self.drawn(at), self.curve.area(at)))

    def drawn(self, at: float) -> float:
        """What somebody who was ready all the time has had until `at`: integral of load / sharers.

        Exact for every instant of the past, too; a taker's own part is the difference of two instants.
        """
        turn = self._turn_at(at)
        if turn is None or turn.sharers == 0:
            return turn.drawn if turn else 0.0
        return turn.drawn + (self.curve.area(at) - turn.area) / turn.sharers

    def each(self, at: float) -> float:
        """Height of one share at an instant; 0 when nobody takes part."""
        turn = self._turn_at(at)
        return self.curve.at(at) / turn.sharers if turn and turn.sharers else 0.0

    def _turn_at(self, at: float) -> _Turn | None:
        if self._turns and self._turns[-1].since <= at:  # nearly always
            return self._turns[-1]
        after = bisect_right(self._turns, at, key=lambda turn: turn.since)
        return self._turns[after - 1] if after else None
