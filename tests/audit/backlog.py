"""The spool's side of a forwarder, in memory, and a forwarder that runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import accumulate

from tenacity import wait_fixed

from autoscaler.audit.codec import Record
from autoscaler.audit.kafka import Forwarder
from autoscaler.clock import SystemClock
from autoscaler.telemetry import Telemetry
from tests.audit.broker import Broker
from tests.audit.samples import record


class Backlog:
    """The spool's side, in memory."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.records = list(records)
        self.cursor = 0
        self.settled = False
        self.parked: list[tuple[int, str]] = []
        self.faults: list[Exception] = []
        self.empty = asyncio.Event()

    async def news(self) -> None:
        while not self._left():
            await asyncio.sleep(1)

    async def settle(self) -> None:
        self.settled = True

    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        if self.faults:
            raise self.faults.pop()
        return self._left()[:max_rows]

    async def delivered(self, position: int) -> None:
        self.cursor = position
        if not self._left():
            self.empty.set()

    async def set_aside(self, record: Record, reason: str) -> None:
        self.parked.append((record.position, reason))

    def _left(self) -> list[Record]:
        return [record for record in self.records if record.position > self.cursor]


class Bounded(Backlog):
    """As the spool: a round is bounded by bytes too."""

    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        sizes = accumulate(len(each.body) for each in self._left())
        fitting = sum(size <= max_bytes for size in sizes)
        return self._left()[: min(max_rows, max(1, fitting))]


def forwarder(backlog: Backlog, broker: Broker, telemetry: Telemetry | None = None) -> Forwarder:
    audit = (telemetry or Telemetry()).audit
    return Forwarder(backlog, broker.producer, "decisions", SystemClock(), audit, backoff=wait_fixed(1))


@asynccontextmanager
async def running(forwarder: Forwarder) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(forwarder.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def records(count: int, size: int = 0) -> list[Record]:
    return [record(number, body=None if not size else body(number, size)) for number in range(1, count + 1)]


def body(number: int, size: int) -> bytes:
    return json.dumps({"id": f"web-{number}", "time": "2027-01-15T08:00:00Z", "pad": "x" * size}).encode()
