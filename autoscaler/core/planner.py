"""One decision, from everything gathered to the number to write and the record of how it came about.

Pure, and bit for bit what kube-controller-manager's HPA controller does (hpa.md §3.7, §4.6); where its releases differ,
`ControllerSettings.compat` names the difference. A failed pass holds: `Plan.decided` is False, `Plan.error` says why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core import behavior, stages
from autoscaler.core.behavior import Bounds
from autoscaler.core.conditions import ABLE, ACTIVE, LIMITED, REMOVED, TO_ZERO, Conditions, holds, touched
from autoscaler.core.evaluation import Evaluation, Refusal, may_wake, reference, selected_pods
from autoscaler.core.proposals import Asked, Question, proposal
from autoscaler.core.settlement import promise, settled
from autoscaler.model.objects import Scale
from autoscaler.model.plan import (
    Action,
    Chosen,
    EventNote,
    Final,
    Forced,
    History,
    Limited,
    MetricStatus,
    Plan,
    Recommendation,
    Stabilized,
    Stage,
)
from autoscaler.model.reason import Reason

__all__ = ["Evaluation", "plan", "promise", "settled"]

_MESSAGES = {
    behavior.READY: "recommended size matches current size",
    behavior.UP_STABILIZED: (
        "recent recommendations were lower than current one, applying the lowest recent recommendation"
    ),
    behavior.DOWN_STABILIZED: (
        "recent recommendations were higher than current one, applying the highest recent recommendation"
    ),
    behavior.WITHIN: "the desired count is within the acceptable range",
    behavior.TOO_FEW: "the desired replica count is less than the minimum replica count",
    behavior.TOO_MANY: "the desired replica count is more than the maximum replica count",
    behavior.UP_LIMIT: "the desired replica count is increasing faster than the maximum scale rate",
    behavior.DOWN_LIMIT: "the desired replica count is decreasing faster than the maximum scale rate",
}


class _Draft(Struct, frozen=True):
    """A plan in the making, once the scale has been read."""

    evaluation: Evaluation
    scale: Scale
    history: History
    conditions: Conditions
    stages: tuple[Stage, ...] = ()
    events: tuple[EventNote, ...] = ()
    metrics: tuple[MetricStatus, ...] = ()
    error: str = ""

    def condition(self, type_: str, status: str, reason: str, message: str) -> _Draft:
        """The draft with this condition touched."""
        return replace(self, conditions=touched(self.conditions, type_, status, reason, message))

    def stage(self, stage: Stage) -> _Draft:
        """The draft with one more stage."""
        return replace(self, stages=(*self.stages, stage))


def plan(evaluation: Evaluation) -> Plan:
    """What is to be done now. The same evaluation gives the same plan; without deviations it is the HPA's."""
    given = stages.prepared(evaluation)
    return stages.corrected(_as_the_hpa(given.evaluation), given)


def _as_the_hpa(evaluation: Evaluation) -> Plan:
    policy, scale = evaluation.policy, evaluation.scale
    if policy.target.api_version.count("/") > 1:
        message = f"unexpected GroupVersion string: {policy.target.api_version}"
        return _without_scale(evaluation, message, f"invalid API version in scale target reference: {message}")
    if scale is None:
        error = f"failed to query scale subresource for {reference(policy)}: {evaluation.scale_error}"
        return _without_scale(evaluation, evaluation.scale_error, error)
    draft = _Draft(evaluation, scale, _seen(evaluation.history, scale, evaluation.now), ()).condition(
        ABLE, "True", "SucceededGetScale", "the target's current scale was read"
    )
    current = scale.replicas
    if current == 0 and not may_wake(policy, evaluation.settings.compat):
        return _disabled(draft)
    if current > policy.max_replicas:
        return _forced(draft, policy.max_replicas, Reason.TOO_MANY_REPLICAS, "above Spec.MaxReplicas")
    if 0 < current < policy.min_replicas:
        return _forced(draft, policy.min_replicas, Reason.TOO_FEW_REPLICAS, "below Spec.MinReplicas")
    return _measured(draft)


def _seen(history: History, scale: Scale, now: float) -> History:
    """At first sight of a policy the current size counts as its first recommendation (hpa.md §4).

    It is made a moment before all else, so that windows of 0 s do not reach it and its place in the log is free again.
    The same after a restart, beside what another process left: what it recommended last may have been no less.
    """
    if history.recommendations is not None and not history.restored:
        return history
    first = Recommendation(scale.replicas, math.nextafter(now, -math.inf))
    return replace(history, recommendations=(*(history.recommendations or ()), first), restored=False)


def _without_scale(evaluation: Evaluation, message: str, error: str) -> Plan:
    conditions = touched((), ABLE, "False", "FailedGetScale", f"the target's current scale was not read: {message}")
    return Plan(
        action=Action.HOLD,
        desired=evaluation.policy.desired,
        current=None,
        reason=Reason.FAILED_GET_SCALE,
        conditions=conditions,
        events=(EventNote("Warning", "FailedGetScale", message),),
        history=evaluation.history,
        error=error,
        decided=False,
    )


def _disabled(draft: _Draft) -> Plan:
    message = "scaling is disabled since the replica count of the target is zero"
    draft = draft.condition(ACTIVE, "False", "ScalingDisabled", message)
    policy = draft.evaluation.policy
    if not draft.evaluation.settings.compat.scale_to_zero and holds(policy.conditions, TO_ZERO):
        draft = draft.condition(TO_ZERO, REMOVED, "", "")
    draft = draft.stage(
        Forced(
            current=0,
            replicas=0,
            min_replicas=policy.min_replicas,
            max_replicas=policy.max_replicas,
            reason="ScalingDisabled",
        )
    )
    return _finished(draft, 0, Reason.SCALING_DISABLED, message)


def _forced(draft: _Draft, desired: int, reason: Reason, where: str) -> Plan:
    policy, current = draft.evaluation.policy, draft.scale.replicas
    stage = Forced(
        current=current,
        replicas=desired,
        min_replicas=policy.min_replicas,
        max_replicas=policy.max_replicas,
        reason=reason,
    )
    return _finished(draft.stage(stage), desired, reason, f"Current number of replicas {where}")


def _measured(draft: _Draft) -> Plan:
    evaluation, scale = draft.evaluation, draft.scale
    pods = selected_pods(evaluation, scale)
    if isinstance(pods, Refusal):
        draft = replace(draft, events=(EventNote("Warning", pods.event, pods.message),))
        return _failed(draft.condition(ACTIVE, "False", pods.reason, pods.message), pods.reason, pods.message)
    answers = [proposal(Question(evaluation, scale, pods, spec)) for spec in evaluation.policy.metrics]
    failures = [each for each in answers if each.error]
    draft = replace(
        draft,
        stages=(*draft.stages, *(each.proposal for each in answers)),
        events=tuple(EventNote("Warning", each.proposal.reason, each.proposal.message) for each in failures),
        metrics=tuple(each.status for each in answers),
    )
    if failures:
        first = f"invalid metrics ({len(failures)} invalid out of {len(answers)}), first error is: {failures[0].error}"
        draft = replace(draft, error=first)
    chosen = _chosen(answers, len(failures))
    if failures and (len(failures) == len(answers) or chosen.replicas < scale.replicas):
        first_failed = failures[0].proposal
        message = f"the replica count could not be computed: {first_failed.message}"
        failed = draft.condition(ACTIVE, "False", first_failed.reason, message)
        return _failed(failed, Reason(first_failed.reason), draft.error)
    message = f"a replica count was computed from {chosen.metric}"
    draft = draft.stage(chosen).condition(ACTIVE, "True", "ValidMetricFound", message)
    return _normalized(draft, chosen)


def _chosen(answers: Sequence[Asked], failed: int) -> Chosen:
    """The largest proposal, the first of several; 0 is given up for any later one (hpa.md §3.7)."""
    metric, best = "", 0
    for each in answers:
        proposed = each.proposal.replicas
        if proposed is not None and (best == 0 or proposed > best):
            metric, best = each.proposal.label, proposed
    return Chosen(metric=metric, replicas=best, failed=failed)


class _Normalized(NamedTuple):
    stabilized: Stabilized
    limited: Limited
    history: History


def _normalized(draft: _Draft, chosen: Chosen) -> Plan:
    """From the wanted number to the permitted one, and the conditions that tell the way (hpa.md §4)."""
    policy, current = draft.evaluation.policy, draft.scale.replicas
    raw = max(0, chosen.replicas)
    stabilized, limited, history = _limits(draft, raw)
    draft = replace(draft, history=history).stage(stabilized).stage(limited)
    draft = draft.condition(ABLE, "True", stabilized.reason, _MESSAGES[stabilized.reason])
    capped = "False" if limited.replicas == limited.wanted else "True"
    draft = draft.condition(LIMITED, capped, limited.reason, _MESSAGES[limited.reason])
    desired = max(limited.replicas, policy.min_replicas) if current == 0 else limited.replicas
    reason = _reason(stabilized, limited, desired, current)
    if desired == current:
        why = _MESSAGES[limited.reason if limited.replicas != limited.wanted else stabilized.reason]
    elif desired > current:
        why = f"{chosen.metric} above target" if raw > current else _raised(current, stabilized)
    else:
        why = "All metrics below target"
    return _finished(draft, desired, reason, why)


def _raised(current: int, stabilized: Stabilized) -> str:
    """Why the size grows although no metric is above its target; upstream's event says nothing, or the opposite."""
    return "Current number of replicas below Spec.MinReplicas" if current == 0 else _MESSAGES[stabilized.reason]


def _limits(draft: _Draft, raw: int) -> _Normalized:
    evaluation, current, history = draft.evaluation, draft.scale.replicas, draft.history
    policy, settings, now = evaluation.policy, evaluation.settings, evaluation.now
    bounds = Bounds(policy.min_replicas, policy.max_replicas)
    past = history.recommendations or ()
    window = settings.downscale_stabilization
    if policy.behavior is None:
        stabilized, log = behavior.stabilized(raw, past, now, window)
        base = evaluation.period_start_replicas
        limited = behavior.limited(stabilized.replicas, current, bounds, settings, base)
    else:
        rules = policy.behavior
        stabilized, log = behavior.stabilized_by_behavior(raw, current, past, now, behavior=rules, window=window)
        limited = behavior.limited_by_behavior(stabilized.replicas, current, bounds, rules, history=history, now=now)
    return _Normalized(stabilized, limited, replace(history, recommendations=log))


def _reason(stabilized: Stabilized, limited: Limited, desired: int, current: int) -> Reason:
    if limited.replicas != limited.wanted:
        return Reason(limited.reason)
    if stabilized.replicas != stabilized.proposed:
        return Reason(stabilized.reason)
    if desired == current:
        return Reason.ON_TARGET
    return Reason.ABOVE_TARGET if desired > current else Reason.BELOW_TARGET


def _failed(draft: _Draft, reason: Reason, error: str) -> Plan:
    policy = draft.evaluation.policy
    error = f"failed to compute desired number of replicas based on listed metrics for {reference(policy)}: {error}"
    note = EventNote("Warning", "FailedComputeMetricsReplicas", error)
    draft = replace(draft, events=(*draft.events, note), error=error)
    return replace(_finished(draft, draft.scale.replicas, reason, error), decided=False)


def _finished(draft: _Draft, desired: int, reason: Reason, why: str) -> Plan:
    current = draft.scale.replicas
    return Plan(
        action=Action.HOLD if desired == current else Action.RESIZE,
        desired=desired,
        current=current,
        reason=reason,
        stages=(*draft.stages, Final(current=current, replicas=desired, why=why)),
        conditions=draft.conditions,
        events=draft.events,
        metrics=draft.metrics,
        history=draft.history,
        error=draft.error,
    )
