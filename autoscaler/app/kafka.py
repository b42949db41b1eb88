"""Kafka as the settings describe it: who delivers what to which topic."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog
from msgspec import structs

from autoscaler.audit import codec
from autoscaler.audit.brokers import KafkaSettings, unreadable
from autoscaler.audit.clusterid import ClusterId
from autoscaler.audit.kafka import Backlog, Forwarder
from autoscaler.audit.latest import Latest
from autoscaler.audit.producer import KafkaProducer
from autoscaler.audit.readahead import Told
from autoscaler.audit.topics import Wish
from autoscaler.clock import Clock
from autoscaler.config.settings import AuditSettings
from autoscaler.telemetry import AuditTelemetry, DeliveryTelemetry, Telemetry

log = structlog.get_logger(__name__)


class Kafka:
    """The cluster that has our records is remembered beside the spool."""

    def __init__(self, settings: AuditSettings, clock: Clock, telemetry: AuditTelemetry) -> None:
        self._settings = settings
        self._clock = clock
        self.cluster = ClusterId(Path(settings.spool_dir), telemetry.cluster_changed)

    def forwarder(
        self,
        backlog: Backlog,
        topic: str,
        telemetry: DeliveryTelemetry,
        *,
        kind: str = codec.DECISION_TYPE,
        compact: bool = False,
        told: Sequence[Told] = (),
    ) -> Forwarder:
        """Delivers the backlog to `topic`."""
        settings = self._settings.topics
        reached = KafkaSettings(**structs.asdict(self._settings.kafka) | {"topic": topic})
        wish = Wish(name=topic, partitions=settings.partitions, retention=settings.retention, compact=compact)

        def producer() -> KafkaProducer:
            return KafkaProducer(reached, wish=wish if settings.create else None, seen=self.cluster.seen)

        return Forwarder(
            backlog,
            producer,
            topic,
            self._clock,
            telemetry,
            kind=kind,
            told=told,
        )


class Decisions:
    """The stream of decisions: their history and, if there is a topic for it, the last one of each target."""

    def __init__(self, settings: AuditSettings, backlog: Backlog, clock: Clock, telemetry: Telemetry) -> None:
        kafka = Kafka(settings, clock, telemetry.audit)
        self._cluster = kafka.cluster
        latest, owed = settings.topics.latest, Latest()
        told = (owed.offer,) if latest else ()
        self._history = kafka.forwarder(backlog, settings.kafka.topic, telemetry.audit, told=told)
        self._access = KafkaSettings(**structs.asdict(settings.kafka))
        self._latest = kafka.forwarder(owed, latest, telemetry.latest, compact=True) if latest else None

    @property
    def problem(self) -> str:
        """What stands between the spool and Kafka; "" = nothing."""
        return self._history.problem

    @property
    def alarm(self) -> str:
        """What a person should know of where records go; "" = nothing."""
        return self._cluster.alarm

    async def run(self) -> None:
        """For ever. A credential file that is missing is told now, not with the first record; it may come yet."""
        for problem in unreadable(self._access):
            log.warning("Records wait in the spool for a credential file, which is tried again", problem=problem)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._history.run(), name="history")
            if self._latest is not None:
                group.create_task(self._latest.run(), name="latest")

    async def finish(self) -> None:
        """Deliver what can be; the last decisions after the history of which they come, when that went well."""
        if await self._history.finish() and self._latest is not None:
            await self._latest.finish()
