"""What somebody asked for: an autoscaling/v2 spec, from a HorizontalPodAutoscaler or a HorizontalPodScaler."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from autoscaler.model.bounds import Amount, Int64
from autoscaler.model.compat import Compat
from autoscaler.model.objects import Labels, ObjectKey


class TargetRef(Struct, frozen=True):
    """`spec.scaleTargetRef`."""

    api_version: str
    kind: str
    name: str


class MetricType(StrEnum):
    """autoscaling/v2 `MetricSourceType`."""

    RESOURCE = "Resource"
    CONTAINER_RESOURCE = "ContainerResource"
    PODS = "Pods"
    OBJECT = "Object"
    EXTERNAL = "External"


class MetricSpec(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One `spec.metrics[]`; which of the target fields is set decides the formula.

    `type` is a plain string: an unknown one must become a condition, not a decode error.
    `selector` is the metric's LabelSelector in its string form, "" = no filter; in parentheses why it has none.
    """

    type: str
    name: str
    container: str = ""
    described: TargetRef | None = None
    selector: str = ""
    target_type: str = ""
    utilization: Int64 | None = None
    average_value: Amount | None = None
    value: Amount | None = None


class ScalingPolicy(Struct, frozen=True):
    """One entry of `behavior.scaleUp.policies`: `type` is Pods or Percent."""

    type: str
    value: Int64
    period: Int64


class ScalingRules(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One direction of `spec.behavior`, defaults filled in; None = the controller's own value applies.

    `tolerance` is a fraction computed as `milli * 1e-3`, as upstream computes it.
    """

    stabilization: Int64 | None = None
    select: str = "Max"
    policies: tuple[ScalingPolicy, ...] = ()
    tolerance: float | None = None


class Behavior(Struct, frozen=True):
    """`spec.behavior`; a policy without one takes the legacy path, upstream's of before there was one."""

    up: ScalingRules
    down: ScalingRules


class Mode(StrEnum):
    """`spec.mode`: Shadow decides and records, writes nothing. OBSERVE is that of every HPA that is observed."""

    ENFORCE = "Enforce"
    SHADOW = "Shadow"
    OBSERVE = "Observe"


class Pause(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`spec.pause`: nothing is written in these directions (Up, Down) before `until`; it ends by itself.

    `reason` and `actor` are told in every record that it changed.
    """

    directions: tuple[str, ...] = ("Up", "Down")
    until: float
    reason: str
    actor: str


class Deviations(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a HorizontalPodScaler departs from the HPA, on its owner's wish; all defaults are the HPA's own behaviour.

    Spans in seconds. Which field of the spec is which, and what it does: docs/adding-a-stage.md.
    """

    owned_pods_only: bool = False
    ignore_rollout_surge: bool = False
    max_sample_age: float | None = None
    usage_window: float | None = None
    cpu_initialization: float | None = None
    initial_readiness_delay: float | None = None
    sync_period: float | None = None
    pause: Pause | None = None


class Condition(Struct, frozen=True, kw_only=True):
    """A metav1.Condition of a status; `since` is lastTransitionTime, None until it is written."""

    type: str
    status: str
    reason: str
    message: str
    since: float | None = None


class Policy(Struct, frozen=True, kw_only=True):
    """A HorizontalPodScaler or HorizontalPodAutoscaler as read, defaults applied; nothing here is validated yet.

    `desired`, `conditions`, `last_scale` and `observed_generation` are its status. `unreadable`: which field cannot be
    read and why, and nothing of its spec is known but the target; "" when it was read.
    """

    kind: str
    namespace: str
    name: str
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    created: float | None = None
    target: TargetRef
    min_replicas: int = 1
    max_replicas: int = 0
    metrics: tuple[MetricSpec, ...] = ()
    behavior: Behavior | None = None
    mode: Mode = Mode.ENFORCE
    deviations: Deviations = Deviations()
    desired: int = 0
    conditions: tuple[Condition, ...] = ()
    last_scale: float | None = None
    observed_generation: int | None = None
    annotations: Labels = {}
    unreadable: str = ""

    @property
    def key(self) -> ObjectKey:
        """What names it among its kind."""
        return ObjectKey(self.namespace, self.name)


class ControllerSettings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """kube-controller-manager's own knobs, in seconds and fractions, with upstream's defaults.

    `compat` says by whose release it is decided. `sync_period` is how long one legacy doubling lasts.
    """

    tolerance: float = 0.1
    downscale_stabilization: float = 300.0
    cpu_initialization: float = 300.0
    initial_readiness_delay: float = 30.0
    legacy_up_factor: float = 2.0
    legacy_up_minimum: float = 4.0
    sync_period: float = 15.0
    compat: Compat = Compat()
