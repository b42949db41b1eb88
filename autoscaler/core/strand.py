"""The record of one target, decided again: every evaluation as it was recorded, and under each other policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core import rebuild
from autoscaler.core.course import course, largest, reason, seen
from autoscaler.core.evaluation import tolerance_of
from autoscaler.core.proposals import target_of, target_type
from autoscaler.core.recollection import mismatch, planned, policy_of, unanswerable
from autoscaler.core.repeats import expanded
from autoscaler.core.totals import Tolerance
from autoscaler.core.trace import UNKNOWN, State, Trace
from autoscaler.core.trial import Facts, Trial, demand, lines
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import parse_instant
from autoscaler.model.objects import Milli
from autoscaler.model.plan import Chosen, History, Limited, Proposal
from autoscaler.model.policy import MetricSpec, Mode, Policy
from autoscaler.model.whatif import Difference, Unanswerable

LISTED = 100
LATE = "the record came behind those of a later leader"
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
        self.untried: list[dict[str, Missing]] = [{} for _ in specs]
        self.patience = PATIENCE
        self._expected: int | None = None
        self._numbers: dict[int, int] = {}
        self._written: set[str] = set()
        self._leadership = 0
        self._basis: Basis | None = None
        self._policy: Policy | None = None
        self._tolerance = Tolerance(0.0, 0.0)

    def take(self, epoch: int, seq: int, decision: Decision) -> None:
        """The next record; one that was there before is passed over, also a write that the next leader tells again.

        Epochs are numbered each on its own (`audit.codec`). A former leader's record that comes behind one of its
        successor's is judged, but no candidate is led through it: the time is past.
        """
        if not self._new(epoch, seq) or decision.id in self._written:
            return
        if decision.outcome is Outcome.WRITTEN:
            self._written.add(decision.id)
        start = parse_instant(decision.time)
        if decision.leadership is not None and decision.leadership < self._leadership:
            self._late(decision, start)
            return
        self._leadership = decision.leadership or self._leadership
        if self._since <= start <= self._until:
            times = [start, *(round(start + each.after, 6) for each in decision.repeats)]
            self.first, self.last = min(self.first, start), max(self.last, times[-1])
            self._judge(decision, times)
            self._follow(decision, times)
        if decision.current is not None:
            self._expected = decision.desired if decision.outcome is Outcome.WRITTEN else decision.current

    def pass_over(self, epoch: int, seq: int, at: float, why: str) -> None:
        """A record in the place of the next one that nobody can read: its evaluations, one at least, are not known."""
        if not self._new(epoch, seq) or not self._since <= at <= self._until:
            return
        self.first, self.last = min(self.first, at), max(self.last, at)
        self.evaluations += 1
        _count(self.missing, why, at, 1)
        self._skip(why, at, 1)

    def _new(self, epoch: int, seq: int) -> bool:
        if seq <= self._numbers.get(epoch, 0):
            return False
        self._numbers[epoch] = seq
        return True

    def _late(self, decision: Decision, start: float) -> None:
        if self._since <= start <= self._until:
            times = [start, *(round(start + each.after, 6) for each in decision.repeats)]
            self.first, self.last = min(self.first, start), max(self.last, times[-1])
            self._judge(decision, times)
            for untried in self.untried:
                _count(untried, LATE, start, len(times))

    def _skip(self, why: str, at: float, number: int) -> None:
        for trial, untried in zip(self.trials, self.untried, strict=True):
            if trial is not None:
                _count(untried, why, at, number)
                trial.skip(at, self.patience)

    def unanswerable(self) -> Iterator[Unanswerable]:
        """What could not be decided again."""
        return (Unanswerable(self._target, each.first, each.count, why) for why, each in self.missing.items())

    def untold(self, candidate: int) -> Iterator[Unanswerable]:
        """The same of a candidate."""
        found = self.untried[candidate].items()
        return (Unanswerable(self._target, each.first, each.count, why) for why, each in found)

    # As it was recorded

    def _judge(self, decision: Decision, times: Sequence[float]) -> None:
        self.evaluations += len(times)
        if why := unanswerable(decision):
            _count(self.missing, why, times[0], len(times))
            return
        wrong = self._retraced(decision, times) if self._usual(decision) else self._replanned(decision)
        self.identical += len(times) - len(wrong)
        self.differing += len(wrong)
        self.differences += wrong[: LISTED - len(self.differences)]

    def _usual(self, decision: Decision) -> bool:
        """Whether every metric was answered and only windows, rates and bounds came after: then a short way does."""
        basis, shape = decision.basis, decision.stages
        if basis is None or decision.current is None or basis.claims or basis.unseen or basis.spec.deviations.pause:
            return False
        count, own = len(basis.spec.metrics), basis.spec
        return (
            decision.current > 0
            and len(shape) == count + 4
            and isinstance(shape[-2], Limited)
            and all(isinstance(each, Proposal) and each.usage is not None for each in shape[:count])
            and own.min_replicas <= decision.current <= own.max_replicas
        )

    def _retraced(self, decision: Decision, times: Sequence[float]) -> list[Difference]:
        """The short way: the same functions, without the words that the planner finds for them."""
        basis, current = decision.basis, decision.current
        if basis is None or current is None:
            return []
        policy = self._policy_of(decision, basis)
        found = [each for each in decision.stages if isinstance(each, Proposal)]
        chosen, stabilized, limited = decision.stages[len(found) : len(found) + 3]
        picked = (chosen.metric, chosen.replicas, chosen.failed) if isinstance(chosen, Chosen) else None
        numbers = [each.replicas for each in found]
        strange = any(map(self._strange, basis.spec.metrics, found))
        base = current if basis.period_start is None else basis.period_start
        history, wrong = seen(basis.history, current, times[0]), []
        for number, at in enumerate(times):
            usages = decision.repeats[number - 1].usage if number else [each.usage for each in found]
            asks = [rebuild.asked(each, current, usage=usage) for each, usage in zip(found, usages, strict=True)]
            place = largest(asks)
            if strange or place is None or asks != numbers:
                wrong.append(Difference(self._target, at, decision.desired, None, "at the step proposal"))
                continue
            way = course(
                policy,
                basis.settings,
                current=current,
                asked=asks[place] or 0,
                history=history,
                now=at,
                period_start=base,
            )
            history = way.history
            if picked != (found[place].label, asks[place], 0):
                why = "at the step chosen"
            elif way.stabilized != stabilized:
                why = "at the step stabilized"
            elif way.limited != limited:
                why = "at the step limited"
            elif way.desired != decision.desired:
                why = "in the number"
            elif reason(way, current) != decision.reason:
                why = "in the reason"
            else:
                continue
            wrong.append(Difference(self._target, at, decision.desired, way.desired, why))
        return wrong

    def _strange(self, spec: MetricSpec, proposal: Proposal) -> bool:
        """Whether the proposal is not of this metric, target and tolerance."""
        return (proposal.type, proposal.name, proposal.target, proposal.target_type) != (
            spec.type, spec.name, target_of(spec), target_type(spec),
        ) or (proposal.tolerance_down, proposal.tolerance_up) != (self._tolerance.down, self._tolerance.up)  # fmt: skip

    def _policy_of(self, decision: Decision, basis: Basis) -> Policy:
        known = self._basis
        if self._policy is None or known is None or (basis.spec, basis.settings) != (known.spec, known.settings):
            self._policy = policy_of(decision, basis.spec)
            self._tolerance = tolerance_of(self._policy, basis.settings)
            self.patience = _patience(basis)
        self._basis = basis
        return self._policy

    def _replanned(self, decision: Decision) -> list[Difference]:
        """The whole planner, one evaluation after the other."""
        wrong: list[Difference] = []
        history: History | None = None
        for each in expanded(decision):
            if history is not None and each.basis is not None:
                each = replace(each, basis=replace(each.basis, history=history))  # noqa: PLW2901 - with what came before
            plan = planned(each)
            history = plan.history
            if why := mismatch(each, plan):
                wrong.append(Difference(self._target, parse_instant(each.time), each.desired, plan.desired, why))
        return wrong

    # As it was, and as it would have been

    def _follow(self, decision: Decision, times: Sequence[float]) -> None:
        basis, current = decision.basis, decision.current
        found = tuple(stage for stage in decision.stages if isinstance(stage, Proposal))
        usages = [tuple(each.usage for each in found), *(each.usage for each in decision.repeats)]
        if basis is None or set(decision.truncated) - {"pods"}:
            self._skip(unanswerable(decision), times[0], len(times))
            return
        self._policy_of(decision, basis)
        self._trace(decision, basis, found, usages, times)
        moved = (
            basis.spec.mode is Mode.ENFORCE
            and self._expected is not None
            and current is not None
            and current != self._expected
        )
        facts = Facts(decision, basis, found, moved)
        for trial, untried in zip(self.trials, self.untried, strict=True):
            if trial is None:
                continue
            if why := trial.begin(facts):
                _count(untried, why, times[0], len(times))
                trial.skip(times[0], self.patience)
                continue
            for at, usage in zip(times, usages, strict=True):
                trial.step(at, usage, self.patience)

    def _trace(
        self,
        decision: Decision,
        basis: Basis,
        found: Sequence[Proposal],
        usages: Sequence[Sequence[Milli | None]],
        times: Sequence[float],
    ) -> None:
        spec, current = basis.spec, decision.current
        if current is None:
            self.recorded.add(times[0], UNKNOWN, short=False, patience=self.patience)
            return
        size = decision.desired if decision.outcome is Outcome.WRITTEN else current
        known = lines(spec, range(len(spec.metrics)), found)
        for at, usage in zip(times, usages, strict=True):
            needed, short = demand(known, usage, size, self._tolerance)
            self.recorded.add(
                at, State(size, needed, spec.min_replicas, spec.max_replicas), short=short, patience=self.patience
            )


def _patience(basis: Basis) -> float:
    """Evaluations come once a sync period at least."""
    own = basis.spec.deviations.sync_period
    return max(PATIENCE, 4 * (basis.settings.sync_period if own is None else own))


def _count(counted: dict[str, Missing], why: str, at: float, number: int) -> None:
    counted.setdefault(why, Missing(at)).count += number
