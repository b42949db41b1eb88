"""One target under another policy: each recorded evaluation made anew, at the size that policy would have led to.

Every number is written the moment it is decided. Pods that it adds are not ready for a while, those that it takes away
are the newest. When somebody else set the size of an enforced target, the same happens here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core import planner, projection, proposals
from autoscaler.core.conditions import TO_ZERO
from autoscaler.core.course import largest
from autoscaler.core.evaluation import RESOURCE_TYPES, Evaluation, tolerance_of
from autoscaler.core.passage import Passage
from autoscaler.core.recollection import policy_of
from autoscaler.core.replicas import Answer
from autoscaler.core.requests import Failure
from autoscaler.core.stages import prepared
from autoscaler.core.startup import own_windows
from autoscaler.core.totals import Tolerance
from autoscaler.core.trace import UNKNOWN, State, Trace
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Decision
from autoscaler.model.objects import Milli, Scale
from autoscaler.model.plan import Proposal
from autoscaler.model.policy import Condition, ControllerSettings, MetricSpec, Policy

NO_METRICS = Failure("the record has no metrics of this time")
FIXED = {
    "owned_pods_only": "spec.ownedPodsOnly",
    "ignore_rollout_surge": "spec.ignoreRolloutSurge",
    "max_sample_age": "spec.maxSampleAge",
    "usage_window": "spec.usageWindow",
}
"""What decides which pods and samples are counted: the record has the sums of those that were."""
STARTING = {
    "cpu_initialization": "spec.cpuInitializationPeriod",
    "initial_readiness_delay": "spec.initialReadinessDelay",
}
"""The same for CPU."""


Lines = Sequence[tuple[int, projection.Line]]
"""By the place of the metric in the record."""


class Facts(Struct, frozen=True):
    """What a record tells of its evaluations, but for the usage."""

    decision: Decision
    basis: Basis
    proposals: tuple[Proposal, ...]
    """The same as of the record before, where they differ in nothing but the usage."""
    carried: Sequence[int]
    """On how many pods the load of each is (`projection.carriers`)."""
    edition: int
    """Another number when spec or settings are others than those of the record before."""
    moved: bool
    """Whether somebody else set the size since the evaluation before."""


class _Pass(NamedTuple):
    """One evaluation: the usage of each recorded metric, and the pods there are."""

    now: float
    usages: Sequence[Milli | None]
    size: int
    unready: int
    period_start: int


class Trial:
    """`ready_after` is for how many seconds a new pod is not ready."""

    def __init__(self, target: str, spec: Spec, ready_after: float) -> None:
        self._spec, self._ready_after = spec, ready_after
        self.trace = Trace(target)
        self._size: int | None = None
        self._current: int | None = None
        self._state = UNKNOWN
        self._passage: Passage | None = None
        self._usual = False
        self._zeroed = False
        self._departed = False
        self._growth: list[tuple[float, int]] = []
        self._period: tuple[float, int] = (float("-inf"), 0)
        self._sync_period = 0.0
        self._policy: Policy | None = None
        self._settings = ControllerSettings()
        self._tolerance = Tolerance(0.0, 0.0)
        self._fixed = ""
        self._unknown = ""
        self._lines: Lines = ()
        self._projections: Sequence[tuple[int, projection.Projection]] = ()
        self._facts: Facts | None = None
        self._matched: list[tuple[int, str]] = []

    def begin(self, facts: Facts) -> str:
        """Take up a record; why its evaluations cannot be made anew, "" when they can."""
        before, self._facts = self._facts, facts
        fresh = before is None or before.edition != facts.edition
        if fresh:
            self._policy, self._settings = policy_of(facts.decision, self._spec), facts.basis.settings
            self._matched = [_place(spec, facts.basis.spec) for spec in self._spec.metrics]
            self._tolerance = tolerance_of(self._policy, self._settings)
            self._fixed = self._difference(facts)
            own = self._spec.deviations.sync_period
            self._sync_period = self._settings.sync_period if own is None else own
            history = self._passage.history if self._passage else facts.basis.history
            self._passage = Passage(self._policy, self._settings, history)
        if fresh or before is None or before.proposals is not facts.proposals:
            self._unknown = self._fixed or self._projected(facts)
        current = self._current = facts.decision.current
        if self._size is None and current is not None:
            self._size, self._zeroed = current, facts.basis.zeroed
            if self._passage:
                self._passage.history = facts.basis.history
        elif facts.moved and current is not None:
            self._resize(current, 0.0)
        self._usual = self._usable(facts)
        return self._unknown

    def _usable(self, facts: Facts) -> bool:
        """Whether the short way does, where every metric has a number."""
        basis, spec = facts.basis, self._spec
        paused = spec.deviations.pause or basis.claims or basis.unseen
        return not paused and spec.min_replicas > 0 and bool(facts.proposals)

    def _projected(self, facts: Facts) -> str:
        """Every metric as these sums have it; else why there is one that they have not got."""
        for (place, missing), spec in zip(self._matched, self._spec.metrics, strict=True):
            if place < 0:
                return missing
            if facts.proposals and (lost := projection.unknown(spec, facts.proposals[place])):
                return f"{proposals.label(spec)}: {lost}"
        self._lines = lines(self._spec, [place for place, _ in self._matched], facts.proposals, facts.carried)
        if facts.proposals:
            self._projections = [
                (place, projection.Projection(spec, facts.proposals[place], self._tolerance))
                for (place, _), spec in zip(self._matched, self._spec.metrics, strict=True)
            ]
        return ""

    def skip(self, now: float, patience: float) -> None:
        """Nothing can be said of this time."""
        self.trace.add(now, UNKNOWN, None, short=False, patience=patience)

    def step(self, now: float, usages: Sequence[Milli | None], patience: float) -> int | None:
        """One evaluation at `now`, with the usage of each recorded metric; the size from then on."""
        size, facts, policy, passage = self._size, self._facts, self._policy, self._passage
        if size is None or facts is None or policy is None or passage is None:
            self.skip(now, patience)
            return None
        unready = self._unready(now, size) if self._growth else 0
        if self._current != size:
            self._departed = True
        elif self._departed and not unready:
            self._departed = False
        if now - self._period[0] >= self._sync_period:
            self._period = (now, size)
        start, asked = self._period[1], None
        if self._usual and policy.min_replicas <= size <= policy.max_replicas:
            asked = self._asked(usages, size, unready)
        if asked is None:
            desired = self._planned(policy, facts, passage, _Pass(now, usages, size, unready, start))
        else:
            desired = passage.desired(asked, size, now, start)
        if desired != size:
            passage.written(size, desired, now)
            self._zeroed = desired == 0
            self._resize(desired, now)
        if desired != self._state.replicas:
            self._state = State(desired, policy.min_replicas, policy.max_replicas)
        needed, short = demand(self._lines, usages, desired, self._tolerance)
        self.trace.add(now, self._state, needed, short, patience, found=size)
        return desired

    def _planned(self, policy: Policy, facts: Facts, passage: Passage, this: _Pass) -> int:
        """The whole planner, for all that is not usual."""
        decision, basis = facts.decision, facts.basis
        went = Condition(type=TO_ZERO, status="True", reason="ScaledToZero", message="")
        evaluation = Evaluation(
            policy=replace(policy, conditions=(went,) if self._zeroed else ()),
            scale=Scale(
                namespace=decision.namespace,
                name=decision.target.name,
                replicas=this.size,
                observed=this.size,
                selector=basis.selector,
            ),
            history=passage.history,
            now=this.now,
            settings=self._settings,
            period_start_replicas=this.period_start,
            claims=basis.claims,
            unseen=basis.unseen,
        )

        def measured(seen_as: Evaluation, _: Scale) -> list[proposals.Asked]:
            asks = self._asks(this.usages, this.size, this.unready) if facts.proposals else [None] * len(policy.metrics)
            return [
                proposals.told(spec, seen_as.tolerance, _answer(asked))
                for spec, asked in zip(policy.metrics, asks, strict=True)
            ]

        plan = planner.decided(prepared(evaluation, (own_windows,)), measured)
        passage.history = plan.history
        return plan.desired

    def _asked(self, usages: Sequence[Milli | None], size: int, unready: int) -> int | None:
        """What wins, None when a metric has no number."""
        if len(self._projections) == 1:
            place, metric = self._projections[0]
            usage = usages[place]
            return None if usage is None else metric.asked(usage, size, unready, not self._departed)
        asks = self._asks(usages, size, unready)
        winner = None if None in asks else largest(asks)
        return None if winner is None else asks[winner]

    def _asks(self, usages: Sequence[Milli | None], size: int, unready: int) -> list[int | None]:
        """What each metric asks for; None: the record has none of this time."""
        recorded = not self._departed
        return [
            None if (usage := usages[place]) is None else metric.asked(usage, size, unready, recorded)
            for place, metric in self._projections
        ]

    def _resize(self, size: int, now: float) -> None:
        """The newest pods go first."""
        before, self._size = self._size or 0, size
        if size > before and now:
            self._growth.append((now, size - before))
        gone = before - size
        while gone > 0 and self._growth:
            at, added = self._growth.pop()
            if added > gone:
                self._growth.append((at, added - gone))
            gone -= added

    def _unready(self, now: float, size: int) -> int:
        self._growth = [each for each in self._growth if now - each[0] < self._ready_after]
        return min(size, sum(added for _, added in self._growth))

    def _difference(self, facts: Facts) -> str:
        """Why the sums of the record are not those that this policy would have had."""
        ours, theirs, settings = self._spec.deviations, facts.basis.spec.deviations, facts.basis.settings
        for name, field in FIXED.items():
            if getattr(ours, name) != getattr(theirs, name):
                return f"{field}: the record counted pods and samples by another one"
        if any(spec.name == "cpu" and spec.type in RESOURCE_TYPES for spec in self._spec.metrics):
            for name, field in STARTING.items():
                own: tuple[float | None, ...] = (getattr(ours, name), getattr(theirs, name))
                if len({getattr(settings, name) if each is None else each for each in own}) > 1:
                    return f"{field}: the record counted starting pods by another one"
        return ""


def lines(spec: Spec, places: Iterable[int], found: Sequence[Proposal], carried: Sequence[int]) -> Lines:
    """How many replicas the load takes, for each recorded metric whose place it is; of `found`, what was answered."""
    known = []
    for metric, place in zip(spec.metrics, places, strict=True):
        line = projection.need(metric, found[place], carried[place]) if place < len(found) else None
        if line is not None:
            known.append((place, line))
    return known


def demand(known: Lines, usages: Sequence[Milli | None], size: int, tolerance: Tolerance) -> tuple[int | None, bool]:
    """How many replicas the load takes, None when nothing tells, and whether `size` is too few beyond the tolerance."""
    most: float | None = None
    for place, (slope, base) in known:
        usage = usages[place]
        if usage is not None:
            each = base + slope * usage
            if most is None or each > most:
                most = each
    return (None, False) if most is None else (projection.rounded(most), most > size * (1.0 + tolerance.up))


def _place(spec: MetricSpec, recorded: Spec) -> tuple[int, str]:
    """Where among the recorded metrics it is, else -1 and what to say."""
    for place, each in enumerate(recorded.metrics):
        if projection.matches(spec, each):
            return place, ""
    have = ", ".join(proposals.label(each) for each in recorded.metrics)
    return -1, f"{proposals.label(spec)} was not recorded, only {have}"


def _answer(number: int | None) -> Answer | Failure:
    nothing = Milli(0)
    if number is None:
        return NO_METRICS
    return Answer(replicas=number, current=0, average=nothing, usage=nothing, ratio=0.0, why="")
