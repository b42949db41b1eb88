"""What stands around the API server in these tests: a cluster, reviews and a trust source that the test sets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoscaler.api.server import ApiServer, ApiSettings
from autoscaler.errors import KubeError
from autoscaler.model.absence import Absence
from autoscaler.model.identity import Attributes, FrontProxyTrust, Identity, Verdict
from autoscaler.model.metrics import Commit, NodeUsage, PodUsage, Usage
from autoscaler.model.objects import Node, NodeName, Pod
from autoscaler.telemetry.health import Health
from autoscaler.telemetry.series import Telemetry
from tests.certificates import Authority, Issued
from tests.clock import FakeClock

NOW = 1_795_427_661.0  # 2026-11-23T09:54:21Z
SAMPLED = 1_795_427_651_000_000_000
WINDOW = 11_995_000_000

PROXY_CA = Authority("requestheader")
PROXY = PROXY_CA.issue("front-proxy-client", client=True, server=False)
MASTER = [("X-Remote-User", "system:kube-aggregator"), ("X-Remote-Group", "system:masters")]


def trust(*authorities: Authority, **changes: Any) -> FrontProxyTrust:
    """What a cluster made by kubeadm says."""
    given: dict[str, Any] = {
        "ca_pem": "".join(authority.pem.decode() for authority in authorities or (PROXY_CA,)),
        "allowed_names": ("front-proxy-client",),
        "username_headers": ("X-Remote-User",),
        "group_headers": ("X-Remote-Group",),
        "extra_prefixes": ("X-Remote-Extra-",),
    }
    return FrontProxyTrust(**(given | changes))


@dataclass
class Trust:
    """A TrustSource the test changes."""

    value: FrontProxyTrust | None = field(default_factory=trust)
    problem: str = ""

    def current(self) -> FrontProxyTrust | None:
        return self.value


@dataclass
class Reviews:
    """Answers reviews from two tables; `error` fails them, `gate` holds them until it is set."""

    tokens: dict[str, Identity] = field(default_factory=dict)
    allowed: bool = True
    reason: str = "no RBAC policy matched"
    error: KubeError | None = None
    gate: asyncio.Event | None = None
    asked: list[tuple[Identity, Attributes]] = field(default_factory=list)
    tokens_asked: list[str] = field(default_factory=list)

    async def token(self, token: str) -> Identity | None:
        self.tokens_asked.append(token)
        await self._answer()
        return self.tokens.get(token)

    async def access(self, identity: Identity, attributes: Attributes) -> Verdict:
        self.asked.append((identity, attributes))
        await self._answer()
        return Verdict(True) if self.allowed else Verdict(False, self.reason)

    async def _answer(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error


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
        told = Commit(NodeName(node), [pod.key for pod in fresh], [pod.key for pod in lost], own)
        for listener in self.listeners:
            listener(told)

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
    """The cluster of metrics-api.md §3.5."""
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


@dataclass(frozen=True)
class Reply:
    """One HTTP response, body joined."""

    code: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class World:
    """A running server and what stands around it."""

    server: ApiServer
    folder: Path
    cluster: Cluster
    reviews: Reviews
    trust: Trust
    health: Health
    telemetry: Telemetry
    clock: FakeClock

    def client_context(self, certificate: Issued | None = None) -> ssl.SSLContext:
        """Verifies the server by its published bundle; shows `certificate`."""
        context = ssl.create_default_context(cadata=self.server.certificate.certificate.read_text())
        if certificate is not None:
            context.load_cert_chain(*certificate.write(self.folder))
        return context

    async def connect(
        self,
        certificate: Issued | None = None,
        context: ssl.SSLContext | None = None,
        name: str | None = None,
        window: int | None = None,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TLS connection, handshake done; `window` is how many bytes the kernel may take that nobody reads."""
        dialled = socket.socket()
        if window is not None:  # before connecting: the size of TCP's window is agreed on in the handshake
            dialled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        dialled.setblocking(False)
        await asyncio.get_running_loop().sock_connect(dialled, ("127.0.0.1", self.server.port))
        return await asyncio.open_connection(
            sock=dialled,
            ssl=context or self.client_context(certificate),
            server_hostname=name or "127.0.0.1",
            limit=1 << 26,
        )

    async def send(self, data: bytes, certificate: Issued | None = None) -> bytes:
        """These bytes on a connection of their own, and everything that comes back."""
        reader, writer = await self.connect(certificate)
        try:
            writer.write(data)
            return await reader.read()
        finally:
            await closed(writer)

    async def ask(
        self,
        target: str,
        headers: Sequence[tuple[str, str]] = (),
        *,
        method: str = "GET",
        certificate: Issued | None = None,
        body: bytes = b"",
    ) -> Reply:
        """One request on a connection of its own."""
        length = [("Content-Length", str(len(body)))] if body else []
        lines = [("Host", "localhost"), ("Connection", "close"), *length, *headers]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        data = f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body
        return parsed(await self.send(data, certificate))


async def until(condition: Callable[[], object]) -> None:
    """Let sockets and tasks work until it holds; the test's own time limit ends it otherwise."""
    while not condition():
        await asyncio.sleep(0)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def parsed(data: bytes) -> Reply:
    """The first response in what a server sent; ConnectionError when it sent none."""
    if not data:
        raise ConnectionError("closed without an answer")
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(body))
    return Reply(int(status.split()[1]), headers, body)


def _chunks(body: bytes) -> Iterable[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        yield rest[:length]
        body = rest[length + 2 :]


@contextlib.asynccontextmanager
async def serving(folder: Path, **given: Any) -> AsyncIterator[World]:
    """A server on a free port of loopback; `settings` go to ApiSettings, the rest replaces parts of the world."""
    cluster = given.get("cluster") or golden_cluster()
    reviews, health, telemetry = given.get("reviews") or Reviews(), Health(), Telemetry()
    clock, source = FakeClock(NOW), given.get("trust") or Trust()
    settings = {"bind_address": "127.0.0.1", "port": 0, "cert_dir": str(folder)} | given.get("settings", {})
    server = ApiServer(
        ApiSettings(**settings),
        usage=cluster,
        feed=cluster,
        inventory=cluster,
        reviews=reviews,
        trust=source,
        health=health,
        telemetry=telemetry,
        clock=clock,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run())
        await server.started.wait()
        yield World(server, folder, cluster, reviews, source, health, telemetry, clock)
        running.cancel()
