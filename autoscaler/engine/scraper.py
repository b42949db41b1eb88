"""One schedule per node: ask its kubelet, decode, commit, wait for its next turn.

Nodes know nothing of each other: a page is committed when it arrives, and a kubelet that hangs holds one of the
`CONCURRENCY` places, nothing else. A node that appears, becomes ready or is replaced is scraped at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import nullcontext
from typing import Protocol

import structlog

from autoscaler.clock import Clock
from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.rates import NANO
from autoscaler.engine.pace import EAGER_FOR, NEW_AFTER, Pace
from autoscaler.engine.progress import Progress, decoded
from autoscaler.engine.schedule import wait_after_failure, wait_after_success
from autoscaler.engine.storages import Storage
from autoscaler.engine.store import KEPT_RESOLUTIONS
from autoscaler.errors import MalformedError, ScrapeError, ScrapeReason
from autoscaler.model.metrics import Page, PodUsage, RawPage, Source
from autoscaler.model.objects import Node, NodeName, ObjectKey, Pod
from autoscaler.model.scrape import NodeReport
from autoscaler.telemetry import EngineTelemetry, Verdict
from autoscaler.turnstile import Turnstile

CONCURRENCY = 64
AT_ONCE = 4
"""Kubelets asked, or pages taken in, before others have their turn: pages of 60 containers take 2 to 5 ms."""
LARGE = 1 << 19
"""A page of more bytes is decoded in a thread, so that nobody else waits: half a MiB made to be slow takes 60 ms."""

log = structlog.get_logger(__name__)


class Kubelets(Protocol):
    """Asks one kubelet for one page; ScrapeError when there is none. `forget`: the node is gone."""

    async def page(self, node: Node, source: Source) -> RawPage: ...
    def forget(self, node: NodeName) -> None: ...


class Inventory(Protocol):
    """The nodes to scrape and the pods bound to them; `node_changes` names what was added, changed or went,
    `pod_starts` a pod that began to run and its node."""

    def nodes(self) -> Mapping[NodeName, Node]: ...
    def pods_on(self, node: NodeName) -> Collection[Pod]: ...
    def node_changes(self) -> AsyncIterator[NodeName]: ...
    def pod_starts(self) -> AsyncIterator[tuple[NodeName, ObjectKey]]: ...


class Interest(Protocol):
    """Whether somebody decides by the numbers of one of these pods: their node is hot."""

    def follow_any(self, pods: Collection[Pod]) -> bool: ...


class PodUsages(Protocol):
    """What is served of a pod: a new one is waited for until there is something."""

    def pod_usage(self, namespace: str, name: str) -> PodUsage | None: ...


class Scraper:
    """Runs until it is cancelled."""

    def __init__(
        self,
        *,
        kubelets: Kubelets,
        inventory: Inventory,
        storage: Storage,
        usages: PodUsages,
        clock: Clock,
        telemetry: EngineTelemetry,
        interest: Interest,
        pace: Pace,
        source: Source = Source.AUTO,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._kubelets = kubelets
        self._inventory = inventory
        self._storage = storage
        self._usages = usages
        self._clock = clock
        self._telemetry = telemetry
        self._interest = interest
        self._pace = pace
        self._source = source
        self._places = asyncio.Semaphore(concurrency)
        self._doubtful = asyncio.Semaphore(max(1, concurrency // 2))
        """Nodes that failed have half of the places: however many hang, the others go on."""
        self._turnstile = Turnstile(AT_ONCE)
        self._progress: dict[NodeName, Progress] = {}
        self._tasks: dict[NodeName, asyncio.Task[None]] = {}
        self._turned = clock.monotonic()
        self._answers = {each: telemetry.requests.labels("true" if each else "false") for each in (True, False)}
        # /metrics is made in a thread: a copy is taken in one step, while nodes come and go.
        telemetry.unverified.set_function(
            lambda: sum(1.0 for each in tuple(self._progress.values()) if each.unverified)
        )
        telemetry.hot.set_function(lambda: sum(1.0 for each in tuple(self._progress.values()) if each.hot))

    async def run(self) -> None:
        """Follow the inventory's nodes, for ever."""
        changes, starts = self._inventory.node_changes(), self._inventory.pod_starts()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pace.run(), name="scrape pace")
            group.create_task(self._await_pods(starts, group), name="scrape new pods")
            for name in list(self._inventory.nodes()):
                self._changed(name, group)
            async for name in changes:
                self._changed(name, group)

    def reports(self) -> list[NodeReport]:
        """How scraping goes, of every node, by name."""
        return sorted((progress.report() for progress in self._progress.values()), key=lambda report: report.node)

    def denied(self) -> list[tuple[Node, str]]:
        """Nodes without an address that may be dialled, and why none of theirs may."""
        return [(each.node, each.denial) for each in self._progress.values() if each.denial]

    def coverage(self) -> tuple[int, int]:
        """How many nodes gave a page at their last turn, and how many there are."""
        return sum(1 for progress in self._progress.values() if progress.succeeded), len(self._progress)

    def verdict(self, patience: float) -> Verdict:
        """The check of /livez: bad when turns are due and none has come to an end, well or badly, for longer than a
        sample is served and than `patience`. Kubelets that fail are no reason (K02), a schedule that stands still is.
        """
        due = min((progress.due for progress in self._progress.values()), default=float("inf"))
        still = self._clock.monotonic() - max(due, self._turned)
        bound = max(KEPT_RESOLUTIONS * self._pace.resolution, patience)
        return Verdict("metric-collection-timely", still < bound, f"no scrape has come to an end for {still:.0f} s")

    def _changed(self, name: NodeName, group: asyncio.TaskGroup) -> None:
        """Start, restart or end a node's schedule as its new state demands."""
        node, progress = self._inventory.nodes().get(name), self._progress.get(name)
        if progress is not None and (node is None or node.uid != progress.node.uid):
            self._end(name)
            progress = None
        if node is None:
            return
        if progress is None:
            progress = self._progress[name] = Progress(node, self._source, self._clock.monotonic())
        elif not progress.due_at_once(node):
            progress.node = node
            return
        progress.node, progress.failures = node, 0  # what failed before says nothing of it now
        self._begin(progress, self._clock.monotonic(), group)

    async def _await_pods(self, starts: AsyncIterator[tuple[NodeName, ObjectKey]], group: asyncio.TaskGroup) -> None:
        """A pod began to run: its node is scraped as soon as that can give a number, and often until it did."""
        async for name, pod in starts:
            progress = self._progress.get(name)
            if progress is None:
                continue
            now = self._clock.monotonic()
            progress.awaited[pod] = now + EAGER_FOR
            if progress.resting and not progress.failures and progress.due > now + NEW_AFTER:
                self._begin(progress, now + NEW_AFTER, group)

    def _begin(self, progress: Progress, due: float, group: asyncio.TaskGroup) -> None:
        """Have the node's next turn begin when `due` (monotonic), in place of whatever it is about."""
        name = progress.node.name
        self._stop(name)
        progress.due, progress.resting = due, True
        self._tasks[name] = group.create_task(self._follow(progress), name=f"scrape {name}")

    def _end(self, name: NodeName) -> None:
        self._stop(name)
        del self._progress[name]
        self._kubelets.forget(name)
        self._storage.forget(name)
        self._telemetry.forget_node(name)

    def _stop(self, name: NodeName) -> None:
        if task := self._tasks.pop(name, None):
            task.cancel()

    async def _follow(self, progress: Progress) -> None:
        """One node's turns."""
        while True:
            if (wait := progress.due - self._clock.monotonic()) > 0:
                await self._clock.sleep(wait)
            progress.resting = False
            error = await self._turn(progress)
            self._turned = self._clock.monotonic()
            self._telemetry.tick_seconds.observe(self._turned - progress.due)
            progress.due = self._turned + self._wait(progress, error)
            progress.resting = True

    def _wait(self, progress: Progress, error: ScrapeError | None) -> float:
        """Seconds until the node's next turn. One that fails is in no hurry."""
        node, now, nodes = progress.node, self._clock.now(), len(self._progress)
        awaited = progress.await_pods(self._has_number, self._clock.monotonic())
        progress.hot = self._pace.hot and self._interest.follow_any(self._inventory.pods_on(node.name))
        progress.interval = self._pace.resolution
        if error is not None:
            return wait_after_failure(
                node.name, progress.interval, now, nodes, error=error, failures=progress.failures, ready=node.ready
            )
        progress.interval = self._pace.interval(hot=progress.hot, awaited=awaited, took=progress.took)
        return wait_after_success(node.name, progress.interval, now, nodes)

    def _has_number(self, pod: ObjectKey) -> bool:
        return self._usages.pod_usage(pod.namespace, pod.name) is not None

    async def _turn(self, progress: Progress) -> ScrapeError | None:
        """One scrape and its consequences; the error when it gave nothing."""
        async with self._doubtful if progress.failures else nullcontext(), self._places:
            await self._turnstile.passed()
            self._telemetry.lag_seconds.observe(max(0.0, self._clock.monotonic() - progress.due))
            node = progress.node
            try:
                page = await self._page(progress)
            except ScrapeError as error:
                self._storage.failed(node, error)
                self._telemetry.errors.labels(error.reason).inc()
                if progress.fail(error):
                    log.warning("Scraping a node fails", node=node.name, reason=error.reason, detail=error.detail)
                return error
            self._storage.put(node, page, self._inventory.pods_on(node.name), int(self._clock.now() * NANO))
            if progress.succeed():
                log.info("Scraping a node works again", node=node.name)
            return None

    async def _page(self, progress: Progress) -> Page:
        """A decoded page from the source that this node is known to have."""
        try:
            raw = await self._asked(progress, progress.source)
        except ScrapeError as error:
            if error.reason is not ScrapeReason.NOT_FOUND or self._source is not Source.AUTO:
                raise
            raw = await self._asked(progress, progress.other_source())
        progress.told_by(raw, self._clock.now())
        await self._turnstile.passed()
        return await self._decoded(raw, progress)

    async def _asked(self, progress: Progress, source: Source) -> RawPage:
        """One request, measured."""
        node, started = progress.node, self._clock.monotonic()
        progress.asked_at = self._clock.now()
        self._telemetry.node_requests.asked(node.name, progress.asked_at)
        success = False
        try:
            raw = await self._kubelets.page(node, source)
            success = True
        finally:
            progress.took = self._clock.monotonic() - started
            self._answers[success].inc()
            self._telemetry.node_requests.took(node.name, progress.took)
        return raw

    async def _decoded(self, raw: RawPage, progress: Progress) -> Page:
        """The page's samples; a page that is none, or that says there are none, is a failed scrape."""
        name = progress.node.name
        try:
            if len(raw.body) > LARGE:
                page = await asyncio.to_thread(decoded, raw, ExpositionDecoder())
            else:
                page = decoded(raw, progress.decoder)
        except MalformedError as exc:
            raise ScrapeError(name, ScrapeReason.PARSE, str(exc)) from exc
        if page.failed:
            raise ScrapeError(name, ScrapeReason.UNAVAILABLE, "the kubelet answers resource_scrape_error 1")
        return page
