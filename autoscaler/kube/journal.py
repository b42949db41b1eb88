"""What a policy's status keeps for whoever decides next: a decision that is being written, whose, and the history.

What somebody else made of it is no reason to stop: a part that cannot be read is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from autoscaler.errors import ConflictError
from autoscaler.model.bounds import Replicas
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.status import Pending, PolicyStatus

Document = Mapping[str, object]
_Part = TypeVar("_Part")


class _PendingWire(Struct, rename="camel", omit_defaults=True):
    decision_id: str
    from_replicas: Replicas
    to_replicas: Replicas
    resource_version: str = ""
    reason: str = ""
    leadership: int | None = None


class _HistoryWire(Struct, rename="camel", omit_defaults=True):
    recommendations: tuple[Recommendation, ...] = ()
    scale_ups: tuple[ScaleEvent, ...] = ()
    scale_downs: tuple[ScaleEvent, ...] = ()


def pending(status: Document) -> Pending | None:
    """The decision whose end is not there."""
    wire = _part(status.get("pendingDecision"), _PendingWire)
    if wire is None:
        return None
    return Pending(
        decision=wire.decision_id,
        leadership=wire.leadership,
        current=wire.from_replicas,
        desired=wire.to_replicas,
        resource_version=wire.resource_version,
        reason=wire.reason,
    )


def history(status: Document) -> History | None:
    """What another process left."""
    wire = _part(status.get("history"), _HistoryWire)
    if wire is None:
        return None
    return History(
        recommendations=wire.recommendations,
        scale_ups=wire.scale_ups,
        scale_downs=wire.scale_downs,
        restored=True,
    )


def merged(held: Document, status: PolicyStatus) -> Document:
    """`held` with what `status` says of these.

    ConflictError when a later leadership has written there, or a decision stands there whose end nobody has looked for.
    """
    found, later = pending(held), _part(held.get("leadership"), int)
    if later is not None and status.leadership is not None and later > status.leadership:
        raise ConflictError(f"leadership {later} decides here, ours was {status.leadership}", status=409)
    made = {key: value for key, value in held.items() if key != "pendingDecision"}
    if status.leadership is not None:
        made["leadership"] = status.leadership
    if status.history is not None:
        made["history"] = _built(
            _HistoryWire(
                recommendations=status.history.recommendations or (),
                scale_ups=status.history.scale_ups,
                scale_downs=status.history.scale_downs,
            )
        )
    if found is not None and found.decision != status.settles:
        if status.pending is not None and found.decision != status.pending.decision:
            raise ConflictError(f"decision {found.decision} is not finished", status=409)
        made["pendingDecision"] = held["pendingDecision"]
    if status.pending is not None:
        made["pendingDecision"] = _built(
            _PendingWire(
                decision_id=status.pending.decision,
                from_replicas=status.pending.current,
                to_replicas=status.pending.desired,
                resource_version=status.pending.resource_version,
                reason=status.pending.reason,
                leadership=status.pending.leadership,
            )
        )
    return made


def _built(wire: Struct) -> object:
    return msgspec.to_builtins(wire)


def _part(value: object, shape: type[_Part]) -> _Part | None:
    try:
        return None if value is None else msgspec.convert(value, shape)
    except msgspec.ValidationError:
        return None
