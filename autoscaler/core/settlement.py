"""A plan once its number was written, or once the write failed; and what must be told before it is written."""

from __future__ import annotations

from msgspec.structs import replace

from autoscaler.core import behavior
from autoscaler.core.conditions import ABLE, REMOVED, TO_ZERO, Conditions, holds, touched
from autoscaler.core.evaluation import reference, wakes_by_itself
from autoscaler.model.compat import Compat
from autoscaler.model.plan import Action, EventNote, Final, Plan
from autoscaler.model.policy import Policy


def settled(
    plan: Plan,
    policy: Policy,
    *,
    written: bool,
    error: str,
    now: float,
    compat: Compat = Compat(),  # noqa: B008 - a frozen value
) -> Plan:
    """The plan as it stands once its number was written, or once the write failed with `error`.

    Neither written nor an error (a shadowed plan), or nothing to write: unchanged. Only a success is remembered as a
    scale event, with the time at which the write returned (`storeScaleEvent`).
    """
    if plan.action is Action.HOLD or plan.current is None or not (written or error):
        return plan
    why = plan.stages[-1].why if isinstance(plan.stages[-1], Final) else plan.reason
    if not written:
        note = EventNote("Warning", "FailedRescale", f"New size: {plan.desired}; reason: {why}; error: {error}")
        message = f"the target scale could not be updated: {error}"
        conditions = touched(plan.conditions, ABLE, "False", "FailedUpdateScale", message)
        if promise(plan, policy, compat):
            conditions = touched(conditions, *_NOT_TO_ZERO)
        return replace(
            plan,
            conditions=conditions,
            events=(*plan.events, note),
            error=f"failed to rescale {reference(policy)}: {error}",
            decided=False,
        )
    message = f"the target scale was updated to {plan.desired}"
    conditions = touched(plan.conditions, ABLE, "True", "SucceededRescale", message)
    note = EventNote("Normal", "SuccessfulRescale", f"New size: {plan.desired}; reason: {why}")
    return replace(
        plan,
        conditions=_with_zero(conditions, plan, policy, compat),
        events=(*plan.events, note),
        history=behavior.recorded(plan.history, policy.behavior, plan.current, plan.desired, now),
    )


_TO_ZERO = (TO_ZERO, "True", "ScaledToZero", "the workload was scaled to zero")
_NOT_TO_ZERO = (TO_ZERO, "False", "NotScaledToZero", "the workload was not scaled to zero")


def promise(plan: Plan, policy: Policy, compat: Compat) -> Conditions:
    """What must stand in the status before the number is written, () for nothing.

    Whoever finds a target at 0 without ScaledToZero takes it for paused (`may_wake`): told only afterwards, a crash
    in between would leave it at 0 for ever.
    """
    if plan.action is Action.HOLD or not compat.scale_to_zero or not _goes_to_zero(plan, policy):
        return ()
    return touched((), *_TO_ZERO)


def _goes_to_zero(plan: Plan, policy: Policy) -> bool:
    return bool(plan.current) and plan.desired == 0 and policy.min_replicas == 0 and wakes_by_itself(policy)


def _with_zero(conditions: Conditions, plan: Plan, policy: Policy, compat: Compat) -> Conditions:
    """ScaledToZero is set on every write, so that it is never stale."""
    if not compat.scale_to_zero:
        if holds(policy.conditions, TO_ZERO):
            return touched(conditions, TO_ZERO, REMOVED, "", "")
        return conditions
    return touched(conditions, *(_TO_ZERO if _goes_to_zero(plan, policy) else _NOT_TO_ZERO))
