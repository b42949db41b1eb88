"""The whole world outside, on loopback: API server, kubelets, and workloads that follow their replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from autoscaler.clock import Clock, ticks
from autoscaler.model.identity import Identity
from autoscaler.model.instant import seconds_text
from autoscaler.sim.access import MASTERS, Access, Grant
from autoscaler.sim.apiserver import ApiServer
from autoscaler.sim.certificates import Authority, KeyPair
from autoscaler.sim.deployer import Deployer
from autoscaler.sim.kubelets import Fault, Kubelet, kubelets
from autoscaler.sim.orders import Orders
from autoscaler.sim.resources import CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, NODES, POD_SCALERS
from autoscaler.sim.store import Object, Store
from autoscaler.sim.workloads import Workload

TOKEN = "sim-autoscaler"  # noqa: S105 - opens nothing but a simulated world
ADMIN_TOKEN = "sim-admin"  # noqa: S105 - the same
USER = "system:serviceaccount:hpa-companion:autoscaler"
FRONT_PROXY = "front-proxy-client"
_TICK = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large the world is. `spread` gives every node an address of its own in 127.1.0.0/16 (Linux has them all).

    `sample_period`: seconds between two samples of a container; `settled_for`: how long everything has run already.
    """

    nodes: int = 4
    node_cores: int = 8
    node_memory: int = 32 * 2**30
    spread: bool = False
    sample_period: float = 10.0
    settled_for: float = 600.0
    history: int = 1000


class World:
    """`async with World(...)`: everything listens and every wanted pod is ready when the body begins.

    `policies` are HorizontalPodScalers to begin with.
    The token of `USER` (TOKEN) may do what our chart grants, ADMIN_TOKEN everything.
    """

    def __init__(
        self,
        clock: Clock,
        shape: Shape = Shape(),
        workloads: Sequence[Workload] = (),
        policies: Sequence[Object] = (),
    ) -> None:
        self.clock = clock
        self.shape = shape
        self.workloads = tuple(workloads)
        self._policies = tuple(policies)
        self.authority = Authority("sim-ca")
        self.front_proxy_authority = Authority("sim-front-proxy-ca")
        self.access = Access(
            {TOKEN: Identity(USER, groups=("system:serviceaccounts",)), ADMIN_TOKEN: Identity("admin", "", (MASTERS,))},
            grants(),
        )
        self.store = Store(clock, shape.history)
        self.api = ApiServer(self.store, self.access, self.authority)
        self._epoch = int(clock.now() * 1000) / 1000
        self.kubelets: dict[str, Kubelet] = {each.name: each for each in self._make_kubelets()}
        self._deployer = Deployer(
            self.store,
            {name: kubelet.ledger for name, kubelet in self.kubelets.items()},
            self.workloads,
            epoch=self._epoch,
            takes_pods=lambda name: self.kubelets[name].fault is not Fault.DEAD,
        )
        self._tasks: asyncio.TaskGroup | None = None
        self._moving: asyncio.Task[None] | None = None

    def _make_kubelets(self) -> list[Kubelet]:
        names = [f"node-{number}" for number in range(1, self.shape.nodes + 1)]
        hosts = [(name, _address(index) if self.shape.spread else "127.0.0.1") for index, name in enumerate(names)]
        return kubelets(
            hosts,
            authority=self.authority,
            access=self.access,
            clock=self.clock,
            epoch=self._epoch,
            period=self.shape.sample_period,
        )

    async def __aenter__(self) -> World:
        for kubelet in self.kubelets.values():
            await kubelet.start()
        self._furnish()
        await self.api.start()
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._moving = self._tasks.create_task(self._move(), name="sim-deployer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._moving is not None and self._tasks is not None:
            self._moving.cancel()
            await self._tasks.__aexit__(kind, error, trace)
        await self.api.stop()
        async with asyncio.TaskGroup() as group:
            for kubelet in self.kubelets.values():
                group.create_task(kubelet.stop())

    async def _move(self) -> None:
        orders = Orders(self.store, self.kubelets)
        async for now in ticks(self.clock, _TICK):
            await orders.step()
            self._deployer.step(now)

    def elapsed(self) -> float:
        """Seconds since the world began: the time its load curves are drawn over."""
        return self.clock.now() - self._epoch

    def kubeconfig(self, path: Path, token: str = TOKEN) -> Path:
        """Write a kubeconfig for the holder of `token`."""
        return self.api.kubeconfig(path, token)

    def front_proxy(self) -> KeyPair:
        """A client certificate with which an aggregated API server believes the X-Remote headers."""
        return self.front_proxy_authority.client(FRONT_PROXY)

    def deployment(self, namespace: str, name: str) -> Object:
        """The Deployment as it is; RefusedError (404)."""
        return self.store.get(DEPLOYMENTS, namespace, name)

    def _furnish(self) -> None:
        """Create what is there from the beginning."""
        for namespace in sorted({"default", "kube-system", *(each.namespace for each in self.workloads)}):
            self.store.create(NAMESPACES, "", {"metadata": {"name": namespace}, "status": {"phase": "Active"}})
        self.store.create(CONFIG_MAPS, "kube-system", self._authentication())
        for kubelet in self.kubelets.values():
            self.store.create(NODES, "", self._node(kubelet))
        for workload in self.workloads:
            self.store.create(DEPLOYMENTS, workload.namespace, workload.deployment())
        for policy in self._policies:
            self.store.create(POD_SCALERS, policy["metadata"]["namespace"], policy)
        self._deployer.settle(self._epoch - self.shape.settled_for)

    def _authentication(self) -> Object:
        """What the API server publishes for aggregated servers."""
        data = {
            "client-ca-file": self.authority.pem,
            "requestheader-client-ca-file": self.front_proxy_authority.pem,
            "requestheader-allowed-names": _json([FRONT_PROXY]),
            "requestheader-username-headers": _json(["X-Remote-User"]),
            "requestheader-group-headers": _json(["X-Remote-Group"]),
            "requestheader-extra-headers-prefix": _json(["X-Remote-Extra-"]),
            "requestheader-uid-headers": _json(["X-Remote-Uid"]),
        }
        return {"metadata": {"name": "extension-apiserver-authentication"}, "data": data}

    def _node(self, kubelet: Kubelet) -> Object:
        amounts = {"cpu": str(self.shape.node_cores), "memory": str(self.shape.node_memory), "pods": "110"}
        since = seconds_text(self._epoch - self.shape.settled_for)
        return {
            "metadata": {"name": kubelet.name, "labels": {"kubernetes.io/hostname": kubelet.name}},
            "spec": {},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": kubelet.host},
                    {"type": "Hostname", "address": kubelet.name},
                ],
                "capacity": amounts,
                "allocatable": amounts,
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.port}},
            },
        }


def grants() -> tuple[Grant, ...]:
    """The rights of our ServiceAccount, as the chart grants them."""
    read, watch = ("get",), ("get", "list", "watch")
    policies = "horizontalpodscalers.hpa-companion.dev"
    reviews = ("tokenreviews.authentication.k8s.io", "subjectaccessreviews.authorization.k8s.io")
    return (
        Grant(subject=USER, verbs=read, resources=("nodes/metrics", "nodes/stats")),
        Grant(subject=USER, verbs=watch, resources=("nodes", "pods", "deployments.apps", policies)),
        Grant(subject=USER, verbs=watch, resources=("horizontalpodautoscalers.autoscaling",)),
        Grant(subject=USER, verbs=read, resources=("replicasets.apps",)),
        Grant(subject=USER, verbs=watch, resources=("configmaps",), namespaces=("kube-system",)),
        Grant(subject=USER, verbs=("get", "update", "patch"), resources=("deployments.apps/scale",)),
        Grant(subject=USER, verbs=("get", "update", "patch"), resources=(f"{policies}/status",)),
        Grant(subject=USER, verbs=("create", "patch"), resources=("events.events.k8s.io",)),
        Grant(
            subject=USER,
            verbs=("get", "create", "update"),
            resources=("leases.coordination.k8s.io",),
            namespaces=("kube-system",),
        ),
        Grant(subject=USER, verbs=("create",), resources=reviews),
    )


def _address(index: int) -> str:
    return f"127.1.{index // 250}.{index % 250 + 1}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
