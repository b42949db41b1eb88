"""How a policy stands after an evaluation: the conditions that sum it up, beside those the HPA has.

Every known type is there from the first visit on, Unknown until something is known; `Ready` is the summary, and True
is good for all of them but `ScalingLimited`, `ScaledToZero` and `Conflicted`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from autoscaler.core.conditions import ABLE, ACTIVE, LIMITED, TO_ZERO, Conditions
from autoscaler.model.plan import Plan, Proposal
from autoscaler.model.policy import Condition, Policy

READY, METRICS, CONFLICTED, DELIVERED = "Ready", "MetricsAvailable", "Conflicted", "AuditDelivered"
KNOWN = (READY, METRICS, ABLE, ACTIVE, LIMITED, TO_ZERO, CONFLICTED, DELIVERED)
_OFF_ON_PURPOSE = "ScalingDisabled"


def standing(policy: Policy, plan: Plan, others: Sequence[Condition]) -> Conditions:
    """All that is to be written: the summary, the plan's, `others`, and what nobody knows yet."""
    told = [*_metrics(plan), *plan.conditions, *others]
    ready = _ready(told)
    return (ready, *told, *unknown(policy, (ready, *told)))


def unknown(policy: Policy, told: Iterable[Condition]) -> Iterator[Condition]:
    """Those of the known types that neither the status has nor this evaluation tells."""
    there = {each.type for each in (*policy.conditions, *told)}
    for kind in KNOWN:
        if kind not in there:
            yield Condition(type=kind, status="Unknown", reason="NotYetKnown", message="no evaluation has told it yet")


def conflicted(policy: Policy, claims: Sequence[str], unseen: str) -> Condition:
    """Whether somebody else writes the number of replicas, and what to do about it."""
    if unseen:
        return Condition(type=CONFLICTED, status="Unknown", reason="ClaimsUnknown", message=unseen)
    if not claims:
        return Condition(type=CONFLICTED, status="False", reason="OnlyWriter", message="nobody else scales the target")
    target = f"{policy.target.kind} {policy.target.name}"
    message = f"{target} is scaled by {', '.join(claims)} too: nobody of ours writes, delete all but one of them"
    return Condition(type=CONFLICTED, status="True", reason="ClaimedTwice", message=message)


def reverted(policy: Policy, base: int, writer: str) -> Condition:
    """Somebody keeps taking our number back: who, and what to do about it. Decisions go on being written."""
    who = writer or "Somebody whom the managed fields do not name"
    message = (
        f"{who} keeps setting spec.replicas of {policy.target.kind} {policy.target.name} to {base}: "
        "remove spec.replicas from the manifest it applies, or let it ignore that field"
    )
    return Condition(type=CONFLICTED, status="True", reason="Reverted", message=message)


def _metrics(plan: Plan) -> Iterator[Condition]:
    """Nothing when no metric was asked."""
    asked = [stage for stage in plan.stages if isinstance(stage, Proposal)]
    failed = [each for each in asked if each.replicas is None]
    if failed:
        message = "; ".join(f"{each.label}: {each.message}" for each in failed)
        yield Condition(type=METRICS, status="False", reason=failed[0].reason, message=message)
    elif asked:
        yield Condition(type=METRICS, status="True", reason="MetricsRead", message="every metric has a value")


def _ready(told: Sequence[Condition]) -> Condition:
    """What keeps it from its work, the first of it."""
    good = {CONFLICTED: "False", ABLE: "True", ACTIVE: "True"}
    for kind, status in good.items():
        for each in told:
            if each.type == kind and each.status != status and each.reason != _OFF_ON_PURPOSE:
                return Condition(type=READY, status="False", reason=each.reason, message=each.message)
    return Condition(type=READY, status="True", reason="Evaluated", message="the policy is valid and evaluated")
