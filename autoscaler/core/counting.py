"""Whose pods count: only those the target owns, and no more of them than it is asked to have.

The HPA counts whatever has the labels: pods of jobs and canaries, and the pods that a rollout has beyond
the wanted number, which it then asks to be the wanted number (kubernetes#72775: 383 → 664).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from autoscaler.core.evaluation import Evaluation, Prepared, Refusal, selected_pods
from autoscaler.core.requests import Failure
from autoscaler.model.metrics import MetricValue
from autoscaler.model.objects import Pod, Scale
from autoscaler.model.plan import Selected
from autoscaler.model.policy import MetricSpec, MetricType

Values = Mapping[MetricSpec, Sequence[MetricValue] | Failure]


def own_count(evaluation: Evaluation) -> Prepared | None:
    """The evaluation without pods of others and without those of a surge; None when there are none of either."""
    wanted, scale = evaluation.policy.deviations, evaluation.scale
    if scale is None or not (wanted.owned_pods_only or wanted.ignore_rollout_surge):
        return None
    pods = selected_pods(evaluation, scale)
    if isinstance(pods, Refusal):
        return None  # the plan tells it
    foreign = _foreign(evaluation, scale, pods) if wanted.owned_pods_only else frozenset()
    own = [pod for pod in pods if pod.name not in foreign]
    surge = _surge(own, scale) if wanted.ignore_rollout_surge else frozenset()
    observed = min(scale.observed, scale.replicas) if wanted.ignore_rollout_surge and scale.replicas else scale.observed
    if not foreign and not surge and observed == scale.observed:
        return None
    left_out = foreign | surge
    stage = Selected(
        counted=len(pods) - len(left_out),
        foreign=tuple(sorted(foreign)),
        surge=tuple(sorted(surge)),
        observed=None if observed == scale.observed else scale.observed,
    )
    seen = replace(
        evaluation,
        scale=replace(scale, observed=observed),
        pods=tuple(pod for pod in pods if pod.name not in left_out),
        pod_metrics=None
        if evaluation.pod_metrics is None
        else tuple(each for each in evaluation.pod_metrics if each.pod not in left_out),
        values=_without(evaluation.values, left_out),
    )
    return Prepared(seen, stage)


def _foreign(evaluation: Evaluation, scale: Scale, pods: Sequence[Pod]) -> frozenset[str]:
    """Names of pods that neither the target owns nor a controller that the target owns."""
    owners = {} if isinstance(evaluation.owners, Failure) else evaluation.owners
    return frozenset(
        pod.name for pod in pods if pod.owner is None or scale.uid not in (pod.owner.uid, owners.get(pod.owner.uid))
    )


def _surge(pods: Sequence[Pod], scale: Scale) -> frozenset[str]:
    """Names of living pods beyond the wanted number: those not ready first, then the youngest."""
    alive = [pod for pod in pods if not pod.deleted and pod.phase not in ("Failed", "Succeeded")]
    alive.sort(key=lambda pod: (not _ready(pod), pod.created or pod.started or 0.0, pod.name))
    return frozenset(pod.name for pod in alive[scale.replicas :]) if scale.replicas else frozenset()


def _ready(pod: Pod) -> bool:
    return pod.ready is not None and pod.ready.status == "True"


def _without(values: Values, pods: frozenset[str]) -> Values:
    """Values of Pods metrics are of pods, too; those of objects and of the world are not."""
    return {
        spec: answer
        if spec.type != MetricType.PODS or isinstance(answer, Failure)
        else [value for value in answer if value.object not in pods]
        for spec, answer in values.items()
    }
