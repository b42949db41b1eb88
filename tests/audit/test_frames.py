"""What answers on a broker's port may be anything; aiokafka's own producer is the client."""

from __future__ import annotations

import asyncio
import struct
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import KafkaConnectionError

from autoscaler.audit import frames
from autoscaler.audit.brokerlog import BrokerLog
from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.producer import KafkaProducer
from autoscaler.clock import SystemClock

Answer = Callable[[bytes], bytes]
"""From the correlation id of a request to what comes back."""


def framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


@asynccontextmanager
async def stranger(answer: Answer, *, more: bytes = b"") -> AsyncIterator[str]:
    """Answers every request so, and sends `more` for as long as it is read."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                writer.write(answer(request[4:8]))
                await writer.drain()
                while more:
                    writer.write(more)
                    await writer.drain()
        except (OSError, EOFError):
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def claimed(size: int) -> Answer:
    return lambda _: struct.pack(">i", size)


MEGABYTE = b"\0" * (1 << 20)


@pytest.mark.parametrize(
    ("answer", "more", "told"),
    [
        pytest.param(claimed((1 << 31) - 1), MEGABYTE, "claims to answer with 2147483647 bytes", id="2 GiB"),
        pytest.param(claimed(frames.MAX_BYTES + 1), MEGABYTE, "claims to answer", id="one byte too many"),
        pytest.param(claimed(-1), b"", "claims to answer with -1 bytes", id="less than nothing"),
        pytest.param(lambda _: b"\x15\x03\x03\0\x02\x02\x50", b"", frames.TLS, id="TLS"),
        pytest.param(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", "claims to answer", id="a web server"),
        pytest.param(lambda number: framed(number + b"\xff" * 50), b"", "", id="garbage in a frame"),
        pytest.param(lambda number: framed(number + struct.pack(">hi", 0, 1 << 30)), b"", "", id="a billion entries"),
        pytest.param(lambda _: framed(b"\0\0\x30\x39" + b"\0" * 20), b"", "do not match", id="another's answer"),
        pytest.param(lambda number: framed(number) * 3, b"", "", id="answers nobody asked for"),
        pytest.param(lambda _: framed(b""), b"", "", id="an empty frame"),
    ],
)
async def test_q11_whatever_answers_is_refused_within_bounds(answer: Answer, more: bytes, told: str) -> None:
    broker_log = BrokerLog(SystemClock())
    async with stranger(answer, more=more) as address:
        producer = KafkaProducer(KafkaSettings(bootstrap_servers=(address,), request_timeout=2))
        tracemalloc.start()
        try:
            with broker_log.attached(), pytest.raises(KafkaConnectionError):
                await asyncio.wait_for(producer.start(), 5)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            await producer.close()
    assert peak < frames.MAX_BYTES
    assert told in broker_log.last_error


async def test_a_peer_that_ends_the_connection_is_told_as_that() -> None:
    async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    broker_log = BrokerLog(SystemClock())
    server = await asyncio.start_server(leave, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        producer = KafkaProducer(KafkaSettings(bootstrap_servers=(f"127.0.0.1:{port}",)))
        with broker_log.attached(), pytest.raises(KafkaConnectionError):
            await producer.start()
        await producer.close()
    assert frames.ENDED in broker_log.last_error
