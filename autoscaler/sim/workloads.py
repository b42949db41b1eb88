"""What runs: a Deployment with a load, and what each of its pods has used of CPU and memory by any instant."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from autoscaler.sim.curves import Curve, constant
from autoscaler.sim.shares import SharedLoad
from autoscaler.sim.store import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container of the pod template. `part` is how much of the pod's CPU and memory is its own (0 to 1)."""

    name: str = "app"
    cpu_request: str = "200m"
    memory_request: str = "128Mi"
    part: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A Deployment. `cpu` (cores) and `memory` (bytes) are the load of all its ready pods together.

    `resting_memory` is what each pod holds beside its share, from its start on.
    """

    namespace: str
    name: str
    replicas: int
    cpu: Curve
    memory: Curve = field(default_factory=lambda: constant(0.0))
    resting_memory: float = 32 * 2**20
    containers: tuple[ContainerSpec, ...] = (ContainerSpec(),)

    def deployment(self) -> Object:
        """The apps/v1 Deployment to create."""
        labels = {"app": self.name}
        containers = [_container(each) for each in self.containers]
        return {
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": labels},
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
            },
        }


def _container(spec: ContainerSpec) -> dict[str, Any]:
    requests = {"cpu": spec.cpu_request, "memory": spec.memory_request}
    return {"name": spec.name, "image": f"registry.example/{spec.name}:1", "resources": {"requests": requests}}


class Load:
    """A running workload: its shared CPU and memory, moved on together as pods become ready or leave."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.cpu = SharedLoad(workload.cpu)
        self.memory = SharedLoad(workload.memory)

    def share_among(self, pods: int, at: float) -> None:
        """From `at` on so many pods take part."""
        if pods != self.cpu.sharers:
            self.cpu.share_among(pods, at)
            self.memory.share_among(pods, at)


@dataclass(slots=True, kw_only=True)
class RunningPod:
    """The account of one pod on a node. Times are seconds since the world began; infinity = not yet.

    It uses CPU from `ready` to `left` (the end of its readiness) and memory from `started` to `ended`.
    """

    namespace: str
    name: str
    uid: str
    node: str
    load: Load
    started: float
    ready: float = math.inf
    left: float = math.inf
    ended: float = math.inf
    _drawn_before: float | None = None

    @property
    def containers(self) -> tuple[ContainerSpec, ...]:
        """Its containers, in the order of the spec."""
        return self.load.workload.containers

    def cpu(self, at: float, part: float = 1.0) -> float:
        """Core-seconds used from its start to `at` by a container with this part of it."""
        until = min(at, self.left)
        if until <= self.ready:
            return 0.0
        if self._drawn_before is None:
            self._drawn_before = self.load.cpu.drawn(self.ready)
        return part * (self.load.cpu.drawn(until) - self._drawn_before)

    def memory(self, at: float, part: float = 1.0) -> int:
        """Bytes held at `at` by a container with this part of it."""
        share = self.load.memory.each(at) if self.ready <= at < self.left else 0.0
        return int(part * (self.load.workload.resting_memory + share))
