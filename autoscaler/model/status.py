"""What a HorizontalPodScaler's status says after an evaluation."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.model.plan import History, MetricStatus
from autoscaler.model.policy import Condition


class Pending(Struct, frozen=True, kw_only=True):
    """A decision that is about to be written: who finds it without its end looks what became of it.

    `resource_version` is that of the scale it was decided from, `leadership` whose it is (None: not one of several).
    """

    decision: str
    leadership: int | None = None
    current: int
    desired: int
    resource_version: str
    reason: str


class PolicyStatus(Struct, frozen=True, kw_only=True):
    """Body of PUT .../status; None = leave what is there (`metrics`, `last_scale`, the replica counts).

    `conditions` are all conditions that this evaluation touched; others in the object stay. `since` of a condition is
    filled in by the writer: it moves only when `status` changes (metav1.Condition). `pending` is put there before a
    write; without one, a status takes away the one whose decision it `settles`. `leadership` is the writer's: a status
    of a later one is not written over.
    """

    observed_generation: int
    current_replicas: int | None = None
    desired_replicas: int | None = None
    metrics: tuple[MetricStatus, ...] | None = None
    conditions: tuple[Condition, ...] = ()
    last_scale: float | None = None
    last_decision: str = ""
    pending: Pending | None = None
    settles: str = ""
    leadership: int | None = None
    history: History | None = None
