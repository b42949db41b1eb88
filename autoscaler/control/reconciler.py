"""One target, one evaluation: gather, plan, act, tell.

Level-based: everything is read anew, nothing but the policy's history is remembered. A decision stands in the policy's
status before its number is written; one that somebody else left there without its end is looked into first. A scale
write carries the resourceVersion that was read; when the target changed in between, the evaluation is made once more
from what is now, then left to the next pass (no number is ever written over somebody else's). Every evaluation becomes
a record, also one that changes nothing. What fails on the way out (a record, a status, an event) never keeps the target
from being scaled.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import structlog
from msgspec.structs import replace

from autoscaler.clock import Clock
from autoscaler.control.allowance import Allowance
from autoscaler.control.gatherer import Gatherer
from autoscaler.control.journal import Journal
from autoscaler.control.memory import Memory
from autoscaler.control.reverts import Reverts
from autoscaler.control.teller import Teller
from autoscaler.control.turns import Turns
from autoscaler.core import basis, behavior, planner, retention, standing, validation
from autoscaler.core.evaluation import Evaluation
from autoscaler.errors import ConflictError, KubeError, UnreachableError
from autoscaler.model.basis import Basis
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.objects import Scale
from autoscaler.model.plan import Action, EventNote, History, Plan
from autoscaler.model.policy import Condition, ControllerSettings, Mode, Policy, TargetRef
from autoscaler.model.reason import Reason
from autoscaler.model.status import Pending, PolicyStatus
from autoscaler.telemetry import ControlTelemetry

log = structlog.get_logger(__name__)


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
        journal: Journal,
        turns: Turns,
        settings: ControllerSettings,
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
        self._journal = journal
        self._settings, self._compat = settings, settings.compat
        self._protected = protected
        self._clock = clock
        self._telemetry = telemetry
        self._turns = turns

    async def reconcile(self, policy: Policy) -> Decision:
        """Evaluate once (twice when the target changed under us) and return the last record."""
        if problems := validation.problems(policy, self._compat, self._protected):
            return await self._refuse(policy, problems)
        decision = await self._evaluate(policy)
        if decision.outcome is Outcome.CONFLICTED:
            decision = await self._evaluate(policy)
        return decision

    async def _evaluate(self, policy: Policy) -> Decision:
        left = self._journal.taken_up(policy)
        evaluation = await self._gatherer.gathered(policy, live=left is not None)
        gathered = self._clock.monotonic()
        if left is not None and evaluation.scale is not None:
            await self._resume(policy, left, evaluation.scale)
            evaluation = replace(evaluation, history=self._memory.history(policy))
        conflict = await self._conflict(evaluation)
        async with self._turns.turn():
            with self._telemetry.plan_seconds.time():
                plan = planner.plan(evaluation)
            decided, named = self._clock.monotonic(), self._teller.new_id()
            outcome, error = await self._act(evaluation, plan, named, conflict)
        if outcome is Outcome.WRITTEN:
            self._reverts.wrote(policy, plan.desired)
            took = self._clock.monotonic() - decided
            self._telemetry.write_seconds.observe(took)
            self._turns.wrote(took)
        now = evaluation.now + self._clock.monotonic() - gathered  # the wall clock may have been set meanwhile
        if outcome in (Outcome.WRITTEN, Outcome.FAILED, Outcome.CONFLICTED):
            plan = planner.settled(
                plan, policy, written=outcome is Outcome.WRITTEN, error=error, now=now, compat=self._compat
            )
        self._memory.keep(policy, plan.history)
        decision = self._teller.decision(
            policy, plan, outcome, error, now=evaluation.now, evaluation=evaluation, named=named
        )
        await self._tell(policy, plan, decision, conflict, now)
        return decision

    async def _resume(self, policy: Policy, left: Pending, scale: Scale) -> None:
        """Somebody else ended between telling what it decided and telling that it was done."""
        self._journal.settle(policy, left.decision)
        if scale.replicas != left.desired:
            return  # it was not written, or is gone again: decided anew
        now, history = self._clock.now(), self._memory.history(policy)
        kept = behavior.recorded(history, policy.behavior, left.current, left.desired, now)
        self._memory.keep(policy, replace(kept, restored=history.restored))
        grown = Reason.ABOVE_TARGET if left.desired > left.current else Reason.BELOW_TARGET
        plan = Plan(
            action=Action.RESIZE,
            desired=left.desired,
            current=left.current,
            reason=next((each for each in Reason if each == left.reason), grown),
        )
        decision = self._teller.decision(
            policy, plan, Outcome.WRITTEN, "", now=now, evaluation=None, named=left.decision
        )
        await self._teller.record(await self._teller.whole(replace(decision, leadership=left.leadership)))

    async def _act(self, evaluation: Evaluation, plan: Plan, named: str, conflict: Condition) -> tuple[Outcome, str]:
        policy, scale = evaluation.policy, evaluation.scale
        if plan.action is Action.HOLD or scale is None:
            return Outcome.HELD, plan.error
        if policy.mode is not Mode.ENFORCE:
            return Outcome.SHADOWED, plan.error
        if forbidden := await self._forbidden(evaluation, plan, named):
            return Outcome.DEFERRED, forbidden
        try:
            return await self._write(policy, plan, scale, named, conflict)
        except ConflictError as exc:
            return Outcome.CONFLICTED, str(exc)
        except KubeError as exc:
            if isinstance(exc, UnreachableError):
                self._journal.doubt(policy)
            return Outcome.FAILED, str(exc)

    async def _forbidden(self, evaluation: Evaluation, plan: Plan, named: str) -> str:
        """Why nothing may be written now, "" when something may."""
        policy = evaluation.policy
        if refusal := self._gate.refusal() or self._allowance.take(policy.namespace):
            return refusal
        return await self._teller.reserve(
            lambda: self._teller.decision(
                policy, plan, Outcome.WRITTEN, "", now=evaluation.now, evaluation=evaluation, named=named
            )
        )

    async def _write(
        self, policy: Policy, plan: Plan, scale: Scale, named: str, conflict: Condition
    ) -> tuple[Outcome, str]:
        await self._promise(policy, plan, scale, named, conflict)
        if refusal := self._gate.refusal():  # nothing may be awaited between this and the write
            return Outcome.DEFERRED, refusal
        await self._scaler.write(scale, policy.target, plan.desired)
        return Outcome.WRITTEN, plan.error

    async def _promise(self, policy: Policy, plan: Plan, scale: Scale, named: str, conflict: Condition) -> None:
        """Tell what is about to be written, and all the rest of the status with it. A conflict is somebody who decides
        here too, and forbids it; any other failure forbids only what could not be understood afterwards.
        """
        needed = tuple(planner.promise(plan, policy, self._compat))
        pending = Pending(
            decision=named,
            leadership=self._journal.epoch,
            current=scale.replicas,
            desired=plan.desired,
            resource_version=scale.resource_version,
            reason=plan.reason,
        )
        status = replace(self._status(policy, plan, (conflict, *needed)), pending=pending)
        try:
            await self._teller.promise(policy, status)
        except KubeError as exc:
            if needed or isinstance(exc, ConflictError):
                raise
            log.warning("Scaling without a word in the status first", policy=str(policy.key), error=str(exc))
        self._journal.settle(policy, named)

    def _retained(self, policy: Policy, plan: Plan) -> History:
        return retention.retained(plan.history, policy, self._settings, self._clock.now())

    async def _conflict(self, evaluation: Evaluation) -> Condition:
        """Whether somebody else writes the number too, or keeps taking ours back."""
        policy, scale, now = evaluation.policy, evaluation.scale, self._clock.monotonic()
        if evaluation.claims:
            self._teller.contested(policy)
        if scale is not None and self._reverts.saw(policy, scale.replicas, now):
            self._reverts.blame(policy, await self._writers.of_replicas(policy.namespace, policy.target))
        told, fight = (
            standing.conflicted(policy, evaluation.claims, evaluation.unseen),
            self._reverts.fight(policy, now),
        )
        return told if fight is None or told.status != "False" else standing.reverted(policy, fight.base, fight.writer)

    async def _tell(self, policy: Policy, plan: Plan, decision: Decision, conflict: Condition, now: float) -> None:
        """The status after a write says no more than the one before it but that it is done, and can wait for the next
        evaluation; unless it says whether a target at 0 is to be woken.
        """
        kept = await self._teller.record(decision)
        status = replace(
            self._status(policy, plan, (conflict, self._teller.delivered(kept))),
            last_scale=now if decision.outcome is Outcome.WRITTEN else None,
            last_decision=kept.id,
        )
        if decision.outcome in (Outcome.FAILED, Outcome.CONFLICTED):
            status = replace(status, desired_replicas=policy.desired)  # what was promised is not so
        done = decision.outcome is Outcome.WRITTEN and not kept.trouble and plan.current and plan.desired
        await self._teller.publish(policy, status, plan.events, soon=not done)

    def _status(self, policy: Policy, plan: Plan, others: Sequence[Condition]) -> PolicyStatus:
        return PolicyStatus(
            observed_generation=policy.generation,
            current_replicas=plan.current,
            desired_replicas=plan.desired if plan.decided else None,
            metrics=plan.metrics,
            conditions=standing.standing(policy, plan, others),
            settles=self._journal.settled(policy),
            leadership=self._journal.epoch,
            history=self._retained(policy, plan),
        )

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
        now, protected = self._clock.now(), policy.namespace in self._protected
        decision = self._teller.decision(policy, plan, Outcome.HELD, message, now=now, evaluation=None)
        rests_on = Basis(spec=basis.spec_of(policy), settings=self._settings, protected=protected)
        decision = replace(decision, basis=rests_on)
        kept = await self._teller.record(decision)
        told = (*conditions, self._teller.delivered(kept))
        status = PolicyStatus(
            observed_generation=policy.generation,
            conditions=(*told, *standing.unknown(policy, told)),
            last_decision=kept.id,
            settles=self._journal.settled(policy),
            leadership=self._journal.epoch,
        )
        await self._teller.publish(policy, status, (EventNote("Warning", "InvalidSpec", message),))
        return decision
