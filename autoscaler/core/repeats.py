"""Evaluations that differ from the one before in nothing but what was measured share one record.

What was measured is kept of each, as a row of numbers; everything else follows from it, so `expanded` gives every
evaluation back in full. An evaluation that moves the target, or would have, always has a record of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from autoscaler.core import totals
from autoscaler.core.arithmetic import quotient, ratio
from autoscaler.core.course import seen
from autoscaler.core.rebuild import PER_POD, totals_of
from autoscaler.core.replicas import average_per_replica, each_of, shared_by
from autoscaler.core.totals import Tolerance
from autoscaler.model.basis import Basis
from autoscaler.model.compat import RELEASES, Compat
from autoscaler.model.decision import Decision, Outcome, Repeat
from autoscaler.model.instant import micro_text, parse_instant
from autoscaler.model.objects import Milli
from autoscaler.model.plan import History, Proposal, Recommendation, Stabilized, Stage
from autoscaler.model.policy import MetricType


def outline(decision: Decision) -> Decision | None:
    """The decision without what was measured: equal for two that may share a record; None for one that may not."""
    if decision.outcome is not Outcome.HELD or decision.truncated:
        return None
    stages = tuple(_blank(stage) if isinstance(stage, Proposal) else stage for stage in decision.stages)
    basis = None if decision.basis is None else replace(decision.basis, history=History())
    return replace(decision, id="", time="", sample_age=None, stages=stages, basis=basis)


def repeat(first: Decision, later: Decision) -> Repeat:
    """What of `later` its record has to keep, `first` being the evaluation that the record was made for."""
    return repeat_after(parse_instant(later.time) - parse_instant(first.time), later)


def repeat_after(seconds: float, later: Decision) -> Repeat:
    """The same of an evaluation that was made so long after the first."""
    return Repeat(
        after=round(seconds, 6),
        sample_age=later.sample_age,
        usage=tuple(stage.usage for stage in later.stages if isinstance(stage, Proposal)),
    )


def expanded(decision: Decision) -> Iterator[Decision]:
    """Every evaluation of a record, in order; all have its id."""
    first = replace(decision, repeats=())
    yield first
    start = parse_instant(decision.time)
    later = replace(first, basis=_after(first, start))
    for each in decision.repeats:
        usages = iter(each.usage)
        stages = tuple(
            _measured(stage, next(usages), decision) if isinstance(stage, Proposal) else stage
            for stage in decision.stages
        )
        yield replace(later, time=micro_text(start + each.after), sample_age=each.sample_age, stages=stages)


def _after(first: Decision, start: float) -> Basis | None:
    """The basis of those behind it: they all asked for the same, so what the first asked for says it for all."""
    basis, current = first.basis, first.current
    asked = next((stage.proposed for stage in first.stages if isinstance(stage, Stabilized)), None)
    if basis is None or current is None or asked is None:
        return basis
    history = seen(basis.history, current, start)
    log = (*(history.recommendations or ()), Recommendation(asked, start))
    return replace(basis, history=replace(history, recommendations=log))


def latest(decision: Decision, before: float | None = None) -> Decision:
    """The last evaluation of a record, or the last that was not made after `before`, in seconds since 1970."""
    found = decision
    for each in expanded(decision):
        if before is not None and parse_instant(each.time) > before:
            break
        found = each
    return found


def _blank(proposal: Proposal) -> Stage:
    return replace(proposal, usage=None, average=None, current=None, ratio=None, damped_ratio=None, why="")


def _measured(proposal: Proposal, usage: Milli | None, decision: Decision) -> Stage:
    """The proposal with another usage, and what follows from it."""
    if usage is None:
        return proposal
    current = decision.current or 0
    tolerance = Tolerance(proposal.tolerance_down, proposal.tolerance_up)
    if proposal.type in PER_POD:
        sums = totals_of(proposal, usage)
        found = totals.wanted(sums, proposal.target, current, tolerance)
        if found is None:
            return proposal
        return replace(
            proposal,
            usage=usage,
            average=Milli(quotient(usage, sums.samples)),
            current=found.first.current,
            ratio=found.first.ratio,
            damped_ratio=found.damped,
            why=found.why,
        )
    if proposal.observed is None:
        share = ratio(usage, proposal.target)
        ready = proposal.pods.ready if proposal.pods else 0
        _, why = shared_by(share, ready, current, tolerance)
        return replace(proposal, usage=usage, average=usage, current=usage, ratio=share, why=why)
    guarded = RELEASES.get(decision.compat, Compat()).zero_status_average
    saturated = guarded or proposal.type == MetricType.EXTERNAL
    average = average_per_replica(usage, proposal.observed, guarded=guarded, saturated=saturated)
    share = ratio(usage, float(proposal.target) * float(proposal.observed))
    _, why = each_of(usage, proposal.target, proposal.observed, tolerance)
    return replace(proposal, usage=usage, average=average, current=average, ratio=share, why=why)
