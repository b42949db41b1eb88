"""What happens in the demo: load rises, a kubelet dies and comes back, load falls; told beat by beat.

The samples of a container are 2 s apart here instead of 10, so that a minute and a half is enough for everything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from autoscaler.clock import Clock
from autoscaler.sim.curves import Polyline, constant
from autoscaler.sim.kubelets import Fault
from autoscaler.sim.resources import POD_SCALERS
from autoscaler.sim.workloads import ContainerSpec, Workload
from autoscaler.sim.world import Shape, World

NAMESPACE = "shop"
LENGTH = 94.0
"""Seconds from the first beat to the end."""
VICTIM = "node-3"
MIB = 2**20

SHAPE = Shape(nodes=4, node_cores=4, node_memory=8 * 2**30, sample_period=2.0)

WEB = Workload(
    namespace=NAMESPACE,
    name="web",
    replicas=2,
    cpu=Polyline((0, 0.22), (14, 0.22), (16, 1.35), (62, 1.35), (64, 0.25)),
    memory=constant(200 * MIB),
    containers=(ContainerSpec(cpu_request="200m", memory_request="256Mi"),),
)
CART = Workload(
    namespace=NAMESPACE,
    name="cart",
    replicas=3,
    cpu=constant(0.12),
    memory=Polyline((0, 180 * MIB), (28, 180 * MIB), (34, 300 * MIB)),
    containers=(ContainerSpec(cpu_request="100m", memory_request="128Mi"),),
)


@dataclass(frozen=True, slots=True)
class Beat:
    """From `at` (seconds since the story began) on, `caption` is what one sees; `fault` befalls the victim first."""

    at: float
    caption: str
    fault: Fault | None = None


BEATS = (
    Beat(0, "Two Deployments, each with a HorizontalPodScaler. The first samples come in: a rate needs two of them."),
    Beat(8, "Calm: web uses little more than half of what it requests, its target is 60 %. Nothing to do."),
    Beat(14, "Customers arrive: within 2 s the load of shop/web grows to six times as much."),
    Beat(19, "Pods follow: four more, or twice as many, in 15 s, as the HorizontalPodAutoscaler does by default."),
    Beat(30, "shop/cart fills up with sessions: it is scaled by memory, at most 100 MiB a pod."),
    Beat(
        45,
        f"The kubelet of {VICTIM} dies. Its pods run on unseen: their numbers age, then they count as missing, and "
        "missing numbers never take a replica away.",
        Fault.DEAD,
    ),
    Beat(60, f"The kubelet of {VICTIM} is back, its counters went on: the numbers are whole again.", Fault.NONE),
    Beat(62, "Customers leave: the load of shop/web falls to what it was."),
    Beat(67, "Pods stay: for 15 s after the last high recommendation nobody is sent away (the default is 5 min)."),
    Beat(81, "Pods follow the load down, to as many as are needed now."),
)


async def told(world: World, beats: tuple[Beat, ...] = BEATS, length: float = LENGTH) -> AsyncIterator[Beat]:
    """Each beat when its time has come, after what it does is done; ends when the story is over."""
    for beat in beats:
        await world.clock.sleep(max(0.0, beat.at - world.elapsed()))
        if beat.fault is not None:
            await world.kubelets[VICTIM].set_fault(beat.fault)
        yield beat
    await world.clock.sleep(max(0.0, length - world.elapsed()))


def stage(clock: Clock) -> World:
    """The world the story plays in."""
    return World(clock, SHAPE, (WEB, CART), policies())


def policies() -> tuple[dict[str, Any], ...]:
    """The two HorizontalPodScalers, as one would apply them."""
    utilization = {"type": "Utilization", "averageUtilization": 60}
    average = {"type": "AverageValue", "averageValue": "100Mi"}
    return (_policy("web", 2, 20, "cpu", utilization), _policy("cart", 2, 6, "memory", average))


def _policy(name: str, least: int, most: int, resource: str, target: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": POD_SCALERS.api_version,
        "kind": POD_SCALERS.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {"name": resource, "target": target}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 15}},
        },
    }
