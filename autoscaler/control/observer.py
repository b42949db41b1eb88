"""Evaluates HorizontalPodAutoscalers beside kube-controller-manager and records what it thinks of its decisions.

Nothing is ever written: there is no seam here through which it could be. What the HPA writes is taken over into the
history, so that rate limits count as they do there.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.control.gatherer import Gatherer
from autoscaler.control.memory import Memory, PolicyId, identity
from autoscaler.control.teller import Teller
from autoscaler.core import behavior, planner
from autoscaler.core.comparison import Course, Theirs, compared
from autoscaler.model.agreement import Agreement, Verdict
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.objects import ObjectKey
from autoscaler.model.plan import Action, Plan
from autoscaler.model.policy import Policy
from autoscaler.telemetry import ControlTelemetry

PATIENCE_PERIODS = 3
"""So many sync periods the other side may take to come to the same number before the difference counts."""


class Statuses(Protocol):
    """What the HPA's status says now; None when the HPA is gone."""

    def theirs(self, key: ObjectKey) -> Theirs | None: ...


class _Seen(Struct, frozen=True):
    """When the HPA had last scaled, and the size of its target then."""

    scaled: float | None
    replicas: int


class Observer:
    """An evaluator without hands; `sync_period` is kube-controller-manager's, in seconds."""

    def __init__(
        self,
        *,
        gatherer: Gatherer,
        teller: Teller,
        memory: Memory,
        statuses: Statuses,
        sync_period: float,
        telemetry: ControlTelemetry,
    ) -> None:
        self._gatherer = gatherer
        self._teller = teller
        self._memory = memory
        self._statuses = statuses
        self._patience = PATIENCE_PERIODS * sync_period
        self._telemetry = telemetry
        self._seen: dict[PolicyId, _Seen] = {}
        self._courses: dict[PolicyId, Course] = {}
        self._verdicts: dict[PolicyId, Verdict] = {}
        for verdict in Verdict:
            telemetry.observed.labels(verdict.value).set_function(partial(self._count, verdict))

    async def reconcile(self, policy: Policy) -> Decision:
        """Evaluate once and record it with the agreement."""
        evaluation = await self._gatherer.gathered(policy, live=True)  # a size older than the status misleads `_follow`
        if evaluation.scale is not None:
            self._follow(policy, evaluation.scale.replicas)
            evaluation = replace(evaluation, history=self._memory.history(policy))
        plan = planner.plan(evaluation)
        self._memory.keep(policy, plan.history)
        agreement = self._compared(policy, plan, evaluation.now)
        outcome = Outcome.HELD if plan.action is Action.HOLD else Outcome.OBSERVED
        decision = self._teller.decision(policy, plan, outcome, plan.error, now=evaluation.now, evaluation=evaluation)
        decision = replace(decision, agreement=agreement)
        await self._teller.record(decision)
        return decision

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Drop what belongs to HPAs that are gone."""
        tables: tuple[dict[PolicyId, object], ...] = (self._seen, self._courses, self._verdicts)  # type: ignore[assignment]
        for table in tables:
            for gone in table.keys() - policies:
                del table[gone]

    def _follow(self, policy: Policy, replicas: int) -> None:
        """A move of the HPA counts towards its rate limits, from when its status says that it was written."""
        before = self._seen.get(identity(policy))
        if before is not None and policy.last_scale == before.scaled:
            return  # the new size may be here before the status that says whose it is
        self._seen[identity(policy)] = _Seen(policy.last_scale, replicas)
        if before is not None and policy.last_scale is not None:
            history, size = self._memory.history(policy), before.replicas
            history = behavior.recorded(history, policy.behavior, size, replicas, policy.last_scale)
            self._memory.keep(policy, history)

    def _compared(self, policy: Policy, plan: Plan, now: float) -> Agreement:
        key = identity(policy)
        theirs = self._statuses.theirs(policy.key) or Theirs(desired=None)
        agreement, self._courses[key] = compared(plan, theirs, self._courses.get(key), now, self._patience)
        self._verdicts[key] = agreement.verdict
        self._telemetry.agreements.labels(agreement.verdict.value).inc()
        if agreement.lead is not None:
            self._telemetry.lead_seconds.observe(agreement.lead)
        return agreement

    def _count(self, verdict: Verdict) -> float:
        return float(sum(each is verdict for each in self._verdicts.values()))
