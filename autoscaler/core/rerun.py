"""One target's evaluations, decided again by the policy that they were recorded with.

A usual evaluation goes a short way: the planner's functions without the words that it finds for them. What stays the
same from one to the next is not worked out again.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core import rebuild
from autoscaler.core.course import Course, course, largest, reason, seen, stands
from autoscaler.core.evaluation import tolerance_of
from autoscaler.core.projection import Carriers, carriers
from autoscaler.core.proposals import target_of, target_type
from autoscaler.core.rebuild import Ask
from autoscaler.core.recollection import mismatch, planned, policy_of
from autoscaler.core.repeats import expanded
from autoscaler.core.totals import Tolerance
from autoscaler.core.trial import Lines, lines
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Decision
from autoscaler.model.instant import parse_instant
from autoscaler.model.objects import Milli
from autoscaler.model.plan import Chosen, History, Limited, Proposal, Stage
from autoscaler.model.policy import ControllerSettings, Policy
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
    asks: tuple[Ask, ...]
    carried: tuple[int, ...]
    """On how many pods the load of each metric is (`projection.carriers`)."""
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
        self._carriers: dict[tuple[int, str, str, str], Carriers] = {}

    def met(self, decision: Decision, basis: Basis) -> Met:
        """What the record has."""
        met, found = self._met, proposals_of(decision)
        spec, settings = basis.spec, basis.settings
        if met is None or not _same(spec, met.basis.spec) or not _same(settings, met.basis.settings):
            policy = policy_of(decision, spec)
            edition, tolerance = met.edition + 1 if met else 0, tolerance_of(policy, settings)
        elif len(found) == len(met.proposals) and all(map(rebuild.alike, found, met.proposals)):
            return met
        else:
            policy, edition, tolerance = met.policy, met.edition, met.tolerance
        carried = self._carried(found)
        self._met = Met(
            edition=edition,
            basis=basis,
            policy=policy,
            tolerance=tolerance,
            proposals=found,
            asks=tuple(map(Ask, found)),
            carried=carried,
            lines=lines(spec, range(len(spec.metrics)), found, carried),
            strange=_strange(spec, found, tolerance),
        )
        return self._met

    def _carried(self, found: Sequence[Proposal]) -> tuple[int, ...]:
        """Where nobody was asked, or nobody has a sample, what was before is still known afterwards."""
        told = []
        for place, each in enumerate(found):
            key = place, each.type, each.name, each.container
            now = self._carriers[key] = carriers(each, self._carriers.get(key) or Carriers())
            told.append(now.pods)
        return tuple(told)

    def differences(
        self, decision: Decision, met: Met, times: Sequence[float], usages: Sequence[Usages]
    ) -> list[Difference]:
        """The evaluations at these times that come out otherwise; the record is not `unanswerable`."""
        return self._retraced(decision, met, times, usages) if usual(decision) else self._replanned(decision)

    def _retraced(
        self, decision: Decision, met: Met, times: Sequence[float], usages: Sequence[Usages]
    ) -> list[Difference]:
        """The short way."""
        basis, current = decision.basis, decision.current
        if basis is None or current is None:
            return []
        count, desired, asks = len(met.proposals), decision.desired, met.asks
        found, shape = decision.stages[:count], decision.stages[count:]
        numbers = [each.replicas for each in found if type(each) is Proposal]
        place = largest(numbers)
        wrong = list[Difference]()
        before: Course | None = None
        history, forward = seen(basis.history, current, times[0]), ascending(times)
        for at, usage in zip(times, usages, strict=True):
            asked = [ask.of(each, current) for ask, each in zip(asks, usage, strict=True)]
            if met.strange or place is None or asked != numbers:
                wrong.append(Difference(self._target, at, desired, None, "at the step proposal"))
                continue
            if before is not None and forward and stands(before, at):
                continue
            way = course(
                met.policy,
                basis.settings,
                current=current,
                asked=asked[place] or 0,
                history=history,
                now=at,
                period_start=current if basis.period_start is None else basis.period_start,
            )
            history, before = way.history, None
            if why := _parting(decision, way, shape, met.proposals[place].label, asked[place] or 0):
                wrong.append(Difference(self._target, at, desired, way.desired, why))
            else:
                before = way
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


def _parting(decision: Decision, way: Course, shape: Sequence[Stage], label: str, asked: int) -> str:
    """The first step behind the proposals at which the decision is another one, "" when it is the same."""
    chosen, stabilized, limited = shape[:3]
    if type(chosen) is not Chosen or (chosen.metric, chosen.replicas, chosen.failed) != (label, asked, 0):
        return "at the step chosen"
    if way.stabilized != stabilized:
        return "at the step stabilized"
    if way.limited != limited:
        return "at the step limited"
    if way.desired != decision.desired:
        return "in the number"
    return "" if reason(way, decision.current or 0) == decision.reason else "in the reason"


def _same(one: Spec | ControllerSettings, other: Spec | ControllerSettings) -> bool:
    return one is other or one == other


def _strange(spec: Spec, found: Sequence[Proposal], tolerance: Tolerance) -> bool:
    return any(
        (each.type, each.name, each.target, each.target_type) != (
            own.type, own.name, target_of(own), target_type(own),
        ) or (each.tolerance_down, each.tolerance_up) != (tolerance.down, tolerance.up)
        for own, each in zip(spec.metrics, found, strict=False)
    )  # fmt: skip
