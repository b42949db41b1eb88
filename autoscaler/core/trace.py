"""One target through time, as points: kept where something changes, and summed up as it goes."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.model.whatif import Summary, Track, Worst

POINTS = 8192
"""With more than these a trace tells the demand more coarsely: the highest of each span, which doubles as it must."""
FINEST = 15.0


class State(Struct, frozen=True, array_like=True):
    """What stands from a time on; `need` is the demand in replicas before it is rounded up, None: not known."""

    replicas: int | None
    demand: int | None
    lower: int | None
    upper: int | None


UNKNOWN = State(None, None, None, None)


class Trace:
    """`target` is its name. Evaluations come in the order of their times."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._times: list[float] = []
        self._states: list[State] = []
        self._span = 0.0
        self._at: float | None = None
        self._short = False
        self._pod_seconds = self._short_seconds = 0.0
        self._changes = 0
        self._worst: Worst | None = None

    def add(self, at: float, state: State, short: bool, patience: float) -> None:
        """What stands from `at` on, and whether it is `short` of replicas beyond the tolerance.

        What stood before counts until now, but for `patience` seconds at most: then nothing is known of what was.
        """
        begun = self._at
        if begun is not None:
            if at <= begun:
                return
            limit, before = begun + patience, self._states[-1].replicas
            lasted = (limit if at > limit else at) - begun
            if before is not None:
                self._pod_seconds += before * lasted
                if self._short:
                    self._short_seconds += lasted
            if at > limit:
                self._keep(limit, UNKNOWN)
            elif before is not None and state.replicas is not None and before != state.replicas:
                self._changes += 1
        self._at, self._short = at, short
        if short and state.demand is not None and state.replicas is not None:
            missing = state.demand - state.replicas
            if self._worst is None or missing > self._worst.demand - self._worst.replicas:
                self._worst = Worst(self._target, at, state.demand, state.replicas)
        if begun is None or self._states[-1] != state:
            self._keep(at, state)

    def track(self, patience: float) -> Track:
        """All of it; what stood last is taken to have stood for `patience` more seconds, which do not count."""
        end = (self._at or 0.0) + patience
        return Track(
            target=self._target,
            summary=self.summary(),
            end=end,
            times=self._times,
            replicas=[each.replicas for each in self._states],
            demand=[each.demand for each in self._states],
            lower=[each.lower for each in self._states],
            upper=[each.upper for each in self._states],
        )

    def summary(self) -> Summary:
        """The sums so far."""
        return Summary(
            pod_hours=self._pod_seconds / 3600,
            changes=self._changes,
            minutes_under_target=self._short_seconds / 60,
            worst=self._worst,
        )

    def _keep(self, at: float, state: State) -> None:
        if self._states and self._states[-1] == state:
            return
        self._append(self._times, self._states, at, state)
        while len(self._times) > POINTS:
            self._span = max(FINEST, 2 * self._span)
            times, states = self._times, self._states
            self._times, self._states = [], []
            for each, one in zip(times, states, strict=True):
                self._append(self._times, self._states, each, one)
            if self._span > 3600 * 24:
                return

    def _append(self, times: list[float], states: list[State], at: float, state: State) -> None:
        """One more point, or a higher demand of the last one, where only the demand changes within the span."""
        if states and at - times[-1] < self._span:
            last = states[-1]
            same = (last.replicas, last.lower, last.upper) == (state.replicas, state.lower, state.upper)
            if same and last.demand is not None and state.demand is not None:
                states[-1] = State(last.replicas, max(last.demand, state.demand), last.lower, last.upper)
                return
        times.append(at)
        states.append(state)


def total(summaries: list[Summary]) -> Summary:
    """The sums over several targets."""
    worst = [each.worst for each in summaries if each.worst]
    return Summary(
        pod_hours=sum(each.pod_hours for each in summaries),
        changes=sum(each.changes for each in summaries),
        minutes_under_target=sum(each.minutes_under_target for each in summaries),
        worst=max(worst, key=lambda each: (each.demand - each.replicas, -each.time), default=None),
    )
