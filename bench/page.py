"""What one page of 60 containers costs: scraped over kept-alive TLS, decoded, stored, read.

CPU seconds of this process are what counts: the kubelet answers from a process of its own. `sum(range(10_000))` is
measured in the same run and stands beside every figure, which makes those of busy or slow machines comparable.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry

from autoscaler.clock import SystemClock
from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.engine.freshness import Freshness
from autoscaler.engine.store import MemoryStorage
from autoscaler.kube.addresses import AddressRules
from autoscaler.kube.exchange import TlsExchange
from autoscaler.kube.kubelet import KubeletClient
from autoscaler.kube.trust import KubeletTrust, TrustFiles
from autoscaler.model.metrics import Source
from autoscaler.model.objects import Container, Node, NodeAddress, NodeName, Pod
from autoscaler.sim.certificates import Authority
from autoscaler.telemetry import EngineTelemetry
from bench.catalogue import Say
from bench.figure import Figure

CONTAINERS, PER_POD = 60, 2
ROUNDS, QUICK_ROUNDS = 300, 3
RESOLUTION = 15.0
"""Seconds between two pages, as far as decoder and store can tell."""


def pods(count: int) -> list[Pod]:
    """`count` containers in pods of two."""
    names = [(f"team-{index % 7}", f"shop-frontend-7d9c6b5f4d-{index:05d}") for index in range(count // PER_POD)]
    containers = tuple(Container(f"container-{index}") for index in range(PER_POD))
    return [
        Pod(namespace=namespace, name=name, uid=name, node=NodeName("n1"), containers=containers)
        for namespace, name in names
    ]


def page(bound: list[Pod], now: float) -> bytes:
    """A page as a kubelet of Kubernetes 1.37 writes it, with the series nobody reads."""
    at = int(now * 1000)
    own = [(pod.namespace, pod.name, container.name) for pod in bound for container in pod.containers]
    lines = []
    for family, value in (("cpu_usage_seconds_total", f"{now % 1e6:.6f}"), ("memory_working_set_bytes", "1.253376e+07"),
                          ("start_time_seconds", None), ("swap_usage_bytes", "0")):  # fmt: skip
        lines += [f"# HELP container_{family} [STABLE] Of the container", f"# TYPE container_{family} gauge"]
        for namespace, name, container in own:
            labels = f'{{container="{container}",namespace="{namespace}",pod="{name}"}}'
            lines.append(f"container_{family}{labels} {value} {at}" if value else f"container_{family}{labels} 1.6e+09")
    lines += [f"node_cpu_usage_seconds_total {now % 1e6:.6f} {at}", f"node_memory_working_set_bytes 1.6e+09 {at}"]
    for family in ("cpu_usage_seconds_total", "memory_working_set_bytes", "swap_usage_bytes"):
        lines += [f'pod_{family}{{namespace="{pod.namespace}",pod="{pod.name}"}} 1.5 {at}' for pod in bound]
    return ("\n".join([*lines, "resource_scrape_error 0"]) + "\n").encode()


def kubelet(pair: str, port: Connection) -> None:
    """A process of its own: answers every request with a page of that instant."""
    bound = pods(CONTAINERS)

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            body = page(bound, time.time())
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    async def serve() -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pair)
        server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=tls)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


class Token:
    async def token(self, refused: str = "") -> str:
        return "bench"


async def scraped(port: int, authority: str, rounds: int) -> float:
    """CPU seconds per page of the client alone."""
    clock = SystemClock()
    rules = AddressRules(status_port=True, loopback=True)
    client = KubeletClient(
        rules=rules,
        trust=KubeletTrust(TrustFiles(authority=authority), clock),
        tokens=Token(),
        exchange=TlsExchange(rules),
        clock=clock,
    )
    node = Node(name=NodeName("n1"), uid="u", addresses=(NodeAddress("InternalIP", "127.0.0.1"),), kubelet_port=port)
    await client.page(node, Source.RESOURCE)
    begun = time.process_time()
    for _ in range(rounds):
        await client.page(node, Source.RESOURCE)
    spent = time.process_time() - begun
    await client.close()
    return spent / rounds


def cpu_each(action: Callable[[int], object], rounds: int) -> float:
    """Median CPU seconds of `action`."""
    spent = []
    for index in range(rounds):
        begun = time.process_time_ns()
        action(index)
        spent.append((time.process_time_ns() - begun) / 1e9)
    return statistics.median(spent)


def measured(port: int, authority: str, rounds: int) -> dict[str, float]:
    """CPU seconds per page, by step."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        scrape = runner.run(scraped(port, authority, rounds))
    bound, node = pods(CONTAINERS), Node(name=NodeName("n1"), uid="u")
    moments = [time.time() - RESOLUTION * (rounds - index) for index in range(rounds)]
    bodies = [page(bound, moment) for moment in moments]
    decoder, asked = ExpositionDecoder(), time.time_ns()
    pages = [decoder.page(body, asked) for body in bodies]
    telemetry = EngineTelemetry(CollectorRegistry())
    store = MemoryStorage(resolution=RESOLUTION, clock=SystemClock(), telemetry=telemetry, freshness=Freshness())
    return {
        "scrape (TLS, kept alive)": scrape,
        "decode": cpu_each(lambda index: decoder.page(bodies[index], asked), rounds),
        "store": cpu_each(lambda index: store.put(node, pages[index], bound, int(moments[index] * 1e9)), rounds),
        "read every pod": cpu_each(lambda _: [store.pod_usage(pod.namespace, pod.name) for pod in bound], rounds),
    }


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """CPU per page, step by step and all together."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    ours, theirs = multiprocessing.Pipe()
    authority = Authority("bench")
    with tempfile.TemporaryDirectory() as folder:
        pair = authority.server("n1", ["127.0.0.1"])
        pem = Path(folder, "pair.pem")
        pem.write_bytes(pair.certificate + pair.key)
        process = multiprocessing.get_context("spawn").Process(target=kubelet, args=(str(pem), theirs), daemon=True)
        process.start()
        steps = measured(ours.recv(), authority.pem, rounds)
        process.terminate()
        process.join()
    steps["scrape + decode + store"] = sum(list(steps.values())[:3])
    yardstick = cpu_each(lambda _: sum(range(10_000)), rounds) * 1e6
    say(f"{len(page(pods(CONTAINERS), time.time()))} bytes, {rounds} rounds")
    return [
        Figure(what=step, ours=spent * 1e6, unit="us", theirs=yardstick, beside="sum(range(10000))")
        for step, spent in steps.items()
    ]
