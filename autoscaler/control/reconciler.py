"""One target, one evaluation: gather, plan, act, tell.

Level-based: everything is read anew, nothing but the policy's history is remembered. A scale write carries the
resourceVersion that was read; when the target changed in between, the evaluation is made once more from what is now,
then left to the next pass (no number is ever written over somebody else's). Every evaluation becomes a record, also one
that changes nothing. What fails on the way out (a record, a status, an event) never keeps the target from being scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import structlog

from autoscaler.clock import Clock
from autoscaler.control.followers import Followers
from autoscaler.control.memory import Memory
from autoscaler.core import planner, validation
from autoscaler.core.evaluation import Evaluation
from autoscaler.errors import AuditError, ConflictError, KubeError, MalformedError
from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.instant import micro_text
from autoscaler.model.metrics import PodMetrics
from autoscaler.model.objects import Pod, Scale
from autoscaler.model.plan import Action, EventNote, Plan
from autoscaler.model.policy import Condition, ControllerSettings, Mode, Policy, TargetRef
from autoscaler.model.status import PolicyStatus
from autoscaler.telemetry import ControlTelemetry

log = structlog.get_logger(__name__)


class Targets(Protocol):
    """Pods as they are known here; raises MalformedError for a selector that is none."""

    def pods_matching(self, namespace: str, selector: str) -> Sequence[Pod]: ...


class UsageReader(Protocol):
    """Fresh usage of these pods, in milli-units; a pod without a usable sample is left out."""

    def pod_metrics(self, namespace: str, pods: Sequence[Pod]) -> tuple[PodMetrics, ...]: ...


class Scaler(Protocol):
    """The scale subresource of a target; raises KubeError."""

    async def read(self, namespace: str, target: TargetRef) -> Scale: ...
    async def write(self, scale: Scale, target: TargetRef, replicas: int) -> Scale: ...


class Journal(Protocol):
    """Returns once the record is durable; raises AuditError."""

    async def record(self, decision: Decision) -> object: ...


class PolicyWriter(Protocol):
    """Tells the policy's owner; raises KubeError."""

    async def write(self, policy: Policy, status: PolicyStatus) -> object: ...
    async def event(self, policy: Policy, note: EventNote) -> None: ...


class Reconciler:
    """Evaluates policies one at a time each; different policies may be evaluated at once."""

    def __init__(
        self,
        *,
        targets: Targets,
        usage: UsageReader,
        scaler: Scaler,
        journal: Journal,
        policies: PolicyWriter,
        memory: Memory,
        followers: Followers,
        settings: ControllerSettings,
        clock: Clock,
        telemetry: ControlTelemetry,
        new_id: Callable[[], str],
    ) -> None:
        self._targets = targets
        self._usage = usage
        self._scaler = scaler
        self._journal = journal
        self._policies = policies
        self._memory = memory
        self._followers = followers
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._new_id = new_id

    async def reconcile(self, policy: Policy) -> Decision:
        """Evaluate once (twice when the target changed under us) and return the last record."""
        if problems := validation.problems(policy):
            return await self._refuse(policy, problems)
        decision = await self._evaluate(policy)
        if decision.outcome is Outcome.CONFLICTED:
            decision = await self._evaluate(policy)
        return decision

    async def _evaluate(self, policy: Policy) -> Decision:
        evaluation, scale = await self._gather(policy)
        with self._telemetry.plan_seconds.time():
            plan = planner.plan(evaluation)
        decided = self._clock.monotonic()
        outcome, error = await self._act(policy, plan, scale)
        if outcome is Outcome.WRITTEN:
            self._telemetry.write_seconds.observe(self._clock.monotonic() - decided)
        now = self._clock.now()
        if outcome in (Outcome.WRITTEN, Outcome.FAILED, Outcome.CONFLICTED):
            plan = planner.settled(
                plan, policy, written=outcome is Outcome.WRITTEN, error=error, now=now, compat=self._settings.compat
            )
        self._memory.keep(policy, plan.history)
        decision = self._decision(policy, plan, outcome, error, evaluation)
        await self._tell(policy, plan, decision, now)
        return decision

    async def _gather(self, policy: Policy) -> tuple[Evaluation, Scale | None]:
        """Everything the planner reads. What cannot be had is in the evaluation as a reason, not as an exception."""
        try:
            scale = await self._scaler.read(policy.namespace, policy.target)
        except KubeError as exc:
            return self._evaluation(policy, None, scale_error=str(exc)), None
        try:
            pods = self._targets.pods_matching(policy.namespace, scale.selector) if scale.selector else ()
        except MalformedError:  # the planner looks at the selector itself, and says what is wrong with it
            pods = ()
        self._followers.follow(policy.key, (pod.key for pod in pods))
        metrics = self._usage.pod_metrics(policy.namespace, pods)
        return self._evaluation(policy, scale, pods=pods, pod_metrics=metrics), scale

    def _evaluation(
        self,
        policy: Policy,
        scale: Scale | None,
        *,
        scale_error: str = "",
        pods: Sequence[Pod] = (),
        pod_metrics: Sequence[PodMetrics] = (),
    ) -> Evaluation:
        now = self._clock.now()
        return Evaluation(
            policy=policy,
            scale=scale,
            scale_error=scale_error,
            pods=pods,
            pod_metrics=pod_metrics,
            history=self._memory.history(policy),
            now=now,
            settings=self._settings,
            period_start_replicas=self._memory.period_start(policy, scale.replicas, now) if scale else None,
        )

    async def _act(self, policy: Policy, plan: Plan, scale: Scale | None) -> tuple[Outcome, str]:
        if plan.action is Action.HOLD or scale is None:
            return Outcome.HELD, plan.error
        if policy.mode is not Mode.ENFORCE:
            return Outcome.SHADOWED, plan.error
        try:
            await self._scaler.write(scale, policy.target, plan.desired)
        except ConflictError as exc:
            return Outcome.CONFLICTED, str(exc)
        except KubeError as exc:
            return Outcome.FAILED, str(exc)
        return Outcome.WRITTEN, plan.error

    async def _tell(self, policy: Policy, plan: Plan, decision: Decision, now: float) -> None:
        await self._record(decision)
        ready = Condition(type="Ready", status="True", reason="Evaluated", message="the policy is valid and evaluated")
        status = PolicyStatus(
            observed_generation=policy.generation,
            current_replicas=plan.current,
            desired_replicas=plan.desired if plan.decided else None,
            metrics=plan.metrics,
            conditions=(ready, *plan.conditions),
            last_scale=now if decision.outcome is Outcome.WRITTEN else None,
            last_decision=decision.id,
        )
        await self._publish(policy, status, plan.events)

    async def _refuse(self, policy: Policy, problems: Sequence[str]) -> Decision:
        """A policy that cannot be evaluated holds its target and is told what to fix."""
        message = "; ".join(problems)
        conditions = (
            Condition(type="Ready", status="False", reason="InvalidSpec", message=message),
            Condition(type="ScalingActive", status="False", reason="InvalidSpec", message=message),
        )
        plan = Plan(
            action=Action.HOLD,
            desired=policy.desired,
            current=None,
            reason="InvalidSpec",
            conditions=conditions,
            history=self._memory.history(policy),
            error=message,
        )
        decision = self._decision(policy, plan, Outcome.HELD, message, None)
        await self._record(decision)
        status = PolicyStatus(observed_generation=policy.generation, conditions=conditions, last_decision=decision.id)
        await self._publish(policy, status, (EventNote("Warning", "InvalidSpec", message),))
        return decision

    def _decision(
        self, policy: Policy, plan: Plan, outcome: Outcome, error: str, evaluation: Evaluation | None
    ) -> Decision:
        now = self._clock.now() if evaluation is None else evaluation.now
        metrics = evaluation.pod_metrics if evaluation and evaluation.pod_metrics else ()
        return Decision(
            id=self._new_id(),
            time=micro_text(now),
            target=policy.target,
            namespace=policy.namespace,
            policy=PolicyRef(policy.kind, policy.namespace, policy.name, policy.uid, policy.generation),
            action=plan.action,
            outcome=outcome,
            current=plan.current,
            desired=plan.desired,
            reason=plan.reason,
            error=error,
            sample_age=now - min(sample.at for sample in metrics) if metrics else None,
            stages=plan.stages,
            conditions=plan.conditions,
            events=plan.events,
        )

    async def _record(self, decision: Decision) -> None:
        self._telemetry.evaluations.labels(decision.outcome.value, decision.reason).inc()
        level = log.info if decision.action is Action.RESIZE else log.debug
        level(
            "Decided",
            target=decision.key,
            current=decision.current,
            desired=decision.desired,
            outcome=decision.outcome.value,
            reason=decision.reason,
            decision=decision.id,
        )
        try:
            await self._journal.record(decision)
        except AuditError as exc:
            body = msgspec.json.encode(decision).decode()
            log.error("Kept a record in this log only", error=str(exc), record=body)

    async def _publish(self, policy: Policy, status: PolicyStatus, events: Sequence[EventNote]) -> None:
        try:
            await self._policies.write(policy, status)
            for note in events:
                await self._policies.event(policy, note)
        except KubeError as exc:
            log.warning("Could not write the policy's status", policy=str(policy.key), error=str(exc))
