"""What a decision rests on besides what was measured: with the sums in its stages, enough to decide again."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.model.bounds import Int64
from autoscaler.model.plan import History
from autoscaler.model.policy import Behavior, ControllerSettings, Deviations, MetricSpec, Mode


class Spec(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The policy's spec as it was read, defaults applied; the target is the record's."""

    min_replicas: Int64 = 1
    max_replicas: Int64 = 0
    metrics: tuple[MetricSpec, ...] = ()
    behavior: Behavior | None = None
    mode: Mode = Mode.ENFORCE
    deviations: Deviations = Deviations()


class Basis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The policy, the program's settings in force, and what was known before.

    `history` is all of it that could decide at this time (`core.basis.used`); of `repeats` it is that of the first,
    each later one has the recommendations of those before it as well. `observed` is the scale's status.replicas, None:
    the same as `current`. `period_start` is the size when the sync period began, None: `current`. `zeroed`: the policy
    had scaled its target to 0. `claims` are others that scale the target, `unseen` says why that is not known.
    `protected`: in this namespace nothing is scaled.
    """

    spec: Spec
    settings: ControllerSettings = ControllerSettings()
    history: History = History()
    observed: Int64 | None = None
    selector: str = ""
    period_start: Int64 | None = None
    zeroed: bool = False
    claims: tuple[str, ...] = ()
    unseen: str = ""
    protected: bool = False
