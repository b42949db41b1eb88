"""The record of one target, decided again: every evaluation as it was recorded, and under each other policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from autoscaler.core.lane import Lane, Tally, Turn
from autoscaler.core.recollection import unanswerable
from autoscaler.core.rerun import Met, Rerun, Usages, usages_of
from autoscaler.core.trace import UNKNOWN, State, Trace
from autoscaler.core.trial import Facts, Trial, demand
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import parse_instant
from autoscaler.model.policy import Mode
from autoscaler.model.whatif import Difference, Summary, Unanswerable

LISTED = 100
LATE = "the record came behind those of a later leader"
UNORDERED = "the record came behind later ones of its target"
SIZELESS = "the record has no size of the target"
BEHIND = "its time is not after that of the evaluation before"
AHEAD = 1440
"""Minutes by which a leadership's number may be ahead of the time (`codec.place`) and still outdo a later record."""
PATIENCE = 300.0
"""Seconds for which an evaluation is taken to hold; own sync periods longer than a quarter of it make it longer."""


class Missing(Struct):
    """Evaluations of one reason that could not be made again."""

    first: float
    count: int = 0


class Strand:
    """`specs` are the policies to try, None for one that is not for this target.

    Records that were begun outside of `since` to `until` are left out.
    """

    def __init__(
        self, target: str, specs: Sequence[Spec | None], *, ready_after: float, since: float, until: float
    ) -> None:
        self._target, self._since, self._until = target, since, until
        self.recorded = Trace(target)
        self.trials = [None if spec is None else Trial(target, spec, ready_after) for spec in specs]
        self.evaluations = self.identical = self.differing = 0
        self.first, self.last = float("inf"), float("-inf")
        self.differences: list[Difference] = []
        self.missing: dict[str, Missing] = {}
        self.uncounted: dict[str, Missing] = {}
        self.untried: list[dict[str, Missing]] = [{} for _ in specs]
        self.patience = PATIENCE
        self._beside: list[Trace | None] = [None for _ in specs]
        self._expected: int | None = None
        self._lanes: dict[int, Lane] = {}
        self._led = float("-inf")
        self._written: set[str] = set()
        self._leadership = 0
        self._rerun = Rerun(target)
        self._edition, self._state = -1, UNKNOWN

    def take(self, epoch: int, seq: int, decision: Decision, *, at: float | None = None, shed: int = 0) -> None:
        """The next record; one that was there before is passed over, also a write that the next leader tells again.

        `at` is its time, from whoever has worked it out.

        Epochs are numbered each on its own (`audit.codec`). A record that comes behind later ones, of a former leader
        or out of order, is judged, but no candidate is led through it: the time is past.
        """
        start = parse_instant(decision.time) if at is None else at
        turn = self._lane(epoch).take(seq, shed, start)
        if turn is Turn.AGAIN or decision.id in self._written:
            return
        if decision.outcome is Outcome.WRITTEN:
            self._written.add(decision.id)
        if self._former(decision, start):
            self._judge_alone(decision, start, LATE)
            return
        if turn is Turn.LATE and start <= self._led:
            self._judge_alone(decision, start, UNORDERED)
            return
        led, self._led = self._led, max(self._led, start)
        if self._since <= start <= self._until:
            times, basis = self._times(decision, start), self._basis(decision)
            if basis is None:
                self._skip(self._miss(decision, times), start, len(times))
            else:
                met, usages = self._rerun.met(decision, basis), usages_of(decision)
                self._judge(decision, met, times, usages)
                self._follow(decision, basis, met, times, usages)
                if start <= led:
                    self._leave_out(BEHIND, start, sum(each <= led for each in times))
        if decision.current is not None:
            self._expected = decision.desired if decision.outcome is Outcome.WRITTEN else decision.current

    def pass_over(self, epoch: int, seq: int, at: float, why: str, *, shed: int = 0) -> None:
        """A record in the place of the next one that nobody can read: its evaluations, one at least, are not known."""
        if self._lane(epoch).take(seq, shed, at) is Turn.AGAIN or not self._since <= at <= self._until:
            return
        self.first, self.last = min(self.first, at), max(self.last, at)
        self.evaluations += 1
        _count(self.missing, why, at, 1)
        self._skip(why, at, 1)

    @property
    def tally(self) -> Tally:
        """What the numbers of the records say, over all epochs."""
        found = Tally()
        for each in self._lanes.values():
            found.add(each.tally)
        return found

    def _lane(self, epoch: int) -> Lane:
        lane = self._lanes.get(epoch)
        if lane is None:
            lane = self._lanes[epoch] = Lane(self._since, self._until)
        return lane

    def _former(self, decision: Decision, start: float) -> bool:
        """Whether a later leader's records came before.

        By its number; beside one that no leader can have had yet, by its time.
        """
        leadership, latest = decision.leadership, self._leadership
        if leadership is None:
            return False
        if leadership < latest and (start <= self._led or latest <= start / 60 + AHEAD):
            return True
        self._leadership = leadership
        return False

    def _judge_alone(self, decision: Decision, start: float, why: str) -> None:
        if self._since <= start <= self._until:
            times = self._times(decision, start)
            basis = self._basis(decision)
            if basis is None:
                self._miss(decision, times)
            else:
                self._judge(decision, self._rerun.met(decision, basis), times, usages_of(decision))
            self._leave_out(why, start, len(times))

    def _leave_out(self, why: str, at: float, number: int) -> None:
        """Of all sums: a `Trace` goes forward in time only."""
        _count(self.uncounted, why, at, number)
        for trial, untried in zip(self.trials, self.untried, strict=True):
            if trial is not None:
                _count(untried, why, at, number)

    def _times(self, decision: Decision, start: float) -> list[float]:
        """Of its evaluations, which count from now on."""
        times = [start]
        if decision.repeats:
            times += [round(start + each.after, 6) for each in decision.repeats]
        self.evaluations += len(times)
        self.first, self.last = min(self.first, start), max(self.last, times[-1])
        return times

    def _basis(self, decision: Decision) -> Basis | None:
        """What to decide it from; None: it is `unanswerable`."""
        return None if decision.truncated and unanswerable(decision) else decision.basis

    def _miss(self, decision: Decision, times: Sequence[float]) -> str:
        why = unanswerable(decision)
        _count(self.missing, why, times[0], len(times))
        return why

    def _skip(self, why: str, at: float, number: int) -> None:
        for place in range(len(self.trials)):
            self._skip_one(place, why, at, number)

    def _skip_one(self, place: int, why: str, at: float, number: int) -> None:
        """Of a time for which nothing can be said of a trial, nothing counts of the record beside it."""
        trial = self.trials[place]
        if trial is None:
            return
        _count(self.untried[place], why, at, number)
        trial.skip(at, self.patience)
        beside = self._beside[place] or self.recorded.fork()
        beside.add(at, UNKNOWN, None, short=False, patience=self.patience)
        self._beside[place] = beside

    def beside(self, candidate: int) -> Summary:
        """The recorded sums of just the time for which something can be said of this candidate."""
        return (self._beside[candidate] or self.recorded).summary()

    def unanswerable(self) -> Iterator[Unanswerable]:
        """What could not be decided again."""
        return (Unanswerable(self._target, each.first, each.count, why) for why, each in self.missing.items())

    def left_out(self) -> Iterator[Unanswerable]:
        """What was decided again and counts in none of the recorded run's sums."""
        return (Unanswerable(self._target, each.first, each.count, why) for why, each in self.uncounted.items())

    def untold(self, candidate: int) -> Iterator[Unanswerable]:
        """The same of a candidate."""
        found = self.untried[candidate].items()
        return (Unanswerable(self._target, each.first, each.count, why) for why, each in found)

    # As it was recorded

    def _judge(self, decision: Decision, met: Met, times: Sequence[float], usages: Sequence[Usages]) -> None:
        wrong = self._rerun.differences(decision, met, times, usages)
        self.identical += len(times) - len(wrong)
        if wrong:
            self.differing += len(wrong)
            self.differences += wrong[: LISTED - len(self.differences)]

    # As it was, and as it would have been

    def _follow(
        self, decision: Decision, basis: Basis, met: Met, times: Sequence[float], usages: Sequence[Usages]
    ) -> None:
        if met.edition != self._edition:
            self._edition, self.patience = met.edition, _patience(basis)
        if not self.trials:
            self._trace(decision, met, times, usages, ())
            return
        current, patience = decision.current, self.patience
        moved = (
            basis.spec.mode is Mode.ENFORCE
            and self._expected is not None
            and current is not None
            and current != self._expected
        )
        facts = Facts(decision, basis, met.proposals, met.edition, moved)
        forks: list[Trace] = []
        for place, trial in enumerate(self.trials):
            if trial is None:
                continue
            if why := trial.begin(facts) or ("" if current is not None else SIZELESS):
                self._skip_one(place, why, times[0], len(times))
                continue
            for at, usage in zip(times, usages, strict=True):
                trial.step(at, usage, patience)
            if beside := self._beside[place]:
                forks.append(beside)
        self._trace(decision, met, times, usages, forks)

    def _trace(
        self, decision: Decision, met: Met, times: Sequence[float], usages: Sequence[Usages], forks: Sequence[Trace]
    ) -> None:
        """`forks` are the records beside those candidates that are known of now, where they differ from all of it."""
        spec, current, patience = met.policy, decision.current, self.patience
        if current is None:
            self.recorded.add(times[0], UNKNOWN, None, short=False, patience=patience)
            return
        size, state = decision.desired if decision.outcome is Outcome.WRITTEN else current, self._state
        if state.replicas != size or state.lower != spec.min_replicas or state.upper != spec.max_replicas:
            state = self._state = State(size, spec.min_replicas, spec.max_replicas)
        for at, usage in zip(times, usages, strict=True):
            needed, short = demand(met.lines, usage, size, met.tolerance)
            self.recorded.add(at, state, needed, short, patience)
            for each in forks:
                each.add(at, state, needed, short, patience)


def _patience(basis: Basis) -> float:
    """Evaluations come once a sync period at least."""
    own = basis.spec.deviations.sync_period
    return max(PATIENCE, 4 * (basis.settings.sync_period if own is None else own))


def _count(counted: dict[str, Missing], why: str, at: float, number: int) -> None:
    counted.setdefault(why, Missing(at)).count += number
