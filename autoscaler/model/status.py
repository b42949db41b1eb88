"""What a HorizontalPodScaler's status says after an evaluation."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.model.plan import MetricStatus
from autoscaler.model.policy import Condition


class PolicyStatus(Struct, frozen=True, kw_only=True):
    """Body of PUT .../status; None = leave what is there (`metrics`, `last_scale`, the replica counts).

    `conditions` are all conditions that this evaluation touched; others in the object stay. `since` of a condition is
    filled in by the writer: it moves only when `status` changes (metav1.Condition).
    """

    observed_generation: int
    current_replicas: int | None = None
    desired_replicas: int | None = None
    metrics: tuple[MetricStatus, ...] | None = None
    conditions: tuple[Condition, ...] = ()
    last_scale: float | None = None
    last_decision: str = ""
