"""One target, one evaluation: gather, plan, act, tell.

Level-based: everything is read anew, nothing but the policy's history is remembered. A scale write carries the
resourceVersion that was read; when the target changed in between, the evaluation is made once more from what is now,
then left to the next pass (no number is ever written over somebody else's). Every evaluation becomes a record, also one
that changes nothing. What fails on the way out (a record, a status, an event) never keeps the target from being scaled.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from autoscaler.clock import Clock
from autoscaler.control.allowance import Allowance
from autoscaler.control.gatherer import Gatherer
from autoscaler.control.memory import Memory
from autoscaler.control.reverts import Reverts
from autoscaler.control.teller import Teller
from autoscaler.core import planner, standing, validation
from autoscaler.core.evaluation import Evaluation
from autoscaler.errors import ConflictError, KubeError
from autoscaler.model.compat import Compat
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.objects import Scale
from autoscaler.model.plan import Action, EventNote, Plan
from autoscaler.model.policy import Condition, Mode, Policy, TargetRef
from autoscaler.model.reason import Reason
from autoscaler.model.status import PolicyStatus
from autoscaler.telemetry import ControlTelemetry


class Scaler(Protocol):
    """Writes the scale subresource of a target; raises KubeError."""

    async def write(self, scale: Scale, target: TargetRef, replicas: int) -> Scale: ...


class Writers(Protocol):
    """Who set a target's number of replicas last, "" when nobody can tell."""

    async def of_replicas(self, namespace: str, target: TargetRef) -> str: ...


class Gate(Protocol):
    """Whether this process may write: `refusal` says why not, "" when a write may be sent at this instant.

    `epoch` counts leaderships; None: this process does not lead, or is not one of several.
    """

    @property
    def epoch(self) -> int | None: ...
    def refusal(self) -> str: ...


class Reconciler:
    """Evaluates policies one at a time each; different policies may be evaluated at once.

    In `protected` namespaces nothing is scaled.
    """

    def __init__(
        self,
        *,
        gatherer: Gatherer,
        scaler: Scaler,
        writers: Writers,
        teller: Teller,
        memory: Memory,
        reverts: Reverts,
        allowance: Allowance,
        gate: Gate,
        compat: Compat,
        protected: Collection[str],
        clock: Clock,
        telemetry: ControlTelemetry,
    ) -> None:
        self._gatherer = gatherer
        self._scaler = scaler
        self._writers = writers
        self._reverts = reverts
        self._allowance = allowance
        self._gate = gate
        self._teller = teller
        self._memory = memory
        self._compat = compat
        self._protected = protected
        self._clock = clock
        self._telemetry = telemetry

    async def reconcile(self, policy: Policy) -> Decision:
        """Evaluate once (twice when the target changed under us) and return the last record."""
        if problems := validation.problems(policy, self._compat, self._protected):
            return await self._refuse(policy, problems)
        decision = await self._evaluate(policy)
        if decision.outcome is Outcome.CONFLICTED:
            decision = await self._evaluate(policy)
        return decision

    async def _evaluate(self, policy: Policy) -> Decision:
        evaluation = await self._gatherer.gathered(policy)
        conflict = await self._conflict(evaluation)
        with self._telemetry.plan_seconds.time():
            plan = planner.plan(evaluation)
        decided = self._clock.monotonic()
        outcome, error = await self._act(policy, plan, evaluation.scale)
        if outcome is Outcome.WRITTEN:
            self._reverts.wrote(policy, plan.desired)
            self._telemetry.write_seconds.observe(self._clock.monotonic() - decided)
        now = self._clock.now()
        if outcome in (Outcome.WRITTEN, Outcome.FAILED, Outcome.CONFLICTED):
            plan = planner.settled(
                plan, policy, written=outcome is Outcome.WRITTEN, error=error, now=now, compat=self._compat
            )
        self._memory.keep(policy, plan.history)
        decision = self._teller.decision(policy, plan, outcome, error, now=evaluation.now, evaluation=evaluation)
        await self._tell(policy, plan, decision, conflict, now)
        return decision

    async def _act(self, policy: Policy, plan: Plan, scale: Scale | None) -> tuple[Outcome, str]:
        if plan.action is Action.HOLD or scale is None:
            return Outcome.HELD, plan.error
        if policy.mode is not Mode.ENFORCE:
            return Outcome.SHADOWED, plan.error
        if forbidden := self._allowance.take(policy.namespace):
            return Outcome.DEFERRED, forbidden
        try:
            return await self._write(policy, plan, scale)
        except ConflictError as exc:
            return Outcome.CONFLICTED, str(exc)
        except KubeError as exc:
            return Outcome.FAILED, str(exc)

    async def _write(self, policy: Policy, plan: Plan, scale: Scale) -> tuple[Outcome, str]:
        if promised := planner.promise(plan, policy, self._compat):
            await self._teller.promise(policy, promised)
        if refusal := self._gate.refusal():  # nothing may be awaited between this and the write
            return Outcome.DEFERRED, refusal
        await self._scaler.write(scale, policy.target, plan.desired)
        return Outcome.WRITTEN, plan.error

    async def _conflict(self, evaluation: Evaluation) -> Condition:
        """Whether somebody else writes the number too, or keeps taking ours back."""
        policy, scale, now = evaluation.policy, evaluation.scale, evaluation.now
        if scale is not None and self._reverts.saw(policy, scale.replicas, now):
            self._reverts.blame(policy, await self._writers.of_replicas(policy.namespace, policy.target))
        told, fight = (
            standing.conflicted(policy, evaluation.claims, evaluation.unseen),
            self._reverts.fight(policy, now),
        )
        return told if fight is None or told.status != "False" else standing.reverted(policy, fight.base, fight.writer)

    async def _tell(self, policy: Policy, plan: Plan, decision: Decision, conflict: Condition, now: float) -> None:
        kept = await self._teller.record(decision)
        others = (conflict, self._teller.delivered(kept))
        status = PolicyStatus(
            observed_generation=policy.generation,
            current_replicas=plan.current,
            desired_replicas=plan.desired if plan.decided else None,
            metrics=plan.metrics,
            conditions=standing.standing(policy, plan, others),
            last_scale=now if decision.outcome is Outcome.WRITTEN else None,
            last_decision=kept.id,
        )
        await self._teller.publish(policy, status, plan.events)

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
            reason=Reason.INVALID_SPEC,
            conditions=conditions,
            history=self._memory.history(policy),
            error=message,
        )
        decision = self._teller.decision(policy, plan, Outcome.HELD, message, now=self._clock.now(), evaluation=None)
        kept = await self._teller.record(decision)
        told = (*conditions, self._teller.delivered(kept))
        status = PolicyStatus(
            observed_generation=policy.generation,
            conditions=(*told, *standing.unknown(policy, told)),
            last_decision=kept.id,
        )
        await self._teller.publish(policy, status, (EventNote("Warning", "InvalidSpec", message),))
        return decision
