"""aiokafka's producer, as the forwarder wants it."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer

from autoscaler.audit.brokers import KafkaSettings, client_options
from autoscaler.audit.codec import Headers

BATCH_BYTES = 128 * 1024  # compression runs in the event loop: larger batches would be felt
REQUEST_BYTES = 1 << 20


class KafkaProducer:
    """One producer's life: start, send, close. AuditError when a credential file cannot be read."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._producer = AIOKafkaProducer(
            **client_options(settings),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            compression_type="zstd",
        )

    async def start(self) -> None:
        await self._producer.start()

    async def send(self, topic: str, *, key: bytes, value: bytes, headers: Headers) -> asyncio.Future[object]:
        future: asyncio.Future[object] = await self._producer.send(topic, key=key, value=value, headers=headers)
        return future

    async def close(self) -> None:
        # Not the library's stop(): that waits for pending records, and idempotent ones never expire (aiokafka 0.14).
        producer = self._producer
        producer._closed = True
        sender: asyncio.Task[None] | None = producer._sender.sender_task
        if sender is not None:
            sender.cancel()
        await producer.client.close()  # ends the requests that the sender's tasks wait for
        if sender is not None:
            await asyncio.wait([sender])
