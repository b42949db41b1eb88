"""The record of one target, decided again: every evaluation as it was recorded, and under each other policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoscaler.core.lane import Lane, Tally, Turn
from autoscaler.core.leaders import Leaders
from autoscaler.core.leaps import LEAP, Held, Leaps
from autoscaler.core.recollection import unanswerable
from autoscaler.core.rerun import Met, Rerun, Usages, usages_of
from autoscaler.core.shortfall import Shortfall
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
FORERUN = "its time is ahead of that of the record after it: a clock was wrong"
PATIENCE = 300.0
"""Seconds for which an evaluation is taken to hold; own sync periods longer than a quarter of it make it longer."""


class Strand:
    """`specs` are the policies to try, None for one that is not for this target.

    Records that were begun outside of `since` to `until` are left out. What was taken is there after `end`.
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
        self.missing, self.uncounted = Shortfall(target), Shortfall(target)
        self.untried = [Shortfall(target) for _ in specs]
        self.patience = PATIENCE
        self._beside: list[Trace | None] = [None for _ in specs]
        self._expected: int | None = None
        self._lanes: dict[int, Lane] = {}
        self._led = self._reached = float("-inf")
        self._leaps = Leaps()
        self._written: set[str] = set()
        self._leaders = Leaders()
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
        if start > self._reached + LEAP or self._leaps.waiting:
            self._wait(Held(epoch=epoch, start=start, turn=turn, decision=decision))
        else:
            self._settle(decision, start, turn)

    def pass_over(self, epoch: int, seq: int, at: float, why: str, *, shed: int = 0) -> None:
        """A record in the place of the next one that nobody can read: its evaluations, one at least, are not known."""
        turn = self._lane(epoch).take(seq, shed, at)
        if turn is not Turn.AGAIN:
            self._wait(Held(epoch=epoch, start=at, turn=turn, why=why))

    def end(self) -> None:
        """Nothing follows: what waited to be confirmed is so."""
        for each in self._leaps.rest():
            self._go_on(each)

    def _wait(self, one: Held) -> None:
        taken = self._leaps.take(one, self._reached)
        for each in taken.ahead:
            self._set_apart(each, one.start)
        for each in taken.due:
            self._go_on(each)

    def _go_on(self, one: Held) -> None:
        if one.decision is not None:
            self._settle(one.decision, one.start, one.turn)
            return
        self._reached = max(self._reached, one.start)
        if self._unread(one, one.start):
            self._skip(one.why, one.start, 1)

    def _set_apart(self, one: Held, before: float) -> None:
        """It was made some time before the moment that is given, whatever it says."""
        if one.decision is not None:
            self._judge_alone(one.decision, one.start, FORERUN, before)
            self._expect(one.decision)
        elif self._unread(one, before):
            self._leave_out(FORERUN, before, 1)

    def _unread(self, one: Held, at: float) -> bool:
        """Whether one evaluation more is missing."""
        counts = self._since <= at <= self._until
        if counts:
            self._count_in(1, at, at)
            self.missing.add(one.why, at, 1)
        return counts

    def _settle(self, decision: Decision, start: float, turn: Turn) -> None:
        if self._leaders.former(decision.leadership, start, self._led):
            self._judge_alone(decision, start, LATE)
            return
        if turn is Turn.LATE and start <= self._led:
            self._judge_alone(decision, start, UNORDERED)
            return
        led, self._led = self._led, max(self._led, start)
        if self._since <= start <= self._until:
            times, basis = self._times(decision, start), self._basis(decision)
            if basis is None:
                self._skip(self._miss(decision, start, len(times)), start, len(times))
            else:
                met, usages = self._rerun.met(decision, basis), usages_of(decision)
                self._judge(decision, met, times, usages)
                self._follow(decision, basis, met, times, usages)
                if start <= led:
                    self._leave_out(BEHIND, start, sum(each <= led for each in times))
        self._reached = max(self._reached, start + (decision.repeats[-1].after if decision.repeats else 0.0))
        self._expect(decision)

    def _expect(self, decision: Decision) -> None:
        if decision.current is not None:
            self._expected = decision.desired if decision.outcome is Outcome.WRITTEN else decision.current

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

    def _judge_alone(self, decision: Decision, start: float, why: str, at: float | None = None) -> None:
        """`at`: about when it was made, where its own time is wrong."""
        counts_at = start if at is None else at
        if self._since <= counts_at <= self._until:
            times = self._times(decision, start, at)
            basis = self._basis(decision)
            if basis is None:
                self._miss(decision, counts_at, len(times))
            else:
                self._judge(decision, self._rerun.met(decision, basis), times, usages_of(decision))
            self._leave_out(why, counts_at, len(times))

    def _leave_out(self, why: str, at: float, number: int) -> None:
        """Of all sums: a `Trace` goes forward in time only."""
        self.uncounted.add(why, at, number)
        for trial, untried in zip(self.trials, self.untried, strict=True):
            if trial is not None:
                untried.add(why, at, number)

    def _times(self, decision: Decision, start: float, at: float | None = None) -> list[float]:
        """Of its evaluations, which count from now on; `at` as above."""
        times = [start]
        if decision.repeats:
            times += [round(start + each.after, 6) for each in decision.repeats]
        self._count_in(len(times), start if at is None else at, times[-1] if at is None else at)
        return times

    def _count_in(self, number: int, first: float, last: float) -> None:
        self.evaluations += number
        self.first, self.last = min(self.first, first), max(self.last, last)

    def _basis(self, decision: Decision) -> Basis | None:
        """What to decide it from; None: it is `unanswerable`."""
        return None if decision.truncated and unanswerable(decision) else decision.basis

    def _miss(self, decision: Decision, at: float, number: int) -> str:
        why = unanswerable(decision)
        self.missing.add(why, at, number)
        return why

    def _skip(self, why: str, at: float, number: int) -> None:
        for place in range(len(self.trials)):
            self._skip_one(place, why, at, number)

    def _skip_one(self, place: int, why: str, at: float, number: int) -> None:
        """Of a time for which nothing can be said of a trial, nothing counts of the record beside it."""
        trial = self.trials[place]
        if trial is None:
            return
        self.untried[place].add(why, at, number)
        trial.skip(at, self.patience)
        beside = self._beside[place] or self.recorded.fork()
        beside.add(at, UNKNOWN, None, short=False, patience=self.patience)
        self._beside[place] = beside

    def beside(self, candidate: int) -> Summary:
        """The recorded sums of just the time for which something can be said of this candidate."""
        return (self._beside[candidate] or self.recorded).summary()

    def unanswerable(self) -> Iterator[Unanswerable]:
        """What could not be decided again."""
        return self.missing.told()

    def left_out(self) -> Iterator[Unanswerable]:
        """What was decided again and counts in none of the recorded run's sums."""
        return self.uncounted.told()

    def untold(self, candidate: int) -> Iterator[Unanswerable]:
        """The same of a candidate."""
        return self.untried[candidate].told()

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
        facts = Facts(decision, basis, met.proposals, met.carried, met.edition, moved)
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
            self.recorded.add(at, state, needed, short, patience, found=current)
            for each in forks:
                each.add(at, state, needed, short, patience, found=current)
            current = size


def _patience(basis: Basis) -> float:
    """Evaluations come once a sync period at least."""
    own = basis.spec.deviations.sync_period
    return max(PATIENCE, 4 * (basis.settings.sync_period if own is None else own))
