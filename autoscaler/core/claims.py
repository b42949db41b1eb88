"""Who else scales the target: two that write one number undo each other, so then nobody of ours does."""

from __future__ import annotations

from autoscaler.core.evaluation import Corrected, Evaluation
from autoscaler.model.plan import Contested
from autoscaler.model.reason import Reason


def contested(evaluation: Evaluation, current: int, wanted: int) -> Corrected | None:
    """The current size, while somebody else claims the target, or while nobody knows whether somebody does."""
    if wanted == current or not (evaluation.claims or evaluation.unseen):
        return None
    others = ", ".join(evaluation.claims)
    why = f"scaled by {others} too" if others else f"who else scales it is unknown: {evaluation.unseen}"
    return Corrected(
        replicas=current,
        stage=Contested(wanted=wanted, replicas=current, claims=tuple(evaluation.claims), unseen=evaluation.unseen),
        reason=Reason.CONFLICTED,
        why=why,
    )
