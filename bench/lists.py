"""List of all pods, p50: in process and through TLS on loopback.

Three cases: nothing changed since the last list, every sample is new (as once a scrape round), and one namespace by
label, as an HPA asks. The client is in another process, so that its work does not count as ours.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import ssl
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection

from msgspec import structs
from prometheus_client import CollectorRegistry

from autoscaler.api.call import parse_call
from autoscaler.api.ledger import Ledger
from autoscaler.api.resources import Resources
from autoscaler.api.server import ApiServer, ApiSettings
from autoscaler.clock import SystemClock
from autoscaler.model.absence import Absence
from autoscaler.model.identity import Attributes, FrontProxyTrust, Identity, ResourceAttributes, Verdict
from autoscaler.model.metrics import Commit, NodeUsage, PodUsage, Usage
from autoscaler.model.objects import Node, NodeName, Pod
from autoscaler.telemetry.health import Health
from autoscaler.telemetry.series import ApiTelemetry, Telemetry
from autoscaler.turnstile import Turnstile
from bench.catalogue import Say
from bench.figure import Figure

ALL = "/apis/metrics.k8s.io/v1beta1/pods"
ONE = "/apis/metrics.k8s.io/v1beta1/namespaces/ns-7/pods?labelSelector=app%3Dapp-7"
PROTOBUF = "application/vnd.kubernetes.protobuf"
SIZE, QUICK_SIZE = (30_000, 15), (800, 1)
"""Pods, and rounds."""


class Cluster:
    """Pods of two containers in namespaces of 100, with numbers."""

    def __init__(self, pods: int) -> None:
        self._pods: dict[str, dict[str, Pod]] = {}
        self._usages: dict[tuple[str, str], PodUsage] = {}
        self._told: list[Callable[[Commit], None]] = []
        for number in range(pods):
            labels = {"app": f"app-{number // 100}", "pod-template-hash": "6d4cf56db6", "team": "shop"}
            pod = Pod(
                namespace=f"ns-{number // 100}", name=f"web-6d4cf56db6-{number:05}", uid=str(number), labels=labels
            )
            self._pods.setdefault(pod.namespace, {})[pod.name] = pod
        self.sample(1_795_427_651_000_000_000)

    def sample(self, at_ns: int) -> None:
        """New numbers for every pod, each sampled at its own millisecond and over its own time."""
        for pod in self.pods_in(None):
            number = int(pod.uid)
            taken, window = at_ns - number * 7919 % 15_000 * 1_000_000, (10_000 + number * 104_729 % 6_000) * 1_000_000
            usage = Usage(250_002_551 + number, 53_687_091 + number, taken, window)
            containers = (("main", usage), ("sidecar", structs.replace(usage, cpu=100_001 + number)))
            self._usages[(pod.namespace, pod.name)] = PodUsage(
                pod.namespace, pod.name, pod.uid, containers, taken, window
            )
        for told in self._told:
            told(Commit(NodeName("n"), fresh=[pod.key for pod in self.pods_in(None)]))

    def subscribe(self, told: Callable[[Commit], None]) -> Callable[[], None]:
        self._told.append(told)
        return self._told.clear

    def follow(self, _pods: object, _nodes: object) -> None:
        """Nothing but numbers changes here."""

    def expire(self) -> bool:
        return True

    def nodes(self) -> Mapping[NodeName, Node]:
        return {}

    def node(self, _name: NodeName) -> Node | None:
        return None

    def pods_in(self, namespace: str | None) -> Iterable[Pod]:
        if namespace is not None:
            return list(self._pods.get(namespace, {}).values())
        return [pod for pods in self._pods.values() for pod in pods.values()]

    def pod(self, namespace: str, name: str) -> Pod | None:
        return self._pods.get(namespace, {}).get(name)

    def pod_usage(self, namespace: str, name: str) -> PodUsage | None:
        return self._usages.get((namespace, name))

    def node_usage(self, _name: NodeName) -> NodeUsage | None:
        return None

    def absence(self, _item: Pod | Node) -> tuple[Absence, ...]:
        return ()


class Everybody:
    """Reviews that allow all, and no front proxy."""

    async def token(self, _token: str) -> Identity | None:
        return None

    async def access(self, _identity: Identity, _attributes: Attributes) -> Verdict:
        return Verdict(True)

    problem = ""

    def current(self) -> FrontProxyTrust | None:
        return None


async def in_process(cluster: Cluster, target: str, accept: str = "") -> Callable[[], Awaitable[int]]:
    """A function that makes one list and gives its size."""
    clock = SystemClock()
    ledger = Ledger(cluster, cluster, cluster, clock)
    resources = Resources(cluster, cluster, ledger, clock, ApiTelemetry(CollectorRegistry()), turns=Turnstile(2))
    call = parse_call("GET", target, accept=accept)
    assert isinstance(call.attributes, ResourceAttributes)
    asked = call.attributes

    async def once() -> int:
        body = (await resources.answer(call, asked)).body
        assert isinstance(body, bytes | Iterator)
        if isinstance(body, bytes):
            return len(body)
        size = 0
        for piece in body:
            size += len(piece)
            await asyncio.sleep(0)  # as when it is sent
        return size

    return once


@asynccontextmanager
async def served(cluster: Cluster) -> AsyncIterator[ApiServer]:
    """The server of the Metrics API, to whom everybody is welcome."""
    with tempfile.TemporaryDirectory() as folder:
        everybody = Everybody()
        server = ApiServer(
            ApiSettings(bind_address="127.0.0.1", port=0, cert_dir=folder),
            usage=cluster, feed=cluster, inventory=cluster, reviews=everybody, trust=everybody,
            health=Health(), telemetry=Telemetry(), clock=SystemClock(),
        )  # fmt: skip
        serving = asyncio.get_running_loop().create_task(server.run())
        await server.started.wait()
        yield server
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def client(port: int, ca_pem: str, pipe: Connection) -> None:
    """Send each request that comes down the pipe on one connection; answer with its size and seconds."""

    async def run() -> None:
        context = ssl.create_default_context(cadata=ca_pem)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, limit=1 << 20)
        while asked := await asyncio.to_thread(pipe.recv):
            target, accept = asked
            begin = time.perf_counter()
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = 0
            if b"content-length: " in head:
                size = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
                await reader.readexactly(size)
            else:
                while chunk := int(await reader.readuntil(b"\r\n"), 16):
                    size += len(await reader.readexactly(chunk))
                    await reader.readexactly(2)
                await reader.readexactly(2)
            pipe.send((size, time.perf_counter() - begin))
        writer.close()

    asyncio.run(run())


async def measure(
    name: str, rounds: int, once: Callable[[], Awaitable[int]], before: Callable[[], None], say: Say
) -> Figure:
    """The median; size, processor time and the worst stall of the loop are told."""
    times, stalls, work = [], [], []
    for _ in range(rounds):
        before()
        stall = [0.0]
        watching = asyncio.get_running_loop().create_task(watch(stall))
        await asyncio.sleep(0)
        begin, busy = time.perf_counter(), time.process_time()
        size = await once()
        work.append(time.process_time() - busy)
        times.append(time.perf_counter() - begin)
        stalls.append(stall[0])
        watching.cancel()
    say(
        f"{name}: max {max(times) * 1000:.0f} ms, {size / 1e6:.2f} MB, CPU {statistics.median(work) * 1000:.0f} ms, "
        f"longest stall {max(stalls) * 1000:.1f} ms"
    )
    return Figure(what=name, ours=statistics.median(times) * 1000, unit="ms")


async def watch(stall: list[float]) -> None:
    """Note the longest time the loop did not come round."""
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        stall[0] = max(stall[0], now - last - 0.001)
        last = now


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """All cases."""
    return asyncio.run(_cases(*(QUICK_SIZE if quick else SIZE), say))


async def _cases(pods: int, rounds: int, say: Say) -> list[Figure]:
    cluster, at_ns = Cluster(pods), [1_795_427_651_000_000_000]

    def renew() -> None:
        at_ns[0] += 15_000_000_000
        cluster.sample(at_ns[0])

    def nothing() -> None:
        pass

    whole, one = await in_process(cluster, ALL), await in_process(cluster, ONE)
    binary = await in_process(cluster, ALL, PROTOBUF)
    await whole()
    await binary()
    await one()
    found = [
        await measure("all pods, in process, nothing changed", rounds, whole, nothing, say),
        await measure("all pods, in process, every sample new", rounds, whole, renew, say),
        await measure("all pods, protobuf, in process, every sample new", rounds, binary, renew, say),
        await measure("100 pods by label, in process", rounds, one, nothing, say),
    ]
    async with served(cluster) as server:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        ca_pem = server.certificate.ca_bundle().decode()
        asking = multiprocessing.get_context("spawn").Process(target=client, args=(server.port, ca_pem, theirs))
        asking.start()

        def through_tls(target: str, accept: str = "*/*") -> Callable[[], Awaitable[int]]:
            async def once() -> int:
                ours.send((target, accept))
                size, _ = await asyncio.to_thread(ours.recv)
                return int(size)

            return once

        await through_tls(ALL)()
        await through_tls(ALL, PROTOBUF)()
        found += [
            await measure("all pods, TLS, nothing changed", rounds, through_tls(ALL), nothing, say),
            await measure("all pods, TLS, every sample new", rounds, through_tls(ALL), renew, say),
            await measure("all pods, protobuf, TLS, nothing changed", rounds, through_tls(ALL, PROTOBUF), nothing, say),
            await measure("all pods, protobuf, TLS, every sample new", rounds, through_tls(ALL, PROTOBUF), renew, say),
            await measure("100 pods by label, TLS", rounds, through_tls(ONE), nothing, say),
        ]
        ours.send(None)
        asking.join()
    return found
