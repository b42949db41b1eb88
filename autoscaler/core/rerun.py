"""One target's evaluations, decided again by the policy that they were recorded with.

A usual evaluation goes a short way: the planner's functions without the words that it finds for them. What stays the
same from one to the next is not worked out again.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core import behavior, rebuild
from autoscaler.core.course import Course, course, largest, reason, seen
from autoscaler.core.evaluation import tolerance_of
from autoscaler.core.proposals import target_of, target_type
from autoscaler.core.recollection import mismatch, planned, policy_of
from autoscaler.core.repeats import expanded
from autoscaler.core.totals import Tolerance, Totals
from autoscaler.core.trial import Lines, lines
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Decision
from autoscaler.model.instant import parse_instant
from autoscaler.model.objects import Milli
from autoscaler.model.plan import Chosen, History, Limited, Proposal
from autoscaler.model.policy import Policy
from autoscaler.model.whatif import Difference

Usages = tuple[Milli | None, ...]


class Met(Struct, frozen=True, kw_only=True):
    """What a record has but for the usage, and what follows from that; the same object for records that are alike."""

    edition: int
    """Another number when spec or settings are others than those of the record before."""
    basis: Basis
    policy: Policy
    tolerance: Tolerance
    proposals: tuple[Proposal, ...]
    sums: tuple[Totals, ...]
    lines: Lines
    strange: bool
    """Whether a proposal is not of the policy's metric, target and tolerance."""


def proposals_of(decision: Decision) -> tuple[Proposal, ...]:
    """What each metric came to."""
    return tuple([stage for stage in decision.stages if type(stage) is Proposal])


def usages_of(decision: Decision) -> list[Usages]:
    """The usage of each metric, evaluation by evaluation."""
    first = tuple([stage.usage for stage in decision.stages if type(stage) is Proposal])
    return [first, *[each.usage for each in decision.repeats]] if decision.repeats else [first]


def usual(decision: Decision) -> bool:
    """Whether every metric was answered and only windows, rates and bounds came after: then the short way does."""
    basis, shape, current = decision.basis, decision.stages, decision.current
    if not basis or not current or basis.claims or basis.unseen or basis.spec.deviations.pause:
        return False
    own, count = basis.spec, len(basis.spec.metrics)
    if not (current > 0 and own.min_replicas <= current <= own.max_replicas and len(shape) == count + 4):
        return False
    for each in shape[:count]:
        if type(each) is not Proposal or each.usage is None:
            return False
    return type(shape[-2]) is Limited


class Rerun:
    """Takes the records of the target of this name, in their order."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._met: Met | None = None
        self._decision: Decision | None = None

    def met(self, decision: Decision, basis: Basis) -> Met:
        """What the record has."""
        met, before = self._met, self._decision
        if met and decision is before:
            return met
        found, self._decision = proposals_of(decision), decision
        if met is None or basis.spec != met.basis.spec or basis.settings != met.basis.settings:
            policy = policy_of(decision, basis.spec)
            edition, tolerance = met.edition + 1 if met else 0, tolerance_of(policy, basis.settings)
        elif len(found) == len(met.proposals) and all(map(rebuild.alike, found, met.proposals)):
            return met
        else:
            policy, edition, tolerance = met.policy, met.edition, met.tolerance
        self._met = Met(
            edition=edition,
            basis=basis,
            policy=policy,
            tolerance=tolerance,
            proposals=found,
            sums=tuple(rebuild.totals_of(each, 0) for each in found),
            lines=lines(basis.spec, range(len(basis.spec.metrics)), found),
            strange=_strange(basis.spec, found, tolerance),
        )
        return self._met

    def differences(self, decision: Decision, met: Met, times: Sequence[float]) -> list[Difference]:
        """The evaluations at these times that come out otherwise; the record is not `unanswerable`."""
        return self._retraced(decision, met, times) if usual(decision) else self._replanned(decision)

    def _retraced(self, decision: Decision, met: Met, times: Sequence[float]) -> list[Difference]:
        """The short way."""
        basis, current = decision.basis, decision.current
        if basis is None or current is None:
            return []
        found = proposals_of(decision)
        chosen, stabilized, limited = decision.stages[len(found) : len(found) + 3]
        picked = (chosen.metric, chosen.replicas, chosen.failed) if isinstance(chosen, Chosen) else None
        numbers = [each.replicas for each in found]
        base = current if basis.period_start is None else basis.period_start
        history, wrong = seen(basis.history, current, times[0]), list[Difference]()
        before: Course | None = None
        for at, usages in zip(times, usages_of(decision), strict=True):
            asks = [
                rebuild.asked(each, current, usage=usage, sums=sums)
                for each, usage, sums in zip(found, usages, met.sums, strict=True)
            ]
            place = largest(asks)
            if met.strange or place is None or asks != numbers:
                wrong.append(Difference(self._target, at, decision.desired, None, "at the step proposal"))
                continue
            if before is not None and _stands(before, at) and ascending(times):
                continue
            way = course(
                met.policy,
                basis.settings,
                current=current,
                asked=asks[place] or 0,
                history=history,
                now=at,
                period_start=base,
            )
            history, before = way.history, None
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
                before = way
                continue
            wrong.append(Difference(self._target, at, decision.desired, way.desired, why))
        return wrong

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


def ascending(times: Sequence[float]) -> bool:
    """Whether time only goes forward."""
    return len(times) < 3 or list(times) == sorted(times)


def _stands(before: Course, at: float) -> bool:
    """Whether the same ask at the same size comes to the same `at` that later time; False: perhaps.

    Recommendations and changes only leave a window as time goes by, and one that is equal to the ask outdoes nothing.
    So what held the number holds it while it is in its window, and where nothing did nothing will; a rate limit stands
    where it does not depend on what was changed before.
    """
    held, limit, history = before.stabilized, before.limited, before.history
    if held.by is not None:
        window = held.down_window
        if held.up_window is not None and held.reason == behavior.UP_STABILIZED:
            window = held.up_window
        if held.by.time <= at - window:
            return False
    return limit.limit is None or not (history.scale_ups or history.scale_downs)


def _strange(spec: Spec, found: Sequence[Proposal], tolerance: Tolerance) -> bool:
    return any(
        (each.type, each.name, each.target, each.target_type) != (
            own.type, own.name, target_of(own), target_type(own),
        ) or (each.tolerance_down, each.tolerance_up) != (tolerance.down, tolerance.up)
        for own, each in zip(spec.metrics, found, strict=False)
    )  # fmt: skip
