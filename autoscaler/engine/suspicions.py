"""Nodes that tell what they should not: an address that is no kubelet's, or pods that are bound to another node.

Looked at now and then, beside the scraping; whoever hears of it says the same no more than once an hour. A pod that was
just deleted stays on its kubelet's page for a moment, so only what lasts is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from autoscaler.clock import Clock, ticks
from autoscaler.engine.nodeseries import NodeSeries
from autoscaler.engine.steady import PodName
from autoscaler.model.objects import Node, NodeName

LOOK_SECONDS = 30.0
LASTING_SECONDS = 60.0
AT_ONCE = 500
"""Nodes looked at without giving way: what nobody else looks at is in no cache, so 5,000 took 30 ms."""

FOREIGN = (
    "its kubelet keeps reporting pods that are not bound to it; they are not believed "
    "(autoscaler_foreign_samples_total has how many)"
)


class Alarm(Protocol):
    """Tells people about a node; called again and again while it lasts."""

    def warn(self, node: Node, reason: str, message: str) -> None: ...


class Inventory(Protocol):
    """The nodes there are."""

    def nodes(self) -> Mapping[NodeName, Node]: ...


class Reported(Protocol):
    """What each node last reported."""

    def nodes(self) -> Sequence[NodeSeries]: ...


class Denials(Protocol):
    """Nodes that give no address that may be dialled, and which they give."""

    def denied(self) -> Iterable[tuple[Node, str]]: ...


class _Lasting(Struct):
    """Pods that every page since then had, though they are not bound to the node."""

    pods: frozenset[PodName]
    since: float


class Suspicions:
    """`run` looks, for ever."""

    def __init__(self, inventory: Inventory, reported: Reported, denials: Denials, alarm: Alarm, clock: Clock) -> None:
        self._inventory = inventory
        self._reported = reported
        self._denials = denials
        self._alarm = alarm
        self._clock = clock
        self._lasting: dict[NodeName, _Lasting] = {}

    async def run(self) -> None:
        """Look every `LOOK_SECONDS`, for ever."""
        async for _ in ticks(self._clock, LOOK_SECONDS, phase=LOOK_SECONDS):
            await self.look()

    async def look(self) -> None:
        """Look once and tell."""
        for node, detail in self._denials.denied():
            self._alarm.warn(node, "AddressDenied", f"its kubelet is not asked: {detail}")
        before, self._lasting = self._lasting, {}
        now = self._clock.monotonic()
        for number, series in enumerate(self._reported.nodes(), 1):
            if series.foreign:
                self._suspect(series, before.get(series.name), now)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def _suspect(self, series: NodeSeries, before: _Lasting | None, now: float) -> None:
        common = before.pods & series.foreign if before else frozenset()
        lasting = _Lasting(common, before.since) if before and common else _Lasting(series.foreign, now)
        self._lasting[series.name] = lasting
        node = self._inventory.nodes().get(series.name)
        if node is not None and now - lasting.since >= LASTING_SECONDS:
            self._alarm.warn(node, "ForeignPods", FOREIGN)
