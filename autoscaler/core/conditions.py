"""Conditions of a status: those an evaluation touched, and how they are laid over the ones that stand there."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from autoscaler.model.policy import Condition

Conditions = tuple[Condition, ...]

ABLE = "AbleToScale"
ACTIVE = "ScalingActive"
LIMITED = "ScalingLimited"
TO_ZERO = "ScaledToZero"

REMOVED = ""
"""As a condition's `status`: the condition is to be taken away."""


def touched(conditions: Conditions, type_: str, status: str, reason: str, message: str) -> Conditions:
    """The same list with this condition set: in its old place, else at the end."""
    new = Condition(type=type_, status=status, reason=reason, message=message)
    if any(each.type == type_ for each in conditions):
        return tuple(new if each.type == type_ else each for each in conditions)
    return (*conditions, new)


def holds(conditions: Iterable[Condition], type_: str) -> bool:
    """Whether the condition of this type is True."""
    return any(each.type == type_ and each.status == "True" for each in conditions)


def merged(standing: Iterable[Condition], new: Iterable[Condition], now: float) -> Conditions:
    """`standing` with `new` laid over it; `since` moves only where the status changes (metav1.Condition)."""
    result = {each.type: each for each in standing}
    for each in new:
        old = result.get(each.type)
        since = old.since if old is not None and old.status == each.status else now
        result[each.type] = msgspec.structs.replace(each, since=since)
    return tuple(each for each in result.values() if each.status != REMOVED)
