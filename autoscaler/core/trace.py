"""One target through time, as points: kept where something changes, and summed up as it goes."""

from __future__ import annotations

from copy import copy

from msgspec import Struct

from autoscaler.model.whatif import Summary, Track, Worst

POINTS = 8192
"""With more than these a trace tells the demand more coarsely: the highest of each span, which doubles as it must."""
FINEST = 15.0


class State(Struct, frozen=True):
    """Size and bounds that stand from a time on, None: not known; the same object while they do is quickest."""

    replicas: int | None
    lower: int | None
    upper: int | None


UNKNOWN = State(None, None, None)


class Trace:
    """`target` is its name. Evaluations come in the order of their times."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._times: list[float] = []
        self._states: list[State] = []
        self._demand: list[int | None] = []
        self._span = 0.0
        self._at: float | None = None
        self._state = UNKNOWN
        self._short = False
        self._pod_seconds = self._short_seconds = 0.0
        self._changes = 0
        self._worst: Worst | None = None

    def add(
        self, at: float, state: State, demand: int | None, short: bool, patience: float, *, found: int | None = None
    ) -> None:
        """What stands from `at` on, and whether it is `short` of replicas beyond the tolerance.

        `demand` is in whole replicas, None: not known. What stood before counts until now, but for `patience` seconds
        at most: then nothing is known of what was. `found` is the size there was at `at`, before what was decided then:
        another one than stands since is a change, also of the first evaluation, and so is one that somebody else made.
        """
        begun, size = self._at, self._state.replicas
        if begun is not None:
            if at <= begun:
                return
            limit = begun + patience
            if size is not None:
                lasted = (limit if at > limit else at) - begun
                self._pod_seconds += size * lasted
                if self._short:
                    self._short_seconds += lasted
            if at > limit:
                self._keep(limit, UNKNOWN, None)
                size = None
        if found is not None:
            self._changes += (size is not None and size != found) + (found != state.replicas)
        self._at, self._short, self._state = at, short, state
        if short and demand is not None and state.replicas is not None:
            self._short_of(demand, state.replicas, at)
        if not self._times or self._states[-1] is not state or self._demand[-1] != demand:
            self._keep(at, state, demand)
            if len(self._times) > POINTS:
                self._coarsen()

    def _short_of(self, demand: int, replicas: int, at: float) -> None:
        if self._worst is None or demand - replicas > self._worst.demand - self._worst.replicas:
            self._worst = Worst(self._target, at, demand, replicas)

    def track(self, patience: float) -> Track:
        """All of it; what stood last is taken to have stood for `patience` more seconds, which do not count."""
        end = (self._at or 0.0) + patience
        return Track(
            target=self._target,
            summary=self.summary(),
            end=end,
            times=self._times,
            replicas=[each.replicas for each in self._states],
            demand=self._demand,
            lower=[each.lower for each in self._states],
            upper=[each.upper for each in self._states],
        )

    def fork(self) -> Trace:
        """One that was the same so far, and goes on by itself."""
        found = copy(self)
        found._times, found._states, found._demand = [*self._times], [*self._states], [*self._demand]
        return found

    def summary(self) -> Summary:
        """The sums so far."""
        return Summary(
            pod_hours=self._pod_seconds / 3600,
            changes=self._changes,
            minutes_under_target=self._short_seconds / 60,
            worst=self._worst,
        )

    def _keep(self, at: float, state: State, demand: int | None) -> None:
        """One more point if something changed; a higher demand of the last one, where only that did within the span."""
        times, states, demands = self._times, self._states, self._demand
        if times and (states[-1] is state or states[-1] == state):
            last = demands[-1]
            if last == demand:
                return
            if last is not None and demand is not None and at - times[-1] < self._span:
                if demand > last:
                    demands[-1] = demand
                return
        times.append(at)
        states.append(state)
        demands.append(demand)

    def _coarsen(self) -> None:
        while len(self._times) > POINTS and self._span <= 3600 * 24:
            self._span = max(FINEST, 2 * self._span)
            points = zip(self._times, self._states, self._demand, strict=True)
            self._times, self._states, self._demand = [], [], []
            for at, state, demand in points:
                self._keep(at, state, demand)


def total(summaries: list[Summary]) -> Summary:
    """The sums over several targets."""
    worst = [each.worst for each in summaries if each.worst]
    return Summary(
        pod_hours=sum(each.pod_hours for each in summaries),
        changes=sum(each.changes for each in summaries),
        minutes_under_target=sum(each.minutes_under_target for each in summaries),
        worst=max(worst, key=lambda each: (each.demand - each.replicas, -each.time), default=None),
    )
