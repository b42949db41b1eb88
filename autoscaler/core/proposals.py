"""What each metric of a policy asks for: its type and the target that is set decide the formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core import replicas, selectors
from autoscaler.core.evaluation import RESOURCE_TYPES, Evaluation, Refusal, selected_pods
from autoscaler.core.replicas import Answer
from autoscaler.core.requests import Failure, pod_requests
from autoscaler.core.samples import Samples, container_samples, pod_samples, sorted_pods
from autoscaler.core.totals import Tolerance
from autoscaler.model.metrics import MetricValue
from autoscaler.model.objects import Milli, Pod, Scale
from autoscaler.model.plan import MetricStatus, Proposal
from autoscaler.model.policy import MetricSpec, MetricType


class Question(Struct, frozen=True):
    """One metric to be asked; `pods` are those of the selector."""

    evaluation: Evaluation
    scale: Scale
    pods: Sequence[Pod]
    spec: MetricSpec


class Asked(Struct, frozen=True):
    """A metric's proposal and status entry; when it failed, `error` is the text of the whole chain."""

    proposal: Proposal
    status: MetricStatus = MetricStatus()
    error: str = ""


def of_pods(evaluation: Evaluation, scale: Scale) -> list[Asked] | Refusal:
    """What each metric of the policy asks for, or why no pod can be told from others."""
    pods = selected_pods(evaluation, scale)
    if isinstance(pods, Refusal):
        return pods
    return [proposal(Question(evaluation, scale, pods, spec)) for spec in evaluation.policy.metrics]


def proposal(question: Question) -> Asked:
    """What this metric asks for, or why it cannot be told."""
    spec, formula = question.spec, _FORMULAS.get(question.spec.type)
    answer = Failure(f'unknown metric source type "{spec.type}"') if formula is None else formula(question)
    return told(spec, question.evaluation.tolerance, answer)


def told(spec: MetricSpec, tolerance: Tolerance, answer: Answer | Failure) -> Asked:
    """The answer of a metric in the words of record and status."""
    known = Proposal(
        type=spec.type,
        name=spec.name,
        container=spec.container,
        label=label(spec),
        target_type=target_type(spec),
        target=target_of(spec),
        tolerance_down=tolerance.down,
        tolerance_up=tolerance.up,
    )
    if isinstance(answer, Failure):
        if spec.type not in _FORMULAS:
            return _failed(known, "InvalidMetricSourceType", "", answer)
        return _failed(known, f"FailedGet{spec.type}Metric", f"failed to get {_value_of(spec)} value: ", answer)
    return Asked(_answered(known, answer), _status(spec, answer))


def label(spec: MetricSpec) -> str:
    """What the metric is called in conditions and events."""
    match spec.type:
        case MetricType.RESOURCE | MetricType.CONTAINER_RESOURCE:
            if spec.average_value is not None:
                return f"{spec.name} resource"
            kind = "resource" if spec.type == MetricType.RESOURCE else "container resource"
            return f"{spec.name} {kind} utilization (percentage of request)"
        case MetricType.PODS:
            return f"pods metric {spec.name}"
        case MetricType.OBJECT:
            return f"{spec.described.kind if spec.described else 'object'} metric {spec.name}"
    return f"external metric {spec.name}({spec.selector})"


def _failed(known: Proposal, reason: str, prefix: str, failure: Failure) -> Asked:
    return Asked(replace(known, reason=reason, message=failure.message), error=f"{prefix}{failure.message}")


def _answered(known: Proposal, answer: Answer) -> Proposal:
    return replace(
        known,
        current=answer.current,
        average=answer.average,
        usage=answer.usage,
        requests=answer.requests,
        samples=answer.samples,
        ratio=answer.ratio,
        damped_ratio=answer.damped_ratio,
        pods=answer.pods,
        gaps=answer.gaps,
        observed=answer.observed,
        replicas=answer.replicas,
        why=answer.why,
    )


def target_type(spec: MetricSpec) -> str:
    """Which target decides, whatever the field `type` says and whatever else is set; for an Object it is the field."""
    if spec.type == MetricType.OBJECT:
        return spec.target_type
    if spec.average_value is not None:
        return "AverageValue"
    return "Value" if spec.value is not None and spec.type not in RESOURCE_TYPES else "Utilization"


def target_of(spec: MetricSpec) -> int:
    """The amount that decides, in the unit of its type; 0 when none is set."""
    by_type = {"AverageValue": spec.average_value, "Value": spec.value, "Utilization": spec.utilization}
    return by_type.get(target_type(spec)) or 0


def _value_of(spec: MetricSpec) -> str:
    match spec.type:
        case MetricType.RESOURCE:
            return f"{spec.name} resource metric"
        case MetricType.CONTAINER_RESOURCE:
            return f"{spec.container} container metric"
        case MetricType.EXTERNAL:
            return f"{spec.name} external metric"
    return f"{spec.type.lower()} metric"


def _status(spec: MetricSpec, answer: Answer) -> MetricStatus:
    by_value = target_type(spec) == "Value"
    return MetricStatus(
        type=spec.type,
        name=spec.name,
        container=spec.container,
        described_kind=spec.described.kind if spec.described else "",
        described_name=spec.described.name if spec.described else "",
        described_api_version=spec.described.api_version if spec.described else "",
        selector=spec.selector,
        utilization=answer.current if target_type(spec) == "Utilization" else None,
        average_value=None if by_value else answer.average,
        value=Milli(answer.current) if by_value else None,
    )


def _resource(question: Question) -> Answer | Failure:
    """Resource and ContainerResource: they differ in whose values and requests count."""
    spec = question.spec
    if spec.average_value is None and spec.utilization is None:
        return Failure("invalid resource metric source: neither averageUtilization nor averageValue is set as target")
    answer = _of_resource(question)
    if isinstance(answer, Failure):
        quantity = "utilization" if spec.average_value is None else "usage"
        return Failure(f"failed to get {spec.name} {quantity}: {answer.message}")
    return answer


def _of_resource(question: Question) -> Answer | Failure:
    spec, evaluation = question.spec, question.evaluation
    samples = _resource_samples(question)
    if isinstance(samples, Failure):
        return Failure(f"unable to get metrics for resource {spec.name}: {samples.message}")
    if spec.average_value is not None:
        return _by_average_value(question, samples, spec.name, spec.average_value)
    pods = sorted_pods(question.pods, samples, spec.name, evaluation.settings, evaluation.now)
    if not question.pods:
        return replicas.NO_PODS
    if not replicas.usable(samples, pods):
        return replicas.NO_METRICS
    requests = pod_requests(
        question.pods,
        spec.name,
        spec.container,
        pod_level=evaluation.settings.compat.pod_level_resources,
    )
    if isinstance(requests, Failure):
        return requests
    asked = replicas.utilization_of(requests, spec.utilization or 0)
    return replicas.per_pod(samples, pods, question.scale.replicas, evaluation.tolerance, asked)


def _resource_samples(question: Question) -> dict[str, MetricValue] | Failure:
    spec, evaluation = question.spec, question.evaluation
    if evaluation.pod_metrics is None:
        return Failure(f"unable to fetch metrics from resource metrics API: {evaluation.unavailable or 'unavailable'}")
    if not evaluation.pod_metrics:
        return Failure("no metrics returned from resource metrics API")
    if spec.container:
        strict = evaluation.settings.compat.legacy_container_metric_error
        return container_samples(evaluation.pod_metrics, spec.name, spec.container, strict=strict)
    return pod_samples(evaluation.pod_metrics, spec.name)


def _by_average_value(question: Question, samples: Samples, resource: str, target: Milli) -> Answer | Failure:
    if not question.pods:
        return replicas.NO_PODS
    evaluation = question.evaluation
    pods = sorted_pods(question.pods, samples, resource, evaluation.settings, evaluation.now)
    asked = replicas.average_of(target)
    return replicas.per_pod(samples, pods, question.scale.replicas, evaluation.tolerance, asked)


def _pods(question: Question) -> Answer | Failure:
    spec = question.spec
    if spec.average_value is None:
        return Failure("invalid pods metric source: averageValue is not set as target")
    values = _values(question, "custom")
    if isinstance(values, Failure):
        return Failure(f"unable to get metric {spec.name}: {values.message}")
    return _by_average_value(question, {each.object: each for each in values}, "", spec.average_value)


def _values(question: Question, api: str) -> Sequence[MetricValue] | Failure:
    spec = question.spec
    if why := selectors.fault(spec.selector):
        return Failure(f"its selector cannot be used: {why}")
    found = question.evaluation.values.get(spec, Failure(f'"{spec.name}" not found'))
    if isinstance(found, Failure):
        return Failure(f"unable to fetch metrics from {api} metrics API: {found.message}")
    return found or Failure(f"no metrics returned from {api} metrics API")


def _object(question: Question) -> Answer | Failure:
    spec, evaluation = question.spec, question.evaluation
    target = {"Value": spec.value, "AverageValue": spec.average_value}.get(spec.target_type)
    if target is None:
        return Failure("invalid object metric source: neither a value target nor an average value target was set")
    values = _values(question, "custom")
    if not isinstance(values, Failure) and len(values) != 1:
        values = Failure(f"the custom metrics API returned {len(values)} values where exactly one was asked for")
    if isinstance(values, Failure):
        described = f"{spec.described.kind} {spec.described.name}" if spec.described else "the object"
        return Failure(f"unable to get metric {spec.name} on {described}: {values.message}")
    total = values[0].value
    if spec.target_type == "Value":
        return replicas.by_value(total, target, question.scale.replicas, question.pods, evaluation.tolerance)
    return per_replica(spec, total, question.scale.observed, evaluation)


def _external(question: Question) -> Answer | Failure:
    spec, evaluation = question.spec, question.evaluation
    if spec.average_value is None and spec.value is None:
        return Failure("invalid external metric source: neither a value target nor an average value target was set")
    items = _values(question, "external")
    if isinstance(items, Failure):
        return Failure(f"unable to get external metric {spec.name}({spec.selector}): {items.message}")
    values = [each.value for each in items]
    if spec.average_value is not None:
        total = replicas.external_total_per_pod(values)
        return per_replica(spec, total, question.scale.observed, evaluation)
    total = replicas.external_total(values)
    target = Milli(spec.value or 0)
    return replicas.by_value(total, target, question.scale.replicas, question.pods, evaluation.tolerance)


def per_replica(spec: MetricSpec, total: Milli, observed: int, evaluation: Evaluation) -> Answer:
    """One number of which each replica is to have the target; External's total keeps its cap, Object's when guarded."""
    guarded = evaluation.settings.compat.zero_status_average
    saturated = guarded or spec.type == MetricType.EXTERNAL
    average = replicas.average_per_replica(total, observed, guarded=guarded, saturated=saturated)
    return replicas.by_average(total, spec.average_value or Milli(0), observed, evaluation.tolerance, average)


_FORMULAS: dict[str, Callable[[Question], Answer | Failure]] = {
    MetricType.RESOURCE: _resource,
    MetricType.CONTAINER_RESOURCE: _resource,
    MetricType.PODS: _pods,
    MetricType.OBJECT: _object,
    MetricType.EXTERNAL: _external,
}
