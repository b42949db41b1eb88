"""Where a HorizontalPodScaler departs from the HPA, step by step: the one place where a further stage is added.

`BEFORE` change what the HPA's arithmetic is given, `AFTER` the number it gave. Each is a function of one module, does
nothing unless the policy asks for it, and leaves a stage in the record when it changed something. With all of them off
a plan is the HPA's, bit for bit. How to add one: docs/adding-a-stage.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core.ages import fresh_only
from autoscaler.core.claims import contested
from autoscaler.core.conditions import touched
from autoscaler.core.counting import own_count
from autoscaler.core.evaluation import Corrected, Evaluation, Prepared
from autoscaler.core.pause import paused
from autoscaler.core.startup import own_windows
from autoscaler.model.plan import Action, Final, Plan, Stage

Preparation = Callable[[Evaluation], Prepared | None]
"""What the arithmetic is to be given instead, or None: nothing to change."""
Correction = Callable[[Evaluation, int, int], Corrected | None]
"""From the size that is and the one that is wanted to the one that may be, or None: nothing to change."""

BEFORE: tuple[Preparation, ...] = (own_windows, own_count, fresh_only)
AFTER: tuple[Correction, ...] = (paused, contested)


class Given(Struct, frozen=True):
    """What the arithmetic is given, and the stages that say what was changed for it."""

    evaluation: Evaluation
    stages: tuple[Stage, ...] = ()


def prepared(evaluation: Evaluation, steps: Sequence[Preparation] = BEFORE) -> Given:
    """The evaluation as this policy wants it seen."""
    given = Given(evaluation)
    for step in steps:
        change = step(given.evaluation)
        if change is not None:
            given = Given(change.evaluation, (*given.stages, change.stage))
    return given


def corrected(plan: Plan, given: Given, steps: Sequence[Correction] = AFTER) -> Plan:
    """The plan with all that was changed before and after it; a pass that failed has no number to change."""
    if given.stages:
        plan = replace(plan, stages=(*given.stages, *plan.stages))
    for step in steps:
        if plan.current is None or not plan.decided:
            break
        change = step(given.evaluation, plan.current, plan.desired)
        if change is not None:
            plan = _with(plan, change, plan.current)
    return plan


def _with(plan: Plan, change: Corrected, current: int) -> Plan:
    """The stage stands before the last one, which says the number."""
    told = change.condition
    return replace(
        plan,
        action=Action.HOLD if change.replicas == current else Action.RESIZE,
        desired=change.replicas,
        reason=change.reason,
        stages=(
            *(each for each in plan.stages if not isinstance(each, Final)),
            change.stage,
            Final(current=current, replicas=change.replicas, why=change.why),
        ),
        conditions=touched(plan.conditions, told.type, told.status, told.reason, told.message)
        if told
        else plan.conditions,
    )
