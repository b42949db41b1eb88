"""aiokafka's producer, as the forwarder wants it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from autoscaler.audit import refusals, topics
from autoscaler.audit.brokers import KafkaSettings, client_options, fingerprint
from autoscaler.audit.codec import Headers

BATCH_BYTES = 128 * 1024  # compression runs in the event loop: larger batches would be felt
REQUEST_BYTES = 1 << 20
KEYS = 10_000
"""Targets whose partition is known; a few 100 bytes each."""


class KafkaProducer:
    """One producer's life: start, send, close. AuditError when a credential file cannot be read.

    `wish`: how to make the topic when it is not there; None: it is not made. `seen` is told the id of the cluster.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        wish: topics.Wish | None = None,
        seen: Callable[[str], None] = lambda _id: None,
    ) -> None:
        self._settings = settings
        self._wish = wish
        self._seen = seen
        self._credentials = fingerprint(settings)  # before they are read: what changes meanwhile is seen as a change
        refusals.known()
        self._producer = AIOKafkaProducer(
            **client_options(settings),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            compression_type="zstd",
            partitioner=partition,
        )

    async def start(self) -> None:
        """Return when brokers let us in and the topic is there."""
        try:
            await self._producer.start()
        except asyncio.CancelledError as exc:
            close_the_first(exc)
            raise
        self._seen(await topics.ready(self._producer.client, self._settings.topic, self._wish))

    @property
    def asked(self) -> str:
        """Whom it tried to reach: the brokers we were given, or, once these answered, those that they named."""
        named = sorted(f"{broker.host}:{broker.port}" for broker in self._producer.client.cluster.brokers())
        given = ", ".join(self._settings.bootstrap_servers)
        return f"{', '.join(named)} (advertised by {given})" if named and named != [given] else given

    def stale(self) -> bool:
        """Whether a credential file has changed since it was made."""
        return fingerprint(self._settings) != self._credentials

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
            _answer_no_more(producer.client)
            await asyncio.wait([sender])
            await producer.client.close()  # what its tasks were connecting to meanwhile


def partition(key: bytes, partitions: Sequence[int], _available: Sequence[int]) -> int:
    """Where a key's records go, as every client has it; the library hashes in Python, each record anew."""
    return partitions[_hashed(key) % len(partitions)]


@lru_cache(maxsize=KEYS)
def _hashed(key: bytes) -> int:
    positive: int = murmur2(key) & 0x7FFFFFFF
    return positive


def close_the_first(exc: BaseException) -> None:
    """Close what the library connected to first: cut off, it neither closes nor keeps that (aiokafka 0.14)."""
    for frame, _ in traceback.walk_tb(exc.__traceback__):
        connection = frame.f_locals.get("bootstrap_conn")
        if connection is not None:
            connection.close()


def _answer_no_more(client: Any) -> None:
    """Who waits for this closed client to learn of the brokers anew has waited enough; it would be for ever."""
    answer = client._md_update_fut or asyncio.get_running_loop().create_future()
    if not answer.done():
        answer.set_result(False)
    client._md_update_fut = answer
