"""Usage kept in Kafka, when a topic is named: a store beside the one in memory, a spool and a forwarder of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from autoscaler.app.kafka import Kafka
from autoscaler.audit.kafka import Forwarder
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.spool import Spool
from autoscaler.audit.usage import USAGE_TYPE, UsageStore
from autoscaler.clock import Clock
from autoscaler.config.settings import Settings
from autoscaler.telemetry import UsageTelemetry

FOLDER = "usage"
"""Below that of the decisions: a spool has one writer and one kind of record."""
KEPT_BYTES = 16 << 20
"""What is delivered goes soon: nobody reads it here."""


class UsageStream:
    """`store` takes pages; `run` keeps and delivers them, then `finish` what is left, as a forwarder."""

    def __init__(self, store: UsageStore, forwarder: Forwarder) -> None:
        self.store = store
        self._forwarder = forwarder

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.store.run(), name="usage store")
            group.create_task(self._forwarder.run(), name="usage forwarder")

    async def finish(self) -> None:
        """Make durable what is in memory, and deliver what can be."""
        await self.store.finish()
        await self._forwarder.finish()


@asynccontextmanager
async def usage_stream(settings: Settings, clock: Clock, telemetry: UsageTelemetry) -> AsyncIterator[UsageStream]:
    """The stream that the settings name; its spool is closed in the end. Raises ConfigError."""
    folder = Path(settings.audit.spool_dir) / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    spool = Spool(
        folder,
        now=clock.now(),
        forwarding=True,
        max_bytes=settings.usage.spool_max_bytes,
        keep_bytes=min(KEPT_BYTES, settings.usage.spool_max_bytes // 2),
    )
    async with Outbox(spool, clock, telemetry.stream) as outbox:
        kafka = Kafka(settings.audit, clock, telemetry.stream)
        forwarder = kafka.forwarder(outbox, settings.usage.topic, telemetry.stream, kind=USAGE_TYPE)
        yield UsageStream(UsageStore(outbox, clock, telemetry, lambda: uuid.uuid4().hex), forwarder)
