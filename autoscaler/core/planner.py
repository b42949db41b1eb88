"""One decision, from everything gathered to the number to write and the record of how it came about.

Pure, and bit for bit what kube-controller-manager's HPA controller does (pkg/controller/podautoscaler; what stands like
`groupPods` in these modules is the function there); where its releases differ, `ControllerSettings.compat` names the
difference. A failed pass holds: `Plan.decided` is False, `Plan.error` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core import behavior, stages
from autoscaler.core.conditions import ABLE, ACTIVE, LIMITED, REMOVED, TO_ZERO, Conditions, holds, touched
from autoscaler.core.course import course, largest, seen
from autoscaler.core.course import reason as reason_of
from autoscaler.core.evaluation import Evaluation, Refusal, may_wake, reference
from autoscaler.core.proposals import Asked, of_pods
from autoscaler.core.settlement import promise, settled
from autoscaler.core.stages import Given
from autoscaler.model.objects import Scale
from autoscaler.model.plan import (
    Action,
    Chosen,
    EventNote,
    Final,
    Forced,
    History,
    MetricStatus,
    Plan,
    Stabilized,
    Stage,
)
from autoscaler.model.reason import Reason

__all__ = ["Evaluation", "plan", "promise", "settled"]

Measured = Callable[[Evaluation, Scale], "Sequence[Asked] | Refusal"]
"""What each metric of the policy asks for, or why none can be asked."""

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
    return decided(stages.prepared(evaluation), of_pods)


def decided(given: Given, measured: Measured) -> Plan:
    """The plan from what was prepared, and from whatever answers for the metrics: pods, or the sums of a record."""
    return stages.corrected(_as_the_hpa(given.evaluation, measured), given)


def _as_the_hpa(evaluation: Evaluation, measured: Measured) -> Plan:
    policy, scale = evaluation.policy, evaluation.scale
    if policy.target.api_version.count("/") > 1:
        message = f"unexpected GroupVersion string: {policy.target.api_version}"
        return _without_scale(evaluation, message, f"invalid API version in scale target reference: {message}")
    if scale is None:
        error = f"failed to query scale subresource for {reference(policy)}: {evaluation.scale_error}"
        return _without_scale(evaluation, evaluation.scale_error, error)
    draft = _Draft(evaluation, scale, seen(evaluation.history, scale.replicas, evaluation.now), ()).condition(
        ABLE, "True", "SucceededGetScale", "the target's current scale was read"
    )
    current = scale.replicas
    if current == 0 and not may_wake(policy, evaluation.settings.compat):
        return _disabled(draft)
    if current > policy.max_replicas:
        return _forced(draft, policy.max_replicas, Reason.TOO_MANY_REPLICAS, "above Spec.MaxReplicas")
    if 0 < current < policy.min_replicas:
        return _forced(draft, policy.min_replicas, Reason.TOO_FEW_REPLICAS, "below Spec.MinReplicas")
    return _measured(draft, measured)


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


def _measured(draft: _Draft, measured: Measured) -> Plan:
    scale = draft.scale
    answers = measured(draft.evaluation, scale)
    if isinstance(answers, Refusal):
        draft = replace(draft, events=(EventNote("Warning", answers.event, answers.message),))
        refused = draft.condition(ACTIVE, "False", answers.reason, answers.message)
        return _failed(refused, answers.reason, answers.message)
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
    """The proposal that won."""
    place = largest(each.proposal.replicas for each in answers)
    won = None if place is None else answers[place].proposal
    return Chosen(metric=won.label if won else "", replicas=(won.replicas if won else None) or 0, failed=failed)


def _normalized(draft: _Draft, chosen: Chosen) -> Plan:
    """From the wanted number to the permitted one, and the conditions that tell the way."""
    evaluation, current = draft.evaluation, draft.scale.replicas
    found = course(
        evaluation.policy,
        evaluation.settings,
        current=current,
        asked=chosen.replicas,
        history=draft.history,
        now=evaluation.now,
        period_start=evaluation.period_start_replicas,
    )
    stabilized, limited, desired = found.stabilized, found.limited, found.desired
    draft = replace(draft, history=found.history).stage(stabilized).stage(limited)
    draft = draft.condition(ABLE, "True", stabilized.reason, _MESSAGES[stabilized.reason])
    capped = "False" if limited.replicas == limited.wanted else "True"
    draft = draft.condition(LIMITED, capped, limited.reason, _MESSAGES[limited.reason])
    if desired == current:
        why = _MESSAGES[limited.reason if limited.replicas != limited.wanted else stabilized.reason]
    elif desired > current:
        why = f"{chosen.metric} above target" if chosen.replicas > current else _raised(current, stabilized)
    else:
        why = "All metrics below target"
    return _finished(draft, desired, reason_of(found, current), why)


def _raised(current: int, stabilized: Stabilized) -> str:
    """Why the size grows although no metric is above its target; upstream's event says nothing, or the opposite."""
    return "Current number of replicas below Spec.MinReplicas" if current == 0 else _MESSAGES[stabilized.reason]


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
