"""autoscaling/v2 HorizontalPodAutoscaler and HorizontalPodScaler (the same spec, and more) to `model.policy.Policy`.

The API defaulter's work is done here too, as an HPA read from a file has not been through it (hpa.md §4.5, §6.1).
Nothing is judged: what makes no sense is kept as it is, for the validation that tells the owner. Only what cannot be
read at all, such as a quantity that is none, is a MalformedError.
"""

from __future__ import annotations

from msgspec import Raw, Struct, field

from autoscaler.core import selectors
from autoscaler.kube.decode import amount, instant, kept_annotations
from autoscaler.kube.decode_deviations import DeviationsWire, deviations
from autoscaler.kube.wire import ConditionWire, MetaWire, decoder
from autoscaler.model.policy import (
    Behavior,
    Condition,
    MetricSpec,
    MetricType,
    Mode,
    Policy,
    ScalingPolicy,
    ScalingRules,
    TargetRef,
)
from autoscaler.model.quantity import fraction

DEFAULT_METRIC = MetricSpec(type=MetricType.RESOURCE, name="cpu", target_type="Utilization", utilization=80)
DEFAULT_UP = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 4, 15), ScalingPolicy("Percent", 100, 15)))
DEFAULT_DOWN = ScalingRules(policies=(ScalingPolicy("Percent", 100, 15),))

Quantity = str | int | float


class RefWire(Struct, rename="camel"):
    """A reference to an object of any kind."""

    api_version: str | None = None
    kind: str = ""
    name: str = ""


class ExpressionWire(Struct):
    """One of `matchExpressions`."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class SelectorWire(Struct, rename="camel"):
    """metav1.LabelSelector."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[ExpressionWire] | None = None


class IdentifierWire(Struct):
    """`metric` of a pods, object or external source."""

    name: str = ""
    selector: SelectorWire | None = None


class TargetWire(Struct, rename="camel"):
    """`target` of a source."""

    type: str = ""
    value: Quantity | None = None
    average_value: Quantity | None = None
    average_utilization: int | None = None


class SourceWire(Struct, rename="camel"):
    """Any of the five metric sources."""

    name: str = ""
    container: str = ""
    metric: IdentifierWire | None = None
    described_object: RefWire | None = None
    target: TargetWire | None = None


class MetricWire(Struct, rename="camel"):
    """One of `spec.metrics`."""

    type: str = ""
    resource: SourceWire | None = None
    container_resource: SourceWire | None = None
    pods: SourceWire | None = None
    object: SourceWire | None = None
    external: SourceWire | None = None


class RateWire(Struct, rename="camel"):
    """One of `policies`."""

    type: str = ""
    value: int = 0
    period_seconds: int = 0


class RulesWire(Struct, rename="camel"):
    """`scaleUp` or `scaleDown`."""

    stabilization_window_seconds: int | None = None
    select_policy: str | None = None
    policies: list[RateWire] | None = None
    tolerance: Quantity | None = None


class BehaviorWire(Struct, rename="camel"):
    """`spec.behavior`."""

    scale_up: RulesWire | None = None
    scale_down: RulesWire | None = None


class SpecWire(DeviationsWire, rename="camel"):
    """`spec`."""

    scale_target_ref: RefWire | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    metrics: list[MetricWire] | None = None
    behavior: BehaviorWire | None = None
    mode: str | None = None


class StatusWire(Struct, rename="camel"):
    """`status`, as far as decisions need it."""

    desired_replicas: int | None = None
    conditions: list[ConditionWire] | None = None
    last_scale_time: str | None = None
    observed_generation: int | None = None


class PolicyWire(Struct):
    """The object."""

    metadata: MetaWire
    kind: str | None = None
    spec: SpecWire = field(default_factory=SpecWire)
    status: StatusWire | None = None


_policy = decoder(PolicyWire)


def policy(data: bytes | Raw, kind: str = "") -> Policy:
    """The object, defaults applied; `kind` stands in where a list of a built-in kind leaves it out."""
    wire = _policy(data)
    meta, spec, status = wire.metadata, wire.spec, wire.status or StatusWire()
    return Policy(
        kind=wire.kind or kind,
        namespace=meta.namespace or "",
        name=meta.name,
        uid=meta.uid or "",
        generation=meta.generation or 0,
        resource_version=meta.resource_version or "",
        created=instant(meta.creation_timestamp),
        target=_ref(spec.scale_target_ref or RefWire()),
        min_replicas=1 if spec.min_replicas is None else spec.min_replicas,
        max_replicas=spec.max_replicas or 0,
        metrics=tuple(_metric(each) for each in spec.metrics) if spec.metrics else (DEFAULT_METRIC,),
        behavior=None if spec.behavior is None else _behavior(spec.behavior),
        mode=_mode(spec.mode),
        deviations=deviations(spec),
        desired=status.desired_replicas or 0,
        conditions=tuple(_condition(each) for each in status.conditions or ()),
        last_scale=instant(status.last_scale_time),
        observed_generation=status.observed_generation,
        annotations=kept_annotations(meta.annotations),
    )


def _mode(text: str | None) -> Mode:
    """Absent is Enforce; anything unknown is Shadow, which writes nothing."""
    return Mode.ENFORCE if text in (None, "", Mode.ENFORCE) else Mode.SHADOW


def _ref(wire: RefWire) -> TargetRef:
    return TargetRef(wire.api_version or "", wire.kind, wire.name)


def _metric(wire: MetricWire) -> MetricSpec:
    """The source that `type` names; one without it has no target, and the validation says so."""
    sources = {
        MetricType.RESOURCE: wire.resource,
        MetricType.CONTAINER_RESOURCE: wire.container_resource,
        MetricType.PODS: wire.pods,
        MetricType.OBJECT: wire.object,
        MetricType.EXTERNAL: wire.external,
    }
    source = next((found for kind, found in sources.items() if kind == wire.type), None) or SourceWire()
    target = source.target or TargetWire()
    metric = source.metric or IdentifierWire(name=source.name)
    return MetricSpec(
        type=wire.type,
        name=metric.name,
        container=source.container,
        described=None if source.described_object is None else _ref(source.described_object),
        selector="" if metric.selector is None else _selector(metric.selector),
        target_type=target.type,
        utilization=target.average_utilization,
        average_value=None if target.average_value is None else amount(target.average_value),
        value=None if target.value is None else amount(target.value),
    )


def _selector(wire: SelectorWire) -> str:
    expressions = [(each.key, each.operator, each.values or ()) for each in wire.match_expressions or ()]
    return str(selectors.from_object(wire.match_labels or {}, expressions))


def _behavior(wire: BehaviorWire) -> Behavior:
    return Behavior(up=_rules(wire.scale_up, DEFAULT_UP), down=_rules(wire.scale_down, DEFAULT_DOWN))


def _rules(wire: RulesWire | None, default: ScalingRules) -> ScalingRules:
    """Given fields replace single defaults, a given list of policies the whole list (hpa.md §4.5)."""
    if wire is None:
        return default
    window = wire.stabilization_window_seconds
    return ScalingRules(
        stabilization=default.stabilization if window is None else window,
        select=wire.select_policy or default.select,
        policies=default.policies
        if wire.policies is None
        else tuple(ScalingPolicy(each.type, each.value, each.period_seconds) for each in wire.policies),
        tolerance=None if wire.tolerance is None else _fraction(wire.tolerance),
    )


def _fraction(value: Quantity) -> float:
    return fraction(value if isinstance(value, str) else str(value))


def _condition(wire: ConditionWire) -> Condition:
    return Condition(
        type=wire.type,
        status=wire.status,
        reason=wire.reason or "",
        message=wire.message or "",
        since=instant(wire.last_transition_time),
    )
