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


class Passage:
    """For this policy and these settings, from this history on."""

    def __init__(self, policy: Policy, settings: ControllerSettings, history: History) -> None:
        self._policy, self._settings = policy, settings
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
        self._note(Recommendation(max(0, asked), now))
        return before.desired

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
