"""`spec.pause`: somebody wants a direction held until a time; the decision is made all the same, and told."""

from __future__ import annotations

from autoscaler.core.conditions import LIMITED
from autoscaler.core.evaluation import Corrected, Evaluation
from autoscaler.model.instant import seconds_text
from autoscaler.model.plan import Paused
from autoscaler.model.policy import Condition
from autoscaler.model.reason import Reason


def paused(evaluation: Evaluation, current: int, wanted: int) -> Corrected | None:
    """The current size, while a pause of this direction lasts; at its end it is over, whatever stands in the spec."""
    pause = evaluation.policy.deviations.pause
    if pause is None or wanted == current or evaluation.now >= pause.until:
        return None
    if ("Up" if wanted > current else "Down") not in pause.directions:
        return None
    why = f"paused by {pause.actor} until {seconds_text(pause.until)}: {pause.reason}"
    return Corrected(
        replicas=current,
        stage=Paused(
            wanted=wanted,
            replicas=current,
            directions=pause.directions,
            until=seconds_text(pause.until),
            by=pause.actor,
            why=pause.reason,
        ),
        reason=Reason.PAUSED,
        why=why,
        condition=Condition(type=LIMITED, status="True", reason=Reason.PAUSED, message=why),
    )
