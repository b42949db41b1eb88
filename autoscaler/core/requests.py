"""What pods ask for of one resource, as the HPA counts it (`calculateRequests`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from autoscaler.core.arithmetic import wrapped64
from autoscaler.model.objects import Container, InitContainer, Milli, Pod


class Failure(Struct, frozen=True):
    """Why there is no number."""

    message: str


def pod_requests(
    pods: Iterable[Pod], resource: str, container: str = "", *, pod_level: bool = True
) -> dict[str, Milli] | Failure:
    """Request of every pod by its name; one pod without it, even an ignored one, fails them all.

    `container` asks for that container's alone; `pod_level` is the gate PodLevelResources (KEP-2837).
    """
    requests: dict[str, Milli] = {}
    for pod in pods:
        if pod_level and not container and _has_pod_level(pod):
            request = _pod_level(pod, resource)
        else:
            request = _of_containers(pod, resource, container)
        if isinstance(request, Failure):
            return request
        requests[pod.name] = request
    return requests


def _has_pod_level(pod: Pod) -> bool:
    return bool(pod.pod_requests) and any(_is_pod_level(name) for name in pod.pod_requests or ())


def _is_pod_level(resource: str) -> bool:
    return resource in ("cpu", "memory") or resource.startswith("hugepages-")


def _of_containers(pod: Pod, resource: str, container: str) -> Milli | Failure:
    total = 0
    for each in _running(pod):
        if container and each.name != container:
            continue
        amount = each.requests.get(resource)
        if amount is None:
            return Failure(f"missing request for {resource} in container {each.name} of Pod {pod.name}")
        if container:
            return amount
        total += amount
    if container:
        return Failure(f"container {container} not found in Pod {pod.name}")
    return Milli(wrapped64(total))


def _running(pod: Pod) -> Sequence[Container | InitContainer]:
    if not pod.init_containers:
        return pod.containers
    return (*pod.containers, *(each for each in pod.init_containers if each.sidecar))


def _pod_level(pod: Pod, resource: str) -> Milli | Failure:
    """The scheduler's total: what runs, at least the peak of starting up, replaced by the pod's own; plus overhead."""
    amount = (pod.pod_requests or {}).get(resource) if _is_pod_level(resource) else None
    if amount is None:
        amount = _scheduled(pod, resource)
    overhead = pod.overhead.get(resource)
    if amount is None and overhead is None:
        return Failure(f"missing pod-level request for {resource} in Pod {pod.name}")
    return Milli(wrapped64((amount or 0) + (overhead or 0)))


def _scheduled(pod: Pod, resource: str) -> Milli | None:
    """Sum of what runs side by side, or the peak of the init containers, each beside the sidecars started before it."""
    running = [each.requests[resource] for each in _running(pod) if resource in each.requests]
    sidecars: Milli | None = None
    peaks: list[int] = []
    for each in pod.init_containers:
        own = each.requests.get(resource)
        beside = _plus(own, sidecars)
        if each.sidecar:
            sidecars = beside
        if beside is not None:
            peaks.append(beside)
    totals = ([sum(running)] if running else []) + peaks
    return Milli(max(totals)) if totals else None


def _plus(amount: Milli | None, other: Milli | None) -> Milli | None:
    if amount is None or other is None:
        return other if amount is None else amount
    return Milli(amount + other)
