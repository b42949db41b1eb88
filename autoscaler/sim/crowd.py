"""A large world for measuring: many nodes, each with so many pods, under waves of load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autoscaler.sim.curves import Wave
from autoscaler.sim.store import Object
from autoscaler.sim.workloads import ContainerSpec, Workload

TEAM = 20
"""Pods of one Deployment."""
WAVE = 600.0
"""Seconds from one peak of its load to the next."""
_NAMESPACES = 50


def crowd(pods: int, containers: int, *, team: int = TEAM, wave: float = WAVE) -> Iterator[Workload]:
    """Deployments of `team` pods with so many containers each; the last one takes the rest."""
    parts = tuple(ContainerSpec(name=f"c{number}", part=1 / containers) for number in range(1, containers + 1))
    for number, first in enumerate(range(0, pods, team)):
        replicas = min(team, pods - first)
        mean = 0.08 * replicas
        yield Workload(
            namespace=f"team-{number % _NAMESPACES}",
            name=f"app-{number}",
            replicas=replicas,
            cpu=Wave(mean, mean / 2, period=wave, phase=number * 37.0 % wave),
            memory=Wave(50e6 * replicas, 10e6 * replicas, period=900.0),
            containers=parts,
        )


def scalers(workloads: Iterable[Workload], *, stabilization: int | None = None) -> Iterator[Object]:
    """A HorizontalPodScaler for each, on the CPU it uses on average: some are to grow, some to shrink.

    `stabilization`: seconds of the window in which they do not shrink again; None: the HPA's.
    """
    behavior = {} if stabilization is None else {"scaleDown": {"stabilizationWindowSeconds": stabilization}}
    for workload in workloads:
        target = {"type": "Utilization", "averageUtilization": 20}
        yield {
            "metadata": {"name": workload.name, "namespace": workload.namespace},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name},
                "minReplicas": 1,
                **({"behavior": behavior} if behavior else {}),
                "maxReplicas": 2 * workload.replicas,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            },
        }
