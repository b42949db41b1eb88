"""One value per pod out of an answer of a metrics API, and the pods sorted by what may be believed of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from autoscaler.core.arithmetic import wrapped64
from autoscaler.core.requests import Failure
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Milli, Pod, Ready
from autoscaler.model.plan import Counted
from autoscaler.model.policy import ControllerSettings

Samples = Mapping[str, MetricValue]
"""By the pod's name."""


def pod_samples(metrics: Iterable[PodMetrics], resource: str) -> dict[str, MetricValue]:
    """Sum over containers, each already rounded to milli; a pod with a container lacking the resource is left out."""
    samples: dict[str, MetricValue] = {}
    for each in metrics:
        total = 0
        for _, usage in each.containers:
            value = usage.get(resource)
            if value is None:
                break
            total += value
        else:
            if each.containers:
                samples[each.pod] = MetricValue(Milli(wrapped64(total)), each.pod, each.at, each.window)
    return samples


def container_samples(
    metrics: Iterable[PodMetrics], resource: str, container: str, *, strict: bool = False
) -> dict[str, MetricValue] | Failure:
    """That container's own values; a pod without it is left out, or with `strict` (before #127193) fails the metric."""
    samples: dict[str, MetricValue] = {}
    for each in metrics:
        usage = next((usage for name, usage in each.containers if name == container), None)
        if usage is None:
            if strict:
                return Failure(f"container {container} not present in metrics for pod {each.pod}")
            continue
        value = usage.get(resource)
        if value is not None:
            samples[each.pod] = MetricValue(value, each.pod, each.at, each.window)
    return samples


class Sorted(Struct, frozen=True):
    """Pods by what `groupPods` makes of them; `ready` is a number, the others are names."""

    ready: int
    unready: Sequence[str]
    missing: Sequence[str]
    ignored: Sequence[str]

    def counted(self) -> Counted:
        """The same for the record."""
        return Counted(
            ready=self.ready, unready=tuple(self.unready), missing=tuple(self.missing), ignored=tuple(self.ignored)
        )


def sorted_pods(
    pods: Iterable[Pod], samples: Samples, resource: str, settings: ControllerSettings, now: float
) -> Sorted:
    """Sort the selected pods; the start-up rule holds for `cpu` alone (`groupPods`)."""
    ready, unready, missing, ignored = 0, [], [], []
    for pod in pods:
        sample = samples.get(pod.name)
        if pod.deleted or _is_over(pod, settings):
            ignored.append(pod.name)
        elif pod.phase == "Pending":
            unready.append(pod.name)
        elif sample is None:
            missing.append(pod.name)
        elif resource == "cpu" and _starts_up(pod, sample, settings, now):
            unready.append(pod.name)
        else:
            ready += 1
    return Sorted(ready, unready, missing, ignored)


def _is_over(pod: Pod, settings: ControllerSettings) -> bool:
    return pod.phase == "Failed" or (pod.phase == "Succeeded" and settings.compat.succeeded_pods_ignored)


def _starts_up(pod: Pod, sample: MetricValue, settings: ControllerSettings, now: float) -> bool:
    """Whether the CPU seen may still be the cost of starting; all comparisons are strict."""
    condition = pod.ready
    if condition is None or pod.started is None:
        return True
    if pod.started + settings.cpu_initialization > now:
        return condition.status == "False" or sample.at < _since(condition) + sample.window
    return condition.status == "False" and pod.started + settings.initial_readiness_delay > _since(condition)


def _since(condition: Ready) -> float:
    """A condition without a transition time changed before all times, as Go's zero time says."""
    return float("-inf") if condition.since is None else condition.since
