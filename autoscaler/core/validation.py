"""What is wrong with a policy, said to the person who wrote it (autoscaling/v2's own rules).

An HPA has passed these checks in the API server; a HorizontalPodScaler or a file may not have. What the API server lets
an HPA have is let through, however senseless: kube-controller-manager decides by it, and so do we. The one exception is
a target beyond 64 bits of thousandths, by which upstream divides after it overflowed. A HorizontalPodScaler has to
make sense besides. Whether the target is there and can be scaled is found out by asking for its scale, not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from autoscaler.core.selectors import fault, is_qualified_name
from autoscaler.model.compat import Compat
from autoscaler.model.policy import Deviations, MetricSpec, MetricType, Mode, Pause, Policy, ScalingRules, TargetRef

_LONGEST_WINDOW = 3600
_LONGEST_PERIOD = 1800
_SPANS = (
    ("maxSampleAge", "max_sample_age", 1.0),
    ("cpuInitializationPeriod", "cpu_initialization", 0.0),
    ("initialReadinessDelay", "initial_readiness_delay", 0.0),
    ("syncPeriod", "sync_period", 1.0),
)
"""Fields of `spec` and of `Deviations`, and the least each may be; all at most an hour."""
_LONGEST_SPAN = 3600.0
_OWN = "HorizontalPodScaler"
_TARGET_TYPES = ("Utilization", "Value", "AverageValue")
_CONTAINER_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_CONTAINER_RESOURCES = ("cpu", "memory", "ephemeral-storage")
"""Those without a domain, beside `hugepages-` of any size."""
_WINDOWS = {30.0: "30s", 60.0: "1m", 300.0: "5m"}


def problems(
    policy: Policy,
    compat: Compat = Compat(),  # noqa: B008 - a frozen value
    protected: Collection[str] = (),
) -> tuple[str, ...]:
    """One sentence each, naming the field and the fix; empty when the policy can be evaluated.

    `protected` are namespaces in which nothing is scaled.
    """
    if policy.unreadable:
        return (policy.unreadable,)
    found = [*_target(policy), *_bounds(policy, compat)]
    if policy.namespace in protected and policy.mode is Mode.ENFORCE:
        found.append(
            f"metadata.namespace: nothing is scaled in {policy.namespace} (--protected-namespaces), "
            "use spec.mode Shadow or another namespace"
        )
    for index, spec in enumerate(policy.metrics):
        found.extend(_metric(spec, f"spec.metrics[{index}]", own=policy.kind == _OWN))
    if not policy.metrics:
        found.append("spec.metrics: is empty, list at least one metric")
    if policy.behavior is not None:
        found.extend(_rules(policy.behavior.up, "spec.behavior.scaleUp"))
        found.extend(_rules(policy.behavior.down, "spec.behavior.scaleDown"))
    found.extend(_deviations(policy.deviations))
    return tuple(found)


def _target(policy: Policy) -> Iterator[str]:
    for field, value in (("kind", policy.target.kind), ("name", policy.target.name)):
        yield from _segment(value, f"spec.scaleTargetRef.{field}")
    if policy.kind == _OWN and not names_a_group(policy.target):
        yield f"spec.scaleTargetRef.apiVersion: {policy.target.api_version!r} names no group, use one such as apps/v1"


def names_a_group(target: TargetRef) -> bool:
    """Only a ReplicationController lives without; an HPA may be older than this rule, which holds for new ones."""
    group, slash, version = target.api_version.partition("/")
    return "/" not in version and (bool(group and slash) or target.kind == "ReplicationController")


def _segment(value: str, field: str) -> Iterator[str]:
    """A word that becomes part of a path."""
    if not value:
        yield f"{field}: is missing, set it"
    elif value in (".", "..") or "/" in value or "%" in value:
        yield f"{field}: {value!r} cannot be part of a path, remove '/', '%' and lone dots"


def _bounds(policy: Policy, compat: Compat) -> Iterator[str]:
    minimum, maximum = policy.min_replicas, policy.max_replicas
    if maximum < 1:
        yield f"spec.maxReplicas: is {maximum}, set it to at least 1"
    elif minimum > maximum:
        yield f"spec.minReplicas: is {minimum}, more than spec.maxReplicas ({maximum}), lower it or raise the maximum"
    if minimum < 0:
        yield f"spec.minReplicas: is {minimum}, set it to at least 0"
    elif minimum == 0 and not any(each.type in (MetricType.OBJECT, MetricType.EXTERNAL) for each in policy.metrics):
        yield "spec.minReplicas: is 0 without an Object or External metric that could wake the target, set it to 1"
    elif minimum == 0 and not compat.scale_to_zero:
        yield f"spec.minReplicas: is 0, which --compat={compat.release} cannot wake from, set it to 1"


def _metric(spec: MetricSpec, field: str, *, own: bool) -> Iterator[str]:
    source = _SOURCES.get(spec.type)
    if source is None:
        yield f"{field}.type: {spec.type!r} is unknown, use one of {', '.join(MetricType)}"
        return
    name, rule = source
    where = f"{field}.{name}"
    yield from rule(spec, where)
    if spec.target_type not in _TARGET_TYPES:
        yield f"{where}.target.type: {spec.target_type!r} is unknown, use one of {', '.join(_TARGET_TYPES)}"
    elif own:
        yield from _senseless(spec, where)
    for target, value in (
        ("averageUtilization", spec.utilization),
        ("averageValue", spec.average_value),
        ("value", spec.value),
    ):
        if value is not None and value <= 0:
            yield f"{where}.target.{target}: must be more than 0 and less than 9223372036854776"


def _senseless(spec: MetricSpec, where: str) -> Iterator[str]:
    """What an HPA may say though nothing comes of it: a metric that always fails, a value nobody reads."""
    if why := fault(spec.selector):
        yield f"{where}.metric.selector: {why}"
    if spec.type in (MetricType.RESOURCE, MetricType.CONTAINER_RESOURCE) and spec.value is not None:
        yield f"{where}.target.value: has no meaning for a resource, use averageUtilization or averageValue"
    if spec.type != MetricType.OBJECT:
        return
    fields = {"Value": ("value", spec.value), "AverageValue": ("averageValue", spec.average_value)}
    if spec.target_type not in fields:
        yield f"{where}.target.type: {spec.target_type!r} is no target of an Object metric, use Value or AverageValue"
    elif fields[spec.target_type][1] is None:
        yield f"{where}.target.{fields[spec.target_type][0]}: is missing, set it or change target.type"


def _resource(spec: MetricSpec, where: str) -> Iterator[str]:
    if not spec.name:
        yield f"{where}.name: is missing, set it"
    if (spec.utilization is None) == (spec.average_value is None):
        yield f"{where}.target: set exactly one of averageUtilization and averageValue"


def _container_resource(spec: MetricSpec, where: str) -> Iterator[str]:
    if spec.name and not _of_a_container(spec.name):
        yield (
            f"{where}.name: {spec.name!r} is no resource of a container, "
            f"use one of {', '.join(_CONTAINER_RESOURCES)}, or one with a domain such as example.com/gpu"
        )
    if not spec.container:
        yield f"{where}.container: is missing, name the container"
    elif not _CONTAINER_NAME.fullmatch(spec.container):
        yield f"{where}.container: {spec.container!r} is no name of a container: a-z, 0-9 and '-', up to 63"
    yield from _resource(spec, where)


def _of_a_container(resource: str) -> bool:
    """Whether a container can request it: upstream's `ValidateContainerResourceName`."""
    if not is_qualified_name(resource):
        return False
    if "/" not in resource:
        return resource in _CONTAINER_RESOURCES or resource.startswith("hugepages-")
    return "kubernetes.io/" in resource or (
        not resource.startswith("requests.") and is_qualified_name(f"requests.{resource}")
    )


def _pods(spec: MetricSpec, where: str) -> Iterator[str]:
    yield from _segment(spec.name, f"{where}.metric.name")
    if spec.average_value is None:
        yield f"{where}.target.averageValue: is missing, set it"


def _object(spec: MetricSpec, where: str) -> Iterator[str]:
    yield from _segment(spec.name, f"{where}.metric.name")
    described = spec.described or TargetRef("", "", "")
    yield from _segment(described.kind, f"{where}.describedObject.kind")
    yield from _segment(described.name, f"{where}.describedObject.name")
    if described.api_version.count("/") > 1:
        yield f"{where}.describedObject.apiVersion: {described.api_version!r} is none, use one such as apps/v1"
    if spec.value is None and spec.average_value is None:
        yield f"{where}.target: set value or averageValue"


def _external(spec: MetricSpec, where: str) -> Iterator[str]:
    yield from _segment(spec.name, f"{where}.metric.name")
    if (spec.value is None) == (spec.average_value is None):
        yield f"{where}.target: set exactly one of value and averageValue"


_SOURCES: dict[str, tuple[str, Callable[[MetricSpec, str], Iterator[str]]]] = {
    MetricType.RESOURCE: ("resource", _resource),
    MetricType.CONTAINER_RESOURCE: ("containerResource", _container_resource),
    MetricType.PODS: ("pods", _pods),
    MetricType.OBJECT: ("object", _object),
    MetricType.EXTERNAL: ("external", _external),
}


def _rules(rules: ScalingRules, where: str) -> Iterator[str]:
    window = rules.stabilization
    if window is not None and not 0 <= window <= _LONGEST_WINDOW:
        yield f"{where}.stabilizationWindowSeconds: is {window}, set it between 0 and {_LONGEST_WINDOW}"
    if rules.select not in ("Max", "Min", "Disabled"):
        yield f"{where}.selectPolicy: {rules.select!r} is unknown, use Max, Min or Disabled"
    if rules.tolerance is not None and not rules.tolerance >= 0:
        yield f"{where}.tolerance: must not be negative"
    if not rules.policies:
        yield f"{where}.policies: is empty, list at least one or leave the field out"
    for index, policy in enumerate(rules.policies):
        field = f"{where}.policies[{index}]"
        if policy.type not in ("Pods", "Percent"):
            yield f"{field}.type: {policy.type!r} is unknown, use Pods or Percent"
        if policy.value <= 0:
            yield f"{field}.value: must be more than 0"
        if not 1 <= policy.period <= _LONGEST_PERIOD:
            yield f"{field}.periodSeconds: is {policy.period}, set it between 1 and {_LONGEST_PERIOD}"


def _deviations(wanted: Deviations) -> Iterator[str]:
    for field, name, least in _SPANS:
        span: float | None = getattr(wanted, name)
        if span is not None and not least <= span <= _LONGEST_SPAN:
            yield f"spec.{field}: is {span:g}s, set it between {least:g}s and 1h"
    if wanted.usage_window is not None and wanted.usage_window not in _WINDOWS:
        yield f"spec.usageWindow: is {wanted.usage_window:g}s, use {', '.join(_WINDOWS.values())}"
    if wanted.pause is not None:
        yield from _pause(wanted.pause)


def _pause(pause: Pause) -> Iterator[str]:
    if not pause.directions or not set(pause.directions) <= {"Up", "Down"}:
        yield f"spec.pause.directions: {', '.join(pause.directions) or 'is empty'}, list Up, Down or both"
    for field, value in (("reason", pause.reason), ("actor", pause.actor)):
        if not value.strip():
            yield f"spec.pause.{field}: is missing, the records tell it"
