"""An evaluation as its record tells it, and the plan that production's planner makes of it: no pod, no clock.

The sums stand in for the pods; all that was computed from them is computed again, by the same functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

from msgspec.structs import replace

from autoscaler.core import planner, proposals, replicas
from autoscaler.core.conditions import TO_ZERO
from autoscaler.core.evaluation import Evaluation, Refusal
from autoscaler.core.proposals import Asked
from autoscaler.core.rebuild import PER_POD, totals_of
from autoscaler.core.replicas import Answer
from autoscaler.core.requests import Failure
from autoscaler.core.stages import Given, prepared
from autoscaler.core.startup import own_windows
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Decision
from autoscaler.model.instant import parse_instant
from autoscaler.model.objects import Milli, Scale
from autoscaler.model.plan import Action, Aged, Counted, Plan, Proposal, Selected
from autoscaler.model.policy import Condition, MetricSpec, Policy
from autoscaler.model.reason import Reason

REFUSED = (Reason.INVALID_SELECTOR, Reason.AMBIGUOUS_SELECTOR, Reason.FAILED_GET_OWNERS)
"""Ends of an evaluation before any metric was asked."""
SHORTENED = "the record was too long and lost what this needs"
UNFOUNDED = "the record tells a write that another process had begun, not the evaluation itself"


UNTOLD = Failure("the record does not tell of this metric")


def unanswerable(decision: Decision) -> str:
    """Why this decision cannot be made again from its record, "" when it can."""
    if decision.truncated and set(decision.truncated) - {"pods"}:
        return SHORTENED
    return UNFOUNDED if decision.basis is None else ""


def planned(decision: Decision) -> Plan:
    """The decision again; it must not be `unanswerable`."""
    basis = _basis(decision)
    policy = policy_of(decision, basis.spec)
    if decision.reason == Reason.INVALID_SPEC:
        return _refused(decision, policy, basis)
    return planner.decided(given(decision, policy), lambda evaluation, _: answers(decision, evaluation))


def policy_of(decision: Decision, spec: Spec) -> Policy:
    """The policy of the record with this spec, and its status as far as it takes part."""
    went = Condition(type=TO_ZERO, status="True", reason="ScaledToZero", message="")
    return Policy(
        kind=decision.policy.kind,
        namespace=decision.policy.namespace,
        name=decision.policy.name,
        uid=decision.policy.uid,
        generation=decision.policy.generation,
        target=decision.target,
        min_replicas=spec.min_replicas,
        max_replicas=spec.max_replicas,
        metrics=spec.metrics,
        behavior=spec.behavior,
        mode=spec.mode,
        deviations=spec.deviations,
        desired=decision.desired,
        conditions=(went,) if _basis(decision).zeroed else (),
    )


def given(decision: Decision, policy: Policy) -> Given:
    """What the arithmetic was given; which pods and samples were left out is taken from the record as it is."""
    basis, current = _basis(decision), decision.current
    scale = None
    if current is not None:
        observed = current if basis.observed is None else basis.observed
        name = decision.target.name
        scale = Scale(
            namespace=decision.namespace, name=name, replicas=current, observed=observed, selector=basis.selector
        )
    evaluation = Evaluation(
        policy=policy,
        scale=scale,
        scale_error=decision.events[0].message if scale is None and decision.events else "",
        history=basis.history,
        now=parse_instant(decision.time),
        settings=basis.settings,
        period_start_replicas=current if basis.period_start is None else basis.period_start,
        claims=basis.claims,
        unseen=basis.unseen,
    )
    seen = prepared(evaluation, (own_windows,))
    left_out = tuple(stage for stage in decision.stages if isinstance(stage, Selected | Aged))
    return replace(seen, stages=(*seen.stages, *left_out))


def answers(decision: Decision, evaluation: Evaluation) -> Sequence[Asked] | Refusal:
    """What each metric asked for, worked out again from its sums; a record that somebody bent comes out otherwise."""
    if decision.reason in REFUSED:
        note = decision.events[0]
        return Refusal(decision.reason, note.reason, note.message)
    found = [stage for stage in decision.stages if isinstance(stage, Proposal)]
    return [
        proposals.told(spec, evaluation.tolerance, UNTOLD if proposal is None else answer(spec, proposal, evaluation))
        for spec, proposal in zip_longest(evaluation.policy.metrics, found[: len(evaluation.policy.metrics)])
    ]


def answer(spec: MetricSpec, proposal: Proposal, evaluation: Evaluation) -> Answer | Failure:
    """The formula's result for these sums; a metric that could not be had is the record's to tell."""
    usage, scale = proposal.usage, evaluation.scale
    if usage is None or scale is None:
        return Failure(proposal.message)
    pods, target = proposal.pods or Counted(ready=0), proposals.target_of(spec)
    if spec.type in PER_POD:
        sums = totals_of(proposal, usage)
        return replicas.of_totals(sums, target, scale.replicas, evaluation.tolerance, pods)
    if proposal.observed is not None:
        return proposals.per_replica(spec, usage, proposal.observed, evaluation)
    return replicas.by_share(usage, Milli(target), scale.replicas, pods.ready, evaluation.tolerance)


def mismatch(decision: Decision, plan: Plan) -> str:
    """The first step at which the plan is another than the decision, "" when they are the same."""
    recorded, replayed = decision.stages, plan.stages
    for number in range(max(len(recorded), len(replayed))):
        old = recorded[number] if number < len(recorded) else None
        new = replayed[number] if number < len(replayed) else None
        if old != (written(new) if isinstance(new, Proposal) else new):
            return f"at the step {type(old or new).__name__.lower()}"
    if (decision.action, decision.desired, decision.current) != (plan.action, plan.desired, plan.current):
        return "in the number"
    return "" if decision.reason == plan.reason else f"in the reason: {plan.reason}, not {decision.reason}"


def written(proposal: Proposal) -> Proposal:
    """The proposal as it comes back from a record: JSON has no infinite ratio, and none that is no number."""
    kept = [
        each if each is not None and math.isfinite(each) else None for each in (proposal.ratio, proposal.damped_ratio)
    ]
    return replace(proposal, ratio=kept[0], damped_ratio=kept[1])


def _basis(decision: Decision) -> Basis:
    if decision.basis is None:
        raise ValueError(UNFOUNDED)
    return decision.basis


def _refused(decision: Decision, policy: Policy, basis: Basis) -> Plan:
    """A policy that could not be evaluated is asked again what is wrong with it."""
    from autoscaler.core.validation import problems  # noqa: PLC0415 - hardly a record needs it

    found = problems(policy, basis.settings.compat, (policy.namespace,) if basis.protected else ())
    reason = Reason.INVALID_SPEC if found else Reason.ON_TARGET
    return Plan(action=Action.HOLD, desired=decision.desired, current=None, reason=reason, error="; ".join(found))
