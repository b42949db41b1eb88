"""What came of an evaluation, told to all who ask: the audit, the log, the policy's status, its Events.

What fails on this way never keeps a target from being scaled: a record that the spool refuses goes into the log whole.
Only who asked for it (`--audit-full=halt`) is not scaled without a record; then `reserve` says so before the write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct

from autoscaler.control.postbox import Postbox
from autoscaler.core import basis
from autoscaler.core.evaluation import Evaluation
from autoscaler.errors import AuditError, ShedError, SlowError
from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.instant import micro_text
from autoscaler.model.plan import Action, EventNote, Plan
from autoscaler.model.policy import Condition, Policy
from autoscaler.model.status import PolicyStatus
from autoscaler.telemetry import ControlTelemetry

log = structlog.get_logger(__name__)


class Kept(Struct, frozen=True):
    """The id under which a record is found; `trouble` and its `message` when it is only in the log, or may be."""

    id: str
    trouble: str = ""
    message: str = ""


class Journal(Protocol):
    """`record` returns the id of the record that has the decision, once it is durable; ShedError: it was dropped on
    purpose; SlowError: nobody knows yet; AuditError: it is not kept. `halting`: nothing is carried out without a
    record; then `reserve` raises AuditError when there would be none, and `reserved` is what was, until it is recorded.
    """

    @property
    def halting(self) -> bool: ...
    async def record(self, decision: Decision) -> str: ...
    async def reserve(self, decision: Decision) -> None: ...
    async def reserved(self, key: str) -> Decision | None: ...


class Events(Protocol):
    """Offers an Event about a policy; returns at once, and nothing comes of a failure."""

    async def event(self, policy: Policy, note: EventNote) -> None: ...


class Rivals(Protocol):
    """Who else scales a policy's target: `warn` tells them too, and may be called again while it lasts."""

    def warn(self, policy: Policy) -> None: ...


class Delivery(Protocol):
    """Whether records reach where they are read, as a condition."""

    def condition(self) -> Condition: ...


class Teller:
    """`new_id` gives each record an id that is unique for ever; `leadership` is whose decisions these are."""

    def __init__(
        self,
        journal: Journal,
        postbox: Postbox,
        events: Events,
        delivery: Delivery,
        telemetry: ControlTelemetry,
        *,
        rivals: Rivals,
        new_id: Callable[[], str],
        leadership: Callable[[], int | None],
    ) -> None:
        self._journal = journal
        self._postbox = postbox
        self._events = events
        self._rivals = rivals
        self._delivery = delivery
        self._telemetry = telemetry
        self._new_id = new_id
        self._leadership = leadership

    def new_id(self) -> str:
        """For a decision that must be named before it is recorded."""
        return self._new_id()

    def decision(
        self,
        policy: Policy,
        plan: Plan,
        outcome: Outcome,
        error: str,
        *,
        now: float,
        evaluation: Evaluation | None,
        named: str = "",
    ) -> Decision:
        """The record of a plan and of what became of it; `evaluation` None: the policy could not be evaluated.

        `named`: the id it has already.
        """
        oldest = evaluation.oldest_sample if evaluation else None
        return Decision(
            id=named or self._new_id(),
            time=micro_text(now),
            target=policy.target,
            namespace=policy.namespace,
            policy=PolicyRef(policy.kind, policy.namespace, policy.name, policy.uid, policy.generation),
            action=plan.action,
            outcome=outcome,
            current=plan.current,
            desired=max(0, plan.desired),  # where nothing was decided, as somebody's status has it
            reason=plan.reason,
            error=error,
            compat=evaluation.settings.compat.release if evaluation else "",
            sample_age=None if oldest is None else max(0.0, now - oldest),  # a node's clock may be ahead
            stages=plan.stages,
            conditions=plan.conditions,
            events=plan.events,
            leadership=self._leadership(),
            basis=basis.of(evaluation) if evaluation else None,
        )

    async def record(self, decision: Decision) -> Kept:
        """Make it durable, or at least readable in the log."""
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
            return Kept(await self._journal.record(decision))
        except ShedError:
            return Kept(decision.id)  # counted, and told by the condition for all policies at once
        except SlowError as exc:
            log.warning("A record waits for the disk", error=str(exc), record=_text(decision))
            return Kept(decision.id, "DiskSlow", "the disk has not yet taken the last record, which is in the log too")
        except AuditError as exc:
            log.error("Kept a record in this log only", error=str(exc), record=_text(decision))
            message = "the spool did not take the last record, it is in the program's log only"
            return Kept(decision.id, "NotKept", message)

    async def reserve(self, intended: Callable[[], Decision]) -> str:
        """Why this decision must not be carried out, "" when there will be a record of it, or need be none."""
        if not self._journal.halting:
            return ""
        try:
            await self._journal.reserve(intended())
        except AuditError as exc:
            return f"{exc}; nothing is scaled without a record (--audit-full=halt)"
        return ""

    async def whole(self, decision: Decision) -> Decision:
        """As it was reserved by a life that ended before it had recorded it, with all its sums; else as it is."""
        found = await self._journal.reserved(decision.key)
        return found if found is not None and found.id == decision.id else decision

    async def promise(self, policy: Policy, status: PolicyStatus) -> None:
        """Put this into the status now; raises KubeError when it could not be put there."""
        await self._postbox.promise(policy, status)

    def delivered(self, kept: Kept) -> Condition:
        """AuditDelivered, for the record just made: one that is not durable will never be delivered."""
        found = self._delivery.condition()
        if not kept.trouble:
            return found
        return Condition(type=found.type, status="False", reason=kept.trouble, message=kept.message)

    def contested(self, policy: Policy) -> None:
        """Whoever scales its target too has no status of ours to read it from."""
        self._rivals.warn(policy)

    async def publish(
        self, policy: Policy, status: PolicyStatus, events: Sequence[EventNote], *, soon: bool = True
    ) -> None:
        """Have the status brought up to date, soon or with the next one, and offer the events."""
        (self._postbox.post if soon else self._postbox.hold)(policy, status)
        for note in events:
            await self._events.event(policy, note)


def _text(decision: Decision) -> str:
    return msgspec.json.encode(decision).decode()
