"""Which stage of a plan decides its number, and what would end that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from autoscaler.core import sentences
from autoscaler.model.instant import seconds_text
from autoscaler.model.plan import Chosen, Contested, Forced, Limited, Paused, Plan, Proposal, Stabilized
from autoscaler.model.policy import Policy


class Cause(Struct, frozen=True):
    """The stage of the plan that decides the number, and how."""

    stage: str
    sentence: str


Holder = Contested | Paused | Limited | Stabilized


def holders(plan: Plan) -> Iterator[Holder]:
    """The stages that made another number of the one that was asked for, the last first."""
    for stage in reversed(plan.stages):
        match stage:
            case Contested() | Paused():
                yield stage
            case Limited() if stage.replicas != stage.wanted:
                yield stage
            case Stabilized() if stage.replicas != stage.proposed:
                yield stage


def ending(held: Holder | None, policy: Policy) -> str:
    """What ends at a time, as the end of a sentence."""
    match held:
        case Paused():
            return ", when spec.pause is over"
        case Limited(reason="ScaleUpLimit") if policy.behavior is None:
            return ", when the next sync period has begun"
        case Limited(reason="ScaleUpLimit" | "ScaleDownLimit") if not held.policy.startswith("selectPolicy"):
            return f", when {held.policy} allows it"
        case Stabilized() if held.by is not None:
            return f", when the {held.by.replicas} of {clock(held.by.time)} expires"
    return ""


def cause(plan: Plan, metrics: Sequence[tuple[str, Proposal]], now: float, policy: Policy) -> Cause:
    """The stage that decides, and how."""
    held = next(holders(plan), None)
    if held is None:
        return _asked_for(plan, metrics)
    match held:
        case Contested():
            stage, told = "contested", sentences.contested(held)
        case Paused():
            stage, told = "paused", f"spec.pause: {sentences.paused(held)}"
        case Limited():
            stage, told = "limited", f"{_limit(held, policy)}; {held.wanted} would be wanted"
        case Stabilized():
            stage, told = "stabilized", sentences.stabilized(held, now)
    return Cause(stage, told)


def _asked_for(plan: Plan, metrics: Sequence[tuple[str, Proposal]]) -> Cause:
    """The same where the number is the one that was asked for, or none was."""
    for stage in plan.stages:
        match stage:
            case Forced():
                return Cause("forced", sentences.forced(stage))
            case Chosen() if plan.decided:
                won = next(((name, each) for name, each in metrics if each.replicas == stage.replicas), None)
                return Cause("chosen", f"{won[0]} asks for it: {won[1].why}" if won else stage.metric)
    failed = ", ".join(name for name, proposal in metrics if proposal.replicas is None)
    return Cause("proposal", f"{failed} failed, so it stays as it is" if failed else plan.error)


def _limit(stage: Limited, policy: Policy) -> str:
    if stage.policy.startswith("selectPolicy"):
        return f"spec.behavior.{'scaleUp' if stage.reason == 'ScaleUpLimit' else 'scaleDown'}.selectPolicy is Disabled"
    return sentences.limited(stage)


def clock(at: float) -> str:
    """The time of day."""
    return seconds_text(at)[11:]
