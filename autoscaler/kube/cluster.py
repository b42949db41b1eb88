"""Nodes and pods of the cluster as they are known here, by every name somebody asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from autoscaler.clock import Clock
from autoscaler.kube import decode
from autoscaler.kube.changes import Changes
from autoscaler.kube.client import KubeClient
from autoscaler.kube.podindex import PodIndex
from autoscaler.kube.watch import STEADY, Pace, Resource, Watch
from autoscaler.model.objects import Node, NodeName, ObjectKey, Pod
from autoscaler.telemetry import KubeTelemetry

NODES = Resource("nodes", "/api/v1/nodes", decode.node)
PODS = Resource("pods", "/api/v1/pods", decode.pod)

PodFollower = Callable[[Pod | None, Pod | None], None]
NodeFollower = Callable[[Node | None, Node | None], None]


class Cluster:
    """Answers from memory; `run` keeps it current. Empty until `synced`.

    `node_selector` is a label selector in its text form: only nodes that match are there at all.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        clock: Clock,
        telemetry: KubeTelemetry,
        node_selector: str = "",
        pace: Pace = STEADY,
    ) -> None:
        self._by_name: dict[NodeName, Node] = {}
        self._pods = PodIndex()
        self._changes: Changes[NodeName] = Changes()
        self._starts: Changes[tuple[NodeName, ObjectKey]] = Changes()
        nodes = replace(NODES, params=(("labelSelector", node_selector),)) if node_selector else NODES
        self._node_watch = Watch(client, nodes, self._node_changed, clock=clock, telemetry=telemetry, pace=pace)
        self._pod_watch = Watch(client, PODS, self._pod_changed, clock=clock, telemetry=telemetry, pace=pace)
        self._followers: list[tuple[PodFollower, NodeFollower]] = []

    async def run(self) -> None:
        """Watch, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._node_watch.run(), name="watch nodes")
            group.create_task(self._pod_watch.run(), name="watch pods")

    @property
    def synced(self) -> bool:
        """Whether both lists were complete once."""
        return self._node_watch.synced and self._pod_watch.synced

    @property
    def problem(self) -> str:
        """What is wrong with the watches now, "" when nothing is."""
        return "; ".join(each for each in (self._node_watch.problem, self._pod_watch.problem) if each)

    async def wait_synced(self) -> None:
        """Return once both lists were complete."""
        await self._node_watch.wait_synced()
        await self._pod_watch.wait_synced()

    def nodes(self) -> Mapping[NodeName, Node]:
        """All nodes; a live view."""
        return self._by_name

    def node(self, name: str) -> Node | None:
        """The node, or None."""
        return self._by_name.get(NodeName(name))

    def node_changes(self) -> AsyncIterator[NodeName]:
        """Names of nodes that were added, changed in a field that is kept, or went, from this call on."""
        return self._changes.listen()

    def pod_starts(self) -> AsyncIterator[tuple[NodeName, ObjectKey]]:
        """Pods that began to run, and where, from this call on; not those that the first list found running."""
        return self._starts.listen()

    def follow(self, pods: PodFollower, nodes: NodeFollower) -> None:
        """Call these with every difference from now on, once it is taken in: old None = added, new None = gone."""
        self._followers.append((pods, nodes))

    def pod(self, namespace: str, name: str) -> Pod | None:
        """The pod, or None."""
        return self._pods.pod(namespace, name)

    def pods_on(self, node: NodeName) -> Collection[Pod]:
        """Pods bound to the node, in any phase."""
        return self._pods.on(node)

    def pods_in(self, namespace: str | None) -> Iterable[Pod]:
        """Pods of the namespace; of all with None."""
        return self._pod_watch.items.values() if namespace is None else self._pods.within(namespace)

    def pods_matching(self, namespace: str, selector: str) -> Sequence[Pod]:
        """Pods of the namespace that the selector's text selects, by name; MalformedError when it is none."""
        return self._pods.matching(namespace, selector)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        self._pods.changed(old, new)
        for follower, _ in self._followers:
            follower(old, new)
        if new is None or not new.node or new.phase != "Running" or not self._pod_watch.synced:
            return
        if old is None or old.uid != new.uid or old.phase != "Running":
            self._starts.told((new.node, new.key))

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        """A heartbeat changes a node's version and nothing that is kept: nobody needs to hear of it."""
        if new is not None:
            self._by_name[new.name] = new
            if old is None or _versionless(old) != _versionless(new):
                self._changes.told(new.name)
        elif old is not None:
            del self._by_name[old.name]
            self._changes.told(old.name)
        for _, follower in self._followers:
            follower(old, new)


def _versionless(node: Node) -> Node:
    return structs.replace(node, resource_version="")
