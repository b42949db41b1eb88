"""The course of one run, evaluation after evaluation: what the planner's windows and limits make of each ask.

Of recommendations only those are kept that can still hold a number: none that a later one outdoes. Which of several is
named as the one that held it may differ from what the planner names; the number does not.
"""

from __future__ import annotations

from collections.abc import Iterable

from autoscaler.core import behavior
from autoscaler.core.course import Course, course, seen, stands
from autoscaler.core.retention import down_window, up_window
from autoscaler.model.plan import History, Recommendation
from autoscaler.model.policy import ControllerSettings, Policy

KEPT = 4096
"""Numbers that are remembered; with more they are all worked out anew."""


class Passage:
    """For this policy and these settings, from this history on."""

    def __init__(self, policy: Policy, settings: ControllerSettings, history: History) -> None:
        self._policy, self._settings = policy, settings
        self._known: dict[tuple[int, int, int], int] = {}
        self._up, self._down = up_window(policy), down_window(policy, settings)
        self.history = history

    @property
    def history(self) -> History:
        """All that can still decide; to be set when somebody else decided."""
        log = None if self._fresh else tuple(sorted({*self._highs, *self._lows}, key=_time))
        return (
            self._given
            if log is None
            else History(recommendations=log, scale_ups=self._events.scale_ups, scale_downs=self._events.scale_downs)
        )

    @history.setter
    def history(self, history: History) -> None:
        self._given, self._fresh = history, history.recommendations is None or history.restored
        self._events = History(scale_ups=history.scale_ups, scale_downs=history.scale_downs)
        self._before: Course | None = None
        self._same = (0, 0, 0)
        self._keep(sorted(history.recommendations or (), key=_time))

    def desired(self, asked: int, current: int, now: float, period_start: int) -> int:
        """What becomes of the ask at `now`; by a clock that was set back it is as late as it ever was."""
        now = max(now, self._last)
        if self._fresh:
            self.history = seen(self.history, current, now)
        asked = max(0, asked)
        if self._policy.behavior is None:
            return self._doubled(asked, current, now, period_start)
        if current and self._agreed(asked, current, now) == current:
            self._before = None
            self._note(Recommendation(asked, now))
            return current
        same, before = (asked, current, period_start), self._before
        if before is None or same != self._same or not stands(before, now):
            before = course(
                self._policy,
                self._settings,
                current=current,
                asked=asked,
                history=History(
                    recommendations=(*self._highs, *self._lows),
                    scale_ups=self._events.scale_ups,
                    scale_downs=self._events.scale_downs,
                ),
                now=now,
                period_start=period_start,
            )
            self._before, self._same = before, same
        self._note(Recommendation(asked, now))
        return before.desired

    def _doubled(self, asked: int, current: int, now: float, period_start: int) -> int:
        """Without `behavior`: what the highest of the window leads to depends on no time, and is worked out once."""
        self._note(Recommendation(asked, now))
        key = self._highs[0].replicas, current, period_start
        found = self._known.get(key)
        if found is None:
            way = course(
                self._policy,
                self._settings,
                current=current,
                asked=key[0],
                history=History(),
                now=now,
                period_start=period_start,
            )
            if len(self._known) == KEPT:
                self._known.clear()
            found = self._known[key] = way.desired
        return found

    def _agreed(self, asked: int, current: int, now: float) -> int:
        """With it: the size that both windows allow (`behavior.stabilized_by_behavior`). No rate limits staying."""
        up, down = now - self._up, now - self._down
        lowest = next((each.replicas for each in self._lows if each.time > up), asked)
        highest = next((each.replicas for each in self._highs if each.time > down), asked)
        return min(max(current, min(lowest, asked)), max(highest, asked))

    def written(self, before: int, after: int, now: float) -> None:
        """The size was changed so."""
        self._events = behavior.recorded(self._events, self._policy.behavior, before, after, now)

    def _keep(self, log: Iterable[Recommendation]) -> None:
        self._highs: list[Recommendation] = []
        self._lows: list[Recommendation] = []
        self._last = float("-inf")
        for each in log:
            self._note(each)

    def _note(self, new: Recommendation) -> None:
        """One more, and gone is what it outdoes, or is too old; the highest of all since going down, the lowest up."""
        self._last = new.time
        highs = self._highs
        while highs and highs[-1].replicas <= new.replicas:
            highs.pop()
        highs.append(new)
        while highs[0].time < new.time - self._down:
            del highs[0]
        if self._up:
            lows = self._lows
            while lows and lows[-1].replicas >= new.replicas:
                lows.pop()
            lows.append(new)
            while lows[0].time < new.time - self._up:
                del lows[0]


def _time(recommendation: Recommendation) -> float:
    return recommendation.time
