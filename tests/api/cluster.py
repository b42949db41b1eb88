"""A cluster that a test sets: the nodes and pods there are, and what is known of their usage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from autoscaler.model.absence import Absence
from autoscaler.model.metrics import Commit, NodeUsage, PodUsage, Usage
from autoscaler.model.objects import Node, NodeName, Pod

NOW = 1_795_427_661.0  # 2026-11-23T09:54:21Z
SAMPLED = 1_795_427_651_000_000_000
WINDOW = 11_995_000_000


@dataclass
class Cluster:
    """Inventory and usage in one."""

    node_list: list[Node] = field(default_factory=list)
    pod_list: list[Pod] = field(default_factory=list)
    usages: dict[tuple[str, str], PodUsage] = field(default_factory=dict)
    node_usages: dict[str, NodeUsage] = field(default_factory=dict)
    why: tuple[Absence, ...] = ()
    expired: list[bool] = field(default_factory=list)
    listeners: list[Callable[[Commit], None]] = field(default_factory=list)
    followers: list[tuple[Callable[..., None], Callable[..., None]]] = field(default_factory=list)

    def nodes(self) -> Mapping[NodeName, Node]:
        return {node.name: node for node in self.node_list}

    def node(self, name: NodeName) -> Node | None:
        return self.nodes().get(name)

    def pods_in(self, namespace: str | None) -> Iterable[Pod]:
        return (pod for pod in self.pod_list if namespace in (None, pod.namespace))

    def pod(self, namespace: str, name: str) -> Pod | None:
        return next((pod for pod in self.pods_in(namespace) if pod.name == name), None)

    def pod_usage(self, namespace: str, name: str) -> PodUsage | None:
        return self.usages.get((namespace, name))

    def node_usage(self, name: NodeName) -> NodeUsage | None:
        return self.node_usages.get(name)

    def absence(self, item: Pod | Node) -> Sequence[Absence]:
        return self.why

    def expire(self) -> bool:
        return self.expired.pop() if self.expired else True

    def subscribe(self, listener: Callable[[Commit], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def follow(self, pods: Callable[..., None], nodes: Callable[..., None]) -> None:
        self.followers.append((pods, nodes))

    def commit(self, *fresh: Pod, lost: Iterable[Pod] = (), node: str = "", own: bool | None = None) -> None:
        """The store tells of this; the usages are set before."""
        self.tell(Commit(NodeName(node), [pod.key for pod in fresh], [pod.key for pod in lost], own))

    def tell(self, commit: Commit) -> None:
        """The store tells of this very commit."""
        for listener in self.listeners:
            listener(commit)

    def change(self, old: Pod | None, new: Pod | None) -> None:
        """The inventory takes in another state of a pod."""
        self.pod_list = [pod for pod in self.pod_list if pod is not old] + ([new] if new else [])
        for follower, _ in self.followers:
            follower(old, new)

    def change_node(self, old: Node | None, new: Node | None) -> None:
        """The same of a node."""
        self.node_list = [node for node in self.node_list if node is not old] + ([new] if new else [])
        for _, follower in self.followers:
            follower(old, new)

    def add_pod(self, pod: Pod, *containers: tuple[str, int, int]) -> None:
        """A pod with numbers: (container, nano-cores, bytes)."""
        self.pod_list.append(pod)
        self.usages[(pod.namespace, pod.name)] = pod_usage(pod, *containers)

    def add_node(self, name: str, cpu: int, memory: int, window: int = WINDOW, **labels: str) -> None:
        node = Node(name=NodeName(name), uid=name, labels=labels)
        self.node_list.append(node)
        self.node_usages[name] = NodeUsage(node.name, Usage(cpu, memory, SAMPLED, window))


def pod_usage(pod: Pod, *containers: tuple[str, int, int]) -> PodUsage:
    """Sampled at the same instant as everything in these tests."""
    usages = tuple((name, Usage(cpu, memory, SAMPLED, WINDOW)) for name, cpu, memory in containers)
    return PodUsage(pod.namespace, pod.name, pod.uid, usages, SAMPLED, WINDOW)


def golden_cluster() -> Cluster:
    """The cluster that the real metrics-server answered of (tests/api/goldens.py)."""
    cluster = Cluster()
    cluster.add_node("node-b", 1_750_016_679, 4_294_967_313, zone="z2")
    cluster.add_node("node-a", 500_030_364, 2 << 30, 11_990_000_000, zone="z1")
    cluster.add_pod(
        Pod(namespace="kube-system", name="dns-0", uid="u2", labels={"k8s-app": "dns"}),
        ("dns", 1_500_014_296, 12345 << 10),
    )
    cluster.add_pod(
        Pod(namespace="default", name="web-0", uid="u1", labels={"tier": "fe", "app": "web"}),
        ("main", 250_002_551, 53_687_091),
        ("sidecar", 100_001, 1049),
    )
    cluster.pod_list.append(Pod(namespace="default", name="nometrics", uid="u3"))
    cluster.node_list.append(Node(name=NodeName("node-c"), uid="c"))
    return cluster
