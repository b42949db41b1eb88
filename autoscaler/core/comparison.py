"""Ours beside theirs: whether both want the same number, who wanted it first, and where they part."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from autoscaler.core.conditions import ABLE, ACTIVE, LIMITED
from autoscaler.model.agreement import Agreement, Verdict
from autoscaler.model.plan import Plan
from autoscaler.model.policy import Condition


class Theirs(Struct, frozen=True, kw_only=True):
    """What the HPA's status says: its number, its conditions, its metrics by position (percent or milli)."""

    desired: int | None
    conditions: Sequence[Condition] = ()
    metrics: Sequence[int | None] = ()


class Course(Struct, frozen=True, kw_only=True):
    """The two numbers as they were last seen, since when they differ, and whether it was ours that moved."""

    ours: int
    theirs: int | None
    apart_since: float | None = None
    we_moved: bool = False


def compared(
    plan: Plan, theirs: Theirs, before: Course | None, now: float, patience: float
) -> tuple[Agreement, Course]:
    """The verdict now, and the course to give the next time; a difference older than `patience` seconds is settled."""
    ours = plan.desired
    if theirs.desired is None or plan.current is None:
        return Agreement(verdict=Verdict.UNKNOWN, theirs=theirs.desired), Course(ours=ours, theirs=theirs.desired)
    if ours == theirs.desired:
        lead = None
        if before is not None and before.apart_since is not None:
            lead = round((now - before.apart_since) * (1 if before.we_moved else -1), 3)
        return Agreement(verdict=Verdict.SAME, theirs=ours, lead=lead), Course(ours=ours, theirs=ours)
    course = _apart(ours, theirs.desired, before, now)
    if course.apart_since is None or now - course.apart_since <= patience:
        verdict = Verdict.AHEAD if course.we_moved else Verdict.BEHIND
        return Agreement(verdict=verdict, theirs=theirs.desired), course
    because = parting(plan, theirs)
    return Agreement(verdict=Verdict.DIFFERS, theirs=theirs.desired, because=because), course


def _apart(ours: int, theirs: int, before: Course | None, now: float) -> Course:
    """They differ since one of them moved; a further move of either begins the wait anew."""
    if before is not None and before.apart_since is not None and (before.ours, before.theirs) == (ours, theirs):
        return before
    we_moved = before is None or before.theirs == theirs
    return Course(ours=ours, theirs=theirs, apart_since=now, we_moved=we_moved)


def parting(plan: Plan, theirs: Theirs) -> str:
    """The first step at which the two differ, by the name of its stage, and how."""
    for index, (mine, other) in enumerate(zip(plan.metrics or (), theirs.metrics, strict=False)):
        told = (mine.utilization, mine.average_value, mine.value)
        measured = next((each for each in told if each is not None), None)
        if other is not None and measured is not None and measured != other:
            return f"proposal: {mine.name or f'metric {index}'} was {measured} here and {other} there"
    for step, kind in (("proposal", ACTIVE), ("stabilized", ABLE), ("limited", LIMITED)):
        mine_reason, their_reason = (_reason(each, kind) for each in (plan.conditions, theirs.conditions))
        if their_reason and mine_reason != their_reason and not {mine_reason, their_reason} <= _CALM:
            return f"{step}: {kind} is {mine_reason or 'not told'} here and {their_reason} there"
    stabilized, limited = _reason(plan.conditions, ABLE) not in _CALM, _reason(plan.conditions, LIMITED) not in _CALM
    if not stabilized and not limited:
        return (
            f"proposal: from the same values, {plan.desired} here and {theirs.desired} there: "
            "another tolerance, another release (--compat) or other pods counted"
        )
    if stabilized:
        return "stabilized: both saw the same, but remember different recommendations"
    return "limited: both were held to a limit of the same name, but not of the same size"


_CALM = {"", "SucceededGetScale", "ReadyForNewScale", "SucceededRescale", "DesiredWithinRange"}
"""Reasons of AbleToScale and ScalingLimited when what was proposed is what is wanted."""


def _reason(conditions: Sequence[Condition], kind: str) -> str:
    return next((each.reason for each in conditions if each.type == kind), "")
