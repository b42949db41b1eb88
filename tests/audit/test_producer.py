from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.audit import reasons
from autoscaler.audit.brokerlog import BrokerLog
from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.producer import KafkaProducer, partition
from autoscaler.clock import SystemClock

API_VERSIONS, METADATA = 18, 3


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


def answers(advertised: int) -> Callable[[int, bytes], bytes]:
    """What a broker that is to be reached at `advertised` says to the two first questions, after their number."""

    def answer(kind: int, number: bytes) -> bytes:
        if kind == API_VERSIONS:
            return number + struct.pack(">hihhh", 0, 1, METADATA, 0, 1)
        host = b"127.0.0.1"
        broker = struct.pack(">ih", 1, len(host)) + host + struct.pack(">ih", advertised, -1)
        return number + struct.pack(">i", 1) + broker + struct.pack(">ii", 1, 0)

    return answer


async def test_a_start_that_is_cut_off_between_two_answers_leaves_no_connection() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def half_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        request = await reader.readexactly(size)
        told = answers(1)(API_VERSIONS, request[4:8])
        writer.write(struct.pack(">i", len(told)) + told)
        await reader.readexactly(4)
        asked.set()
        await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(half_silent, "127.0.0.1", 0)
    async with server:
        producer = KafkaProducer(settings(bootstrap_servers=(f"127.0.0.1:{server.sockets[0].getsockname()[1]}",)))
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            starting = group.create_task(producer.start())
            await asked.wait()
            starting.cancel()
        assert starting.cancelled()
        await producer.close()
        async with asyncio.timeout(5):  # not by being collected: `starting` holds what it was doing
            await gone.wait()


async def test_q13_an_advertised_address_that_nobody_reaches_is_named(unused_tcp_port: int) -> None:
    answer = answers(unused_tcp_port)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                told = answer(struct.unpack(">h", request[:2])[0], request[4:8])
                writer.write(struct.pack(">i", len(told)) + told)
        except (OSError, EOFError):
            writer.transport.abort()

    broker_log = BrokerLog(SystemClock())
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    given = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        producer = KafkaProducer(settings(bootstrap_servers=(given,)))
        with broker_log.attached(), pytest.raises(TimeoutError) as caught:
            await asyncio.wait_for(producer.start(), 0.5)
        await producer.close()
    assert producer.asked == f"127.0.0.1:{unused_tcp_port} (advertised by {given})"
    told = reasons.told(caught.value, broker_log.last_error, producer.asked)
    assert f"127.0.0.1:{unused_tcp_port} (advertised by" in told
    assert "nobody listens there" in told


async def test_q13_a_name_is_looked_up_anew_for_each_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    loop = asyncio.get_running_loop()

    async def getaddrinfo(host: str, port: int, **_: object) -> object:
        found.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    for _ in range(2):
        producer = KafkaProducer(settings(bootstrap_servers=("kafka.shop:9092",)))
        with pytest.raises(KafkaConnectionError):
            await producer.start()
        await producer.close()
    assert found == ["kafka.shop", "kafka.shop"]


@given(st.binary(min_size=1, max_size=600), st.integers(1, 50))
def test_a_key_goes_where_the_librarys_own_partitioner_sends_it(key: bytes, partitions: int) -> None:
    every = list(range(partitions))
    assert partition(key, every, []) == partition(key, every, every) == DefaultPartitioner()(key, every, [])
