"""A scraper among nodes whose kubelets answer as told, on a clock the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from autoscaler.engine.freshness import Freshness
from autoscaler.engine.pace import Limits, Pace
from autoscaler.engine.scraper import Scraper
from autoscaler.engine.store import MemoryStorage
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import RawPage, Source
from autoscaler.model.objects import Container, Node, NodeName, ObjectKey, Pod
from autoscaler.telemetry import EngineTelemetry
from tests.clock import FakeClock, settle

RESOLUTION = 15.0
SUMMARY = b'{"node":{"cpu":{"usageCoreNanoSeconds":%d},"memory":{"workingSetBytes":7}}}'

Answer = Callable[[Node, Source], Awaitable[bytes]]


class World:
    """Nodes, their kubelets and what they were asked, by (node, source, second)."""

    def __init__(self, *names: str, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.known: dict[NodeName, Node] = {NodeName(name): node(name) for name in names}
        self.pods: list[Pod] = []
        self.changes: asyncio.Queue[NodeName] = asyncio.Queue()
        self.starts: asyncio.Queue[tuple[NodeName, ObjectKey]] = asyncio.Queue()
        self.followed: set[ObjectKey] = set()
        self.unverified: set[str] = set()
        self.cpu = 0.0
        self.asked: list[tuple[str, Source, float]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.answers: dict[str, Answer] = {}
        self.forgotten: list[str] = []
        self.registry = CollectorRegistry()
        telemetry = EngineTelemetry(self.registry)
        self.freshness = Freshness()
        self.store = MemoryStorage(
            resolution=RESOLUTION, clock=self.clock, telemetry=telemetry, freshness=self.freshness
        )
        self.telemetry = telemetry

    def nodes(self) -> Mapping[NodeName, Node]:
        return self.known

    def pods_on(self, node: NodeName) -> Collection[Pod]:
        return [pod for pod in self.pods if pod.node == node]

    async def node_changes(self) -> AsyncIterator[NodeName]:
        while True:
            yield await self.changes.get()

    async def pod_starts(self) -> AsyncIterator[tuple[NodeName, ObjectKey]]:
        while True:
            yield await self.starts.get()

    def follow_any(self, pods: Collection[Pod]) -> bool:
        return any(pod.key in self.followed for pod in pods)

    async def page(self, node: Node, source: Source) -> RawPage:
        asked = self.clock.now()
        self.asked.append((node.name, source, self.clock.monotonic()))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            body = await self.answers.get(node.name, self.steady)(node, source)
        finally:
            self.in_flight -= 1
        verified = "" if node.name in self.unverified else "address"
        return RawPage(body, source, int(asked * 1e9), "10.0.0.1:10250", verified)

    def forget(self, node: NodeName) -> None:
        self.forgotten.append(node)

    async def steady(self, node: Node, source: Source) -> bytes:
        elapsed = self.clock.monotonic()
        if source is Source.SUMMARY:
            return SUMMARY % int(elapsed * 5e8)
        return f"node_cpu_usage_seconds_total {elapsed / 2}\nnode_memory_working_set_bytes 7\n".encode()

    def times(self, name: str) -> list[float]:
        return [at for node, _, at in self.asked if node == name]

    async def change(self, name: str, to: Node | None) -> None:
        if to is None:
            del self.known[NodeName(name)]
        else:
            self.known[NodeName(name)] = to
        self.changes.put_nowait(NodeName(name))
        await settle()

    @asynccontextmanager
    async def scraping(
        self, source: Source = Source.AUTO, concurrency: int = 64, hot_resolution: float = 0.0
    ) -> AsyncIterator[Scraper]:
        limits = Limits(resolution=RESOLUTION, hot_resolution=hot_resolution)
        scraper = Scraper(
            kubelets=self, inventory=self, storage=self.store, usages=self.store, clock=self.clock,
            telemetry=self.telemetry, interest=self, pace=Pace(limits, self.clock, lambda: self.cpu), source=source,
            concurrency=concurrency,
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            running = group.create_task(scraper.run())
            await settle()
            yield scraper
            running.cancel()

    def count(self, series: str, **labels: str) -> float:
        return self.registry.get_sample_value(series, labels) or 0.0


def node(name: str, **more: object) -> Node:
    return Node(name=NodeName(name), uid=f"uid of {name}", **more)  # type: ignore[arg-type]  # passed on as they come


def pod(name: str = "web", on: str = "a") -> Pod:
    return Pod(namespace="shop", name=name, uid=f"uid of {name}", node=NodeName(on), containers=(Container("main"),))


def failing(reason: ScrapeReason, retry_after: float | None = None) -> Answer:
    async def answer(node: Node, source: Source) -> bytes:
        raise ScrapeError(node.name, reason, "as told", retry_after=retry_after)

    return answer


async def hanging(_node: Node, _source: Source) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
