"""The number of a decision, worked out again from its record alone: no pod, no clock, no cluster.

What was asked of the world is taken from the record (sums, histories' part in it, limits); every step that was computed
is computed again. A record whose sums do not give its number was not made by this program, or is damaged.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from autoscaler.core import replicas
from autoscaler.core.arithmetic import ratio
from autoscaler.core.reckoner import Reckoner
from autoscaler.core.totals import Tolerance, Totals
from autoscaler.model.decision import Decision
from autoscaler.model.objects import Milli
from autoscaler.model.plan import (
    Chosen,
    Contested,
    Counted,
    Forced,
    Gaps,
    Limited,
    Paused,
    Proposal,
    Stabilized,
    Stage,
    Unnamed,
)
from autoscaler.model.policy import MetricType

PER_POD = frozenset((MetricType.RESOURCE, MetricType.CONTAINER_RESOURCE, MetricType.PODS))


class Rebuilt(Struct, frozen=True, kw_only=True):
    """What each metric asks for (None: it failed), and the final number; None where the record has not got the sums."""

    asked: tuple[int | None, ...]
    replicas: int | None


def rebuilt(decision: Decision) -> Rebuilt:
    """The decision again."""
    current = decision.current
    resumed = (
        decision.basis is None and not decision.stages
    )  # a write that another process had begun (core.recollection)
    if current is None or resumed or "proposals" in decision.truncated:
        return Rebuilt(asked=(), replicas=None)
    proposals = [stage for stage in decision.stages if isinstance(stage, Proposal)]
    asks = tuple(Ask(each).of(None, current) for each in proposals)
    return Rebuilt(asked=asks, replicas=_final(decision.stages, asks, current))


class Ask:
    """A metric with the pods and sums of `proposal`, to be asked often."""

    def __init__(self, proposal: Proposal) -> None:
        self._proposal, self._target = proposal, proposal.target
        self._tolerance = Tolerance(proposal.tolerance_down, proposal.tolerance_up)
        sums = totals_of(proposal, 0) if proposal.type in PER_POD else None
        self._reckoner = None if sums is None else Reckoner(sums, proposal.target, self._tolerance)

    def of(self, usage: int | None, current: int) -> int | None:
        """What it asks for with this usage, None: its own, when the target has `current` replicas.

        None: it failed, or no pod with a sample has a request.
        """
        usage = self._proposal.usage if usage is None else usage
        if usage is None:
            return None
        if self._reckoner is not None:
            return self._reckoner.replicas(usage, current)
        proposal = self._proposal
        if proposal.observed is not None:
            return replicas.each_of(usage, self._target, proposal.observed, self._tolerance)[0]
        ready = proposal.pods.ready if proposal.pods else 0
        return replicas.shared_by(ratio(usage, self._target), ready, current, self._tolerance)[0]


def alike(one: Proposal, other: Proposal) -> bool:
    """Whether they differ in nothing but what was measured and what follows from it."""
    return (
        one.samples == other.samples
        and one.requests == other.requests
        and one.pods == other.pods
        and one.gaps == other.gaps
        and one.observed == other.observed
        and (one.usage is None) is (other.usage is None)
        and one.target == other.target
        and one.tolerance_down == other.tolerance_down
        and one.tolerance_up == other.tolerance_up
        and one.target_type == other.target_type
        and one.type == other.type
        and one.name == other.name
        and one.container == other.container
        and one.label == other.label
    )


def totals_of(proposal: Proposal, usage: int) -> Totals:
    """The sums of a metric per pod."""
    pods, gaps = proposal.pods or Counted(ready=0), proposal.gaps or Gaps(values=proposal.samples)
    unnamed = pods.unnamed or Unnamed()
    return Totals(
        usage=Milli(usage),
        samples=proposal.samples,
        values=gaps.values,
        ready=pods.ready,
        requests=proposal.requests,
        missing=len(pods.missing) + unnamed.missing,
        unready=len(pods.unready) + unnamed.unready,
        missing_requests=gaps.missing_requests,
        unready_requests=gaps.unready_requests,
        assumed=gaps.assumed,
        unready_usage=gaps.unready_usage,
    )


def _final(stages: Iterable[Stage], asks: tuple[int | None, ...], current: int) -> int:
    """Down the stages; a metric that failed forbids going down (`computeReplicasForMetrics`)."""
    largest = _largest(each for each in asks if each is not None)
    if asks and (largest is None or (None in asks and largest < current)):
        return current
    number = current
    for stage in stages:
        match stage:
            case Chosen():
                number = max(0, largest or 0)
            case Forced():
                number = 0 if current == 0 else min(max(current, stage.min_replicas), stage.max_replicas)
            case Stabilized():
                number = stabilized(stage, number, current)
            case Limited():
                number = limited(stage, number, current)
            case Paused() | Contested():
                number = current
    return number


def _largest(asks: Iterable[int]) -> int | None:
    """The first of the largest; 0 is given up for any later one."""
    best: int | None = None
    for each in asks:
        best = each if not best or each > best else best
    return best


def stabilized(stage: Stabilized, raw: int, current: int) -> int:
    """`raw` moved as far as the recommendation allows that stood against it."""
    if stage.by is None:
        return raw
    if stage.up_window is None:
        return stage.by.replicas
    return max(current, stage.by.replicas) if raw >= current else min(current, stage.by.replicas)


def limited(stage: Limited, wanted: int, current: int) -> int:
    """`wanted` within the rate limit of its direction and the bounds; a target that wakes is lifted to the minimum."""
    up = wanted > current
    least, most = stage.min_replicas, stage.max_replicas
    if stage.limit is not None:
        if up or not stage.policy:  # the legacy limit holds upwards only, but always
            most = min(most, stage.limit)
        else:
            least = max(least, stage.limit)
    return max(least, min(wanted, most))
