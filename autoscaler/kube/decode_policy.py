"""autoscaling/v2 HorizontalPodAutoscaler and HorizontalPodScaler (the same spec, and more) to `model.policy.Policy`.

The API defaulter's work is done here too, as an HPA read from a file has not been through it.
Nothing is judged: what makes no sense is kept as it is, for the validation that tells the owner. Only what cannot be
read at all, such as a quantity that is none, is a MalformedError, which names the field. A status that cannot be read
is none: somebody else wrote it.
"""

from __future__ import annotations

import re

from msgspec import Raw, Struct
from msgspec.structs import replace

from autoscaler.core import selectors
from autoscaler.errors import MalformedError
from autoscaler.kube.decode import Quantity, amount, instant, kept_annotations, placed
from autoscaler.kube.decode_behavior import BehaviorWire, behavior
from autoscaler.kube.decode_deviations import DeviationsWire, deviations
from autoscaler.kube.wire import ConditionWire, Int32, MetaWire, decoder
from autoscaler.model.policy import Condition, MetricSpec, MetricType, Mode, Policy, TargetRef

DEFAULT_METRIC = MetricSpec(type=MetricType.RESOURCE, name="cpu", target_type="Utilization", utilization=80)


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
    average_utilization: Int32 | None = None


class ResourceWire(Struct):
    """`resource` of a metric."""

    name: str = ""
    target: TargetWire | None = None


class ContainerWire(ResourceWire):
    """`containerResource`."""

    container: str = ""


class PodsWire(Struct):
    """`pods` and `external`."""

    metric: IdentifierWire | None = None
    target: TargetWire | None = None


class ObjectWire(PodsWire, rename="camel"):
    """`object`."""

    described_object: RefWire | None = None


class MetricWire(Struct, rename="camel"):
    """One of `spec.metrics`."""

    type: str = ""
    resource: ResourceWire | None = None
    container_resource: ContainerWire | None = None
    pods: PodsWire | None = None
    object: ObjectWire | None = None
    external: PodsWire | None = None


class SpecWire(DeviationsWire, rename="camel"):
    """`spec`."""

    scale_target_ref: RefWire | None = None
    min_replicas: Int32 | None = None
    max_replicas: Int32 | None = None
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
    spec: Raw = Raw(b"{}")
    status: Raw = Raw(b"{}")


class TargetedWire(Struct, rename="camel"):
    """`spec`, as far as its target."""

    scale_target_ref: RefWire | None = None


_policy = decoder(PolicyWire)
_spec = decoder(SpecWire)
_targeted = decoder(TargetedWire)
_status = decoder(StatusWire)
_PLACE = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)


class Cached(Struct, frozen=True):
    """A policy as a cache keeps it (`kube.cache.Versioned`); what else it keeps of the object comes behind."""

    policy: Policy

    @property
    def uid(self) -> str:
        """Of the object."""
        return self.policy.uid

    @property
    def resource_version(self) -> str:
        """Of the object."""
        return self.policy.resource_version


def policy(data: bytes | Raw, kind: str = "") -> Policy:
    """The object, defaults applied; `kind` stands in where a list of a built-in kind leaves it out."""
    wire = _policy(data)
    try:
        spec = _spec(wire.spec)
    except MalformedError as exc:
        raise MalformedError(_named(str(exc))) from exc
    known = _known(wire, kind)
    return replace(
        known,
        min_replicas=1 if spec.min_replicas is None else spec.min_replicas,
        max_replicas=spec.max_replicas or 0,
        metrics=tuple(_metric(each, f"spec.metrics[{number}]") for number, each in enumerate(spec.metrics))
        if spec.metrics
        else (DEFAULT_METRIC,),
        behavior=None if spec.behavior is None else behavior(spec.behavior),
        mode=_mode(spec.mode),
        deviations=deviations(spec),
    )


def unreadable(data: bytes | Raw, kind: str, why: str) -> Policy:
    """What is known of an object whose spec cannot be read; MalformedError when it cannot even be named."""
    return replace(_known(_policy(data), kind), mode=Mode.SHADOW, unreadable=why)


def _known(wire: PolicyWire, kind: str) -> Policy:
    """All but the spec: that as far as its target."""
    meta = wire.metadata
    try:
        ref = _targeted(wire.spec).scale_target_ref or RefWire()
    except MalformedError:
        ref = RefWire()
    known = Policy(
        kind=wire.kind or kind,
        namespace=meta.namespace or "",
        name=meta.name,
        uid=meta.uid or "",
        generation=meta.generation or 0,
        resource_version=meta.resource_version or "",
        created=instant(meta.creation_timestamp),
        target=_ref(ref),
        annotations=kept_annotations(meta.annotations),
    )
    try:
        status = _status(wire.status)
        return replace(
            known,
            desired=status.desired_replicas or 0,
            conditions=tuple(_condition(each) for each in status.conditions or ()),
            last_scale=instant(status.last_scale_time),
            observed_generation=status.observed_generation,
        )
    except MalformedError:
        return known


def _named(message: str) -> str:
    """`Expected ... - at `$.maxReplicas`` with the field first, as everywhere."""
    found = _PLACE.fullmatch(message)
    return f"spec{'.' if found[2] else ''}{found[2]}: {found[1]}" if found else f"spec: {message}"


def _mode(text: str | None) -> Mode:
    """Absent is Enforce; anything unknown is Shadow, which writes nothing."""
    return Mode.ENFORCE if text in (None, "", Mode.ENFORCE) else Mode.SHADOW


def _ref(wire: RefWire) -> TargetRef:
    return TargetRef(wire.api_version or "", wire.kind, wire.name)


def _metric(wire: MetricWire, where: str) -> MetricSpec:
    """The source that `type` names; one without it has no target, and the validation says so."""
    sources: dict[str, ResourceWire | PodsWire | None] = {
        MetricType.RESOURCE: wire.resource,
        MetricType.CONTAINER_RESOURCE: wire.container_resource,
        MetricType.PODS: wire.pods,
        MetricType.OBJECT: wire.object,
        MetricType.EXTERNAL: wire.external,
    }
    source = sources.get(wire.type)
    target = (source and source.target) or TargetWire()
    where = f"{where}.{wire.type[:1].lower()}{wire.type[1:]}"
    metric = source.metric if isinstance(source, PodsWire) else None
    named = source if isinstance(source, ResourceWire) else metric or IdentifierWire()
    described = source.described_object if isinstance(source, ObjectWire) else None
    return MetricSpec(
        type=wire.type,
        name=named.name,
        container=source.container if isinstance(source, ContainerWire) else "",
        described=None if described is None else _ref(described),
        selector=_selector(metric.selector) if metric and metric.selector else "",
        target_type=target.type,
        utilization=target.average_utilization,
        average_value=placed(f"{where}.target.averageValue", amount, target.average_value),
        value=placed(f"{where}.target.value", amount, target.value),
    )


def _selector(wire: SelectorWire) -> str:
    """The API server takes an HPA with any; what is none makes its metric fail."""
    expressions = [(each.key, each.operator, each.values or ()) for each in wire.match_expressions or ()]
    try:
        return str(selectors.from_object(wire.match_labels or {}, expressions))
    except MalformedError as exc:
        return selectors.unusable(str(exc))


def _condition(wire: ConditionWire) -> Condition:
    return Condition(
        type=wire.type,
        status=wire.status,
        reason=wire.reason or "",
        message=wire.message or "",
        since=instant(wire.last_transition_time),
    )
