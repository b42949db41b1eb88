from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.producer import KafkaProducer


def settings(**changes: object) -> KafkaSettings:
    return KafkaSettings(**({"bootstrap_servers": ("127.0.0.1:1",)} | changes))


async def test_an_absent_broker_is_an_error_and_leaves_nothing_behind() -> None:
    producer = KafkaProducer(settings())
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.close()
    del producer  # an unclosed one would warn here
    assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}


async def test_a_producer_that_was_never_started_can_be_closed() -> None:
    await KafkaProducer(settings()).close()


async def test_a_broker_that_accepts_and_says_nothing_can_be_left() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        producer = KafkaProducer(settings(bootstrap_servers=(f"127.0.0.1:{port}",)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(producer.start(), 0.2)
        await asyncio.wait_for(producer.close(), 1)


async def test_it_is_idempotent_acknowledged_by_all_and_without_linger() -> None:
    producer = KafkaProducer(settings())
    sender = producer._producer._sender
    assert sender._acks == -1
    assert sender._txn_manager is not None
    assert producer._producer._message_accumulator._linger_time == 0
    await producer.close()
