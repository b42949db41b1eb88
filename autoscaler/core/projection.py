"""What a metric would have told at another size: the load is as it was recorded, spread over other pods.

The total usage does not depend on the size, and each pod requests what the recorded ones did. The share of pods without
a sample is the recorded one; pods not yet ready are the caller's to say. A number shared by all ready pods (a `Value`
target) falls as they become more, which is what the HPA's formula takes it to do.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from autoscaler.core.arithmetic import quotient, ratio, wrapped64
from autoscaler.core.proposals import target_of, target_type
from autoscaler.core.rebuild import PER_POD, totals_of
from autoscaler.core.reckoner import Reckoner
from autoscaler.core.replicas import each_of, shared_by
from autoscaler.core.totals import Tolerance, Totals
from autoscaler.model.objects import Milli
from autoscaler.model.plan import Counted, Proposal, Unnamed
from autoscaler.model.policy import MetricSpec

UTILIZATION = "Utilization"


def matches(spec: MetricSpec, recorded: MetricSpec) -> bool:
    """Whether both measure the same."""
    return (spec.type, spec.name, spec.container, spec.described, spec.selector) == (
        recorded.type, recorded.name, recorded.container, recorded.described, recorded.selector,
    )  # fmt: skip


def unknown(spec: MetricSpec, proposal: Proposal) -> str:
    """Which part of the record the metric's target would need and has not got, "" for none."""
    if proposal.usage is None:
        return ""
    if target_type(spec) == UTILIZATION and proposal.requests is None:
        return "its requests were not recorded: its target was no averageUtilization"
    if target_type(spec) == "Value" and proposal.pods is None:
        return "how many pods were ready was not recorded: its target was no value"
    return ""


class Projection:
    """A metric under `spec`, where the pods and sums but for the usage are those of `proposal`."""

    def __init__(self, spec: MetricSpec, proposal: Proposal, tolerance: Tolerance) -> None:
        self._spec, self._proposal, self._tolerance = spec, proposal, tolerance
        self._target, self._kind, self._per_pod = target_of(spec), target_type(spec), spec.type in PER_POD
        self._sums = recorded = totals_of(proposal, 0)
        if self._per_pod and (self._target, self._kind) != (proposal.target, proposal.target_type):
            recorded = _assuming(self._sums, spec, self._target)
        self._recorded = Reckoner(recorded, self._target, tolerance)
        self._spread: dict[tuple[int, int], tuple[Reckoner, int]] = {}

    def asked(self, usage: int, size: int, unready: int, recorded: bool) -> int | None:
        """What it asks for at `size` pods of which `unready` are not ready; `recorded`: with the recorded pods.

        None: no pod with a sample has a request.
        """
        if self._per_pod:
            if recorded:
                return self._recorded.replicas(usage, size)
            reckoner, more = self._spread.get((size, unready)) or self._at(size, unready)
            return reckoner.replicas(usage + more, size)
        proposal, target, tolerance = self._proposal, self._target, self._tolerance
        if self._kind == "Value":
            ready = (proposal.pods or Counted(ready=0)).ready
            then = ready if recorded else max(0, size - unready)
            value = usage if recorded or not ready or not then else quotient(usage * ready, then)
            return shared_by(ratio(value, target), then, size, tolerance)[0]
        observed = proposal.observed if recorded and proposal.observed is not None else size
        return each_of(usage, target, observed, tolerance)[0]

    def _at(self, size: int, unready: int) -> tuple[Reckoner, int]:
        """Of this size, and the usage there is beside the recorded one; made once for each size."""
        sums = at_size(self._sums, self._spec, self._target, size, unready)
        made = self._spread[size, unready] = Reckoner(sums, self._target, self._tolerance), sums.usage
        return made


def at_size(sums: Totals, spec: MetricSpec, target: int, size: int, unready: int) -> Totals:
    """The sums over `size` pods that carry the same load."""
    live = sums.ready + sums.missing
    if not live or not sums.samples:
        return sums
    up = max(1, size - unready)
    missing = min(up - 1, (2 * up * sums.missing + live) // (2 * live))
    ready, unready = up - missing, max(0, size - up)
    requests = sums.requests
    each = 0 if requests is None else quotient(requests, sums.samples)
    most = max(100, target)
    percentage = requests is not None and target_type(spec) == UTILIZATION
    return Totals(
        usage=Milli(sums.usage + sums.unready_usage),
        samples=ready,
        values=ready,
        ready=ready,
        requests=Milli(quotient(requests * ready, sums.samples)) if percentage and requests is not None else None,
        missing=missing,
        unready=unready,
        missing_requests=Milli(each * missing if percentage else 0),
        unready_requests=Milli(each * unready if percentage else 0),
        assumed=Milli(quotient(each * missing * most, 100) if percentage else target * missing),
    )


def _assuming(sums: Totals, spec: MetricSpec, target: int) -> Totals:
    """The recorded pods under another target: with it changes what those without a sample are taken to use."""
    percentage = target_type(spec) == UTILIZATION
    assumed = (
        quotient(wrapped64(sums.missing_requests * max(100, target)), 100) if percentage else target * sums.missing
    )
    return Totals(
        usage=sums.usage,
        samples=sums.samples,
        values=sums.values,
        ready=sums.ready,
        requests=sums.requests if percentage else None,
        missing=sums.missing,
        unready=sums.unready,
        missing_requests=sums.missing_requests if percentage else Milli(0),
        unready_requests=sums.unready_requests if percentage else Milli(0),
        assumed=Milli(assumed),
    )


class Line(NamedTuple):
    """Replicas that a load takes, as its recorded usage goes: so many for each milli of it, and so many at none."""

    slope: float
    base: float


class Carriers(NamedTuple):
    """On how many pods a load is taken to be, and how many others were not ready then."""

    pods: int = 0
    unready: int = 0


def carriers(proposal: Proposal, before: Carriers) -> Carriers:
    """On how many pods the load is, where at the evaluation before it was on those that are given.

    Those with a sample; and of those without one as many as are needed to make up for the ones that had one before, as
    who is not heard of goes on working. A pod beyond these was added: what it does it takes from the others. The record
    does not name pods with a sample, so ones that were replaced at once are not told from ones not heard of.
    """
    if not proposal.samples:
        return before
    unready, missing = _without(proposal)
    kept = before.pods - max(0, unready - before.unready)  # what those who stopped being ready use is in the record
    return Carriers(min(proposal.samples + missing, max(proposal.samples, kept)), unready)


def _without(proposal: Proposal) -> tuple[int, int]:
    """How many were not ready, and how many had no sample."""
    pods = proposal.pods
    if pods is None:
        return 0, 0
    more = pods.unnamed or Unnamed()
    return len(pods.unready) + more.unready, len(pods.missing) + more.missing


def need(spec: MetricSpec, proposal: Proposal, carried: int) -> Line | None:
    """What a load that is on `carried` pods (`carriers`) takes at the metric's target exactly.

    Those of them without a sample are taken to use what the others do.
    """
    target, kind = target_of(spec), target_type(spec)
    if target <= 0:
        return None
    if spec.type in PER_POD:
        samples = proposal.samples
        each = target if kind != UTILIZATION else target * (proposal.requests or 0) / (100 * samples) if samples else 0
        if not proposal.pods or not samples or not each:
            return None
        starting = proposal.gaps.unready_usage if proposal.gaps else 0
        return Line(carried / samples / each, starting / each)
    if kind == "Value":
        return Line((proposal.pods.ready if proposal.pods else 0) / target, 0.0)
    return Line(1 / target, 0.0)


def rounded(amount: float) -> int:
    """Whole replicas for it; what is a hair over a whole number is the whole number."""
    whole = math.ceil(amount - 1e-9)
    return whole if whole > 0 else 0
