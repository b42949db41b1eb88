"""Records decisions and delivers them to Kafka; as a program, until it is killed.

`python -m tests.e2e.kafka.courier DIRECTORY BOOTSTRAP TOPIC FIRST`: a line `TARGET NUMBER` for each durable record.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tenacity import wait_fixed

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.kafka import Forwarder
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.producer import KafkaProducer
from autoscaler.audit.spool import Spool
from autoscaler.clock import SystemClock
from autoscaler.telemetry import Telemetry
from tests.audit.samples import decision
from tests.audit.scribe import write

PATIENCE = 30.0
REQUEST_TIMEOUT = 2.0
ROUND_WITHIN = 4.0  # how long an old connection is trusted: production has more patience than a test
DELIVERED_WITHIN = 120.0


class Courier:
    """An outbox and its forwarder at work. `bootstrap` is asked anew for each producer, as a DNS name would be."""

    def __init__(self, outbox: Outbox, telemetry: Telemetry, forwarder: Forwarder) -> None:
        self.outbox = outbox
        self.forwarder = forwarder
        self._telemetry = telemetry

    async def record(self, first: int, last: int, targets: int = 5) -> None:
        """Decisions `first` to `last` of every target, each target's in order."""
        async with asyncio.TaskGroup() as group:
            for target in range(targets):
                group.create_task(self._record(f"web{target}", first, last))

    async def _record(self, target: str, first: int, last: int) -> None:
        for number in range(first, last + 1):
            await self.outbox.record(decision(number, target))

    async def delivered(self) -> None:
        """Return when Kafka has everything."""
        await self.until(lambda: not self.value("autoscaler_audit_undelivered"))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once it is so; TimeoutError after two minutes."""
        async with asyncio.timeout(DELIVERED_WITHIN):
            while not holds():
                await asyncio.sleep(0.02)

    def value(self, series: str) -> float:
        return self._telemetry.registry.get_sample_value(series) or 0.0


@asynccontextmanager
async def courier(
    directory: Path,
    bootstrap: Callable[[], str],
    topic: str,
    *,
    access: Mapping[str, object] | None = None,
) -> AsyncIterator[Courier]:
    """`access`: how to be let in, fields of KafkaSettings."""
    clock, telemetry = SystemClock(), Telemetry()
    spool = Spool(directory, now=clock.now(), forwarding=True)

    def producer() -> KafkaProducer:
        return KafkaProducer(
            KafkaSettings(
                bootstrap_servers=(bootstrap(),), topic=topic, request_timeout=REQUEST_TIMEOUT, **(access or {})
            )
        )

    async with Outbox(spool, clock, telemetry.audit, patience=PATIENCE) as outbox:
        forwarder = Forwarder(
            outbox,
            producer,
            topic,
            clock,
            telemetry.audit,
            interval=0.05,
            round_within=ROUND_WITHIN,
            backoff=wait_fixed(0.3),
        )
        running = asyncio.get_running_loop().create_task(forwarder.run())
        try:
            yield Courier(outbox, telemetry, forwarder)
        finally:
            running.cancel()
            await forwarder.finish()
            with suppress(asyncio.CancelledError):
                await running


async def main(directory: Path, bootstrap: str, topic: str, first: int) -> None:
    async with courier(directory, lambda: bootstrap, topic) as working, asyncio.TaskGroup() as group:
        for target in range(5):
            group.create_task(write(working.outbox, f"web{target}", first))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
