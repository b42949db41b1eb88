"""Reads a topic from its first record to its present end, and on from there if asked to."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from autoscaler.audit import reasons
from autoscaler.audit.brokerlog import BrokerLog
from autoscaler.audit.brokers import KafkaSettings, client_options
from autoscaler.audit.event import Event, from_message
from autoscaler.audit.inquiry import is_probe
from autoscaler.clock import Clock
from autoscaler.errors import AuditError, MalformedError

POLL_MS = 500
ROWS = 500
FETCH_BYTES = 8 << 20
"""An answer may be larger by one batch only: well under what a connection takes (`frames.MAX_BYTES`)."""


async def topic_events(
    settings: KafkaSettings, clock: Clock, *, follow: bool
) -> AsyncIterator[Event | MalformedError | None]:
    """Every message as an event, or why it is none; per partition in order. A probe of the doctor's is no message.

    `follow`: never ending, and None, once, when everything that was there at the beginning has come.

    AuditError when no broker lets us in, or the topic is not there. Nothing is committed: reading leaves no trace.
    """
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
        fetch_max_bytes=FETCH_BYTES,
    )
    broker_log = BrokerLog(clock)
    try:
        with broker_log.attached():
            await consumer.start()
        partitions = await _assigned(consumer, settings)
        ends = await consumer.end_offsets(partitions)
        left = {partition for partition in partitions if ends[partition]}
        present = False
        while left or follow:
            if follow and not left and not present:
                present = True
                yield None
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=ROWS)
            for partition, messages in found.items():
                for message in messages:
                    if is_probe(message.headers):
                        continue
                    yield _event(message, f"{settings.topic}[{partition.partition}]@{message.offset}")
            for partition in list(left):
                if await consumer.position(partition) >= ends[partition]:
                    left.discard(partition)
    except (KafkaError, OSError) as exc:
        servers = ", ".join(settings.bootstrap_servers)
        why = reasons.told(exc, broker_log.last_error, servers)
        raise AuditError(f"Kafka at {servers} cannot be read: {why}") from exc
    finally:
        await consumer.stop()


async def _assigned(consumer: AIOKafkaConsumer, settings: KafkaSettings) -> list[object]:
    """All partitions, from their beginning."""
    await consumer._client.force_metadata_update()
    numbers = consumer.partitions_for_topic(settings.topic)
    if not numbers:
        known = sorted(await consumer.topics())
        raise AuditError(f"there is no topic {settings.topic}; the brokers have {', '.join(known) or 'none'}")
    partitions = [TopicPartition(settings.topic, number) for number in sorted(numbers)]
    consumer.assign(partitions)
    return partitions


def _event(message: object, where: str) -> Event | MalformedError:
    try:
        return from_message(message.key, message.headers, message.value, where)  # type: ignore[attr-defined]
    except MalformedError as exc:
        return exc
