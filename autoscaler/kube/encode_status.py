"""What an evaluation found, as the `status` of an autoscaling/v2 object, merged into the one that is there.

Fields this program does not know stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoscaler.core import selectors
from autoscaler.core.conditions import REMOVED
from autoscaler.model.instant import seconds_text
from autoscaler.model.objects import Milli
from autoscaler.model.plan import MetricStatus
from autoscaler.model.policy import Condition, MetricType
from autoscaler.model.quantity import milli_text
from autoscaler.model.status import PolicyStatus

Document = Mapping[str, object]
"""JSON as it is read and written."""

_FIELDS = {
    MetricType.RESOURCE: "resource",
    MetricType.CONTAINER_RESOURCE: "containerResource",
    MetricType.PODS: "pods",
    MetricType.OBJECT: "object",
    MetricType.EXTERNAL: "external",
}
_OPERATORS = {"in": "In", "notin": "NotIn", "!=": "NotIn", "exists": "Exists", "absent": "DoesNotExist"}


def merged(held: Document, status: PolicyStatus, now: float) -> Document:
    """`held` with what `status` says; equal to `held` when that is nothing new."""
    made = {**held, "observedGeneration": status.observed_generation}
    if status.current_replicas is not None:
        made["currentReplicas"] = status.current_replicas
    if status.desired_replicas is not None:
        made["desiredReplicas"] = status.desired_replicas
    if status.metrics is not None:
        made["currentMetrics"] = [metric(each) for each in status.metrics]
    if status.last_scale is not None:
        made["lastScaleTime"] = seconds_text(status.last_scale)
    if status.last_decision:
        made["lastDecisionId"] = status.last_decision
    if status.conditions:
        made["conditions"] = conditions(held.get("conditions"), status.conditions, status.observed_generation, now)
    return made


def conditions(held: object, touched: Sequence[Condition], generation: int, now: float) -> list[Document]:
    """All conditions, in the order they first appeared; lastTransitionTime moves only with the status (metav1)."""
    made: dict[object, Document] = {}
    if isinstance(held, list):
        made = {each.get("type"): each for each in held if isinstance(each, dict)}
    for each in touched:
        if each.status == REMOVED:
            made.pop(each.type, None)
            continue
        before = made.get(each.type, {})
        since = before.get("lastTransitionTime") if before.get("status") == each.status else None
        made[each.type] = {
            **before,
            "type": each.type,
            "status": each.status,
            "reason": each.reason,
            "message": each.message,
            "observedGeneration": generation,
            "lastTransitionTime": since or seconds_text(now if each.since is None else each.since),
        }
    return list(made.values())


def metric(status: MetricStatus) -> Document:
    """One of `currentMetrics`; the entry of a failed metric has an empty type and nothing else, as upstream's."""
    field = next((name for kind, name in _FIELDS.items() if kind == status.type), None)
    if field is None:
        return {"type": status.type}
    resource = status.name if field in ("resource", "containerResource") else ""
    source: dict[str, object] = {"current": _current(status, resource)}
    if resource:
        source["name"] = status.name
    else:
        source["metric"] = _identifier(status)
    if status.container:
        source["container"] = status.container
    if status.described_kind:
        source["describedObject"] = _present(
            apiVersion=status.described_api_version, kind=status.described_kind, name=status.described_name
        )
    return {"type": status.type, field: source}


def _current(status: MetricStatus, resource: str) -> Document:
    return _present(
        averageUtilization=status.utilization,
        averageValue=_quantity(status.average_value, resource),
        value=_quantity(status.value, resource),
    )


def _quantity(value: Milli | None, resource: str) -> str | None:
    return None if value is None else milli_text(value, resource)


def _identifier(status: MetricStatus) -> Document:
    return {"name": status.name} | ({"selector": label_selector(status.selector)} if status.selector else {})


def label_selector(text: str) -> Document:
    """The metav1.LabelSelector of a selector's text form."""
    terms = selectors.parse(text).requirements
    equal = {term.key: term.values[0] for term in terms if term.operator == "="}
    expressions = [
        {"key": term.key, "operator": _OPERATORS[term.operator]}
        | ({"values": list(term.values)} if term.values else {})
        for term in terms
        if term.operator in _OPERATORS
    ]
    return ({"matchLabels": equal} if equal else {}) | ({"matchExpressions": expressions} if expressions else {})


def _present(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None and value != ""}
