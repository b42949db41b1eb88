"""What a record says twice, compared: its action, its outcome, its two numbers, its bounds and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.plan import Action, Forced, Limited


def contradictions(decision: Decision) -> Iterator[str]:
    """Where it does not agree with itself, one sentence each; a record of this program never does."""
    current, desired = decision.current, decision.desired
    if (decision.action is Action.HOLD) is not (decision.outcome is Outcome.HELD):
        yield f"action {decision.action} and outcome {decision.outcome} exclude each other"
    if decision.action is Action.HOLD and current not in (None, desired):
        yield f"action hold, but current is {current} and desired {desired}"
    if decision.action is Action.RESIZE and current in (None, desired):
        yield f"action resize, but current is {current} and desired {desired}"
    for stage in decision.stages:
        if isinstance(stage, Forced | Limited) and stage.min_replicas > stage.max_replicas:
            yield f"min_replicas {stage.min_replicas} is more than max_replicas {stage.max_replicas}"
    if any(later.after < earlier.after for earlier, later in pairwise(decision.repeats)):
        yield "its repeats are not in the order of time"
