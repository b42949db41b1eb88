"""Who gets in while others never end their handshakes (A15)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import ClassVar, cast

import pytest
from structlog.testing import capture_logs

from autoscaler.api.door import UNSENT, Door
from tests.api.world import closed, until
from tests.certificates import Authority
from tests.clock import settle

OURS = Authority("serving")
TRUSTING = ssl.create_default_context(cadata=OURS.pem.decode())


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*OURS.issue("us", sans=["127.0.0.1"]).write(tmp_path_factory.mktemp("door")))
    return made


class Guest(asyncio.Protocol):
    """Says what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined] # typeshed knows a base transport only


class Talker(asyncio.Protocol):
    """Greets, then says more than anybody can keep, until it is told to wait."""

    paused = False
    left: ClassVar[list[int]] = []
    """What was not sent then."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        self.paused = True

    def data_received(self, data: bytes) -> None:
        if data == b"hello":
            self.transport.write(data)
            return
        while not self.paused:
            self.transport.write(bytes(1 << 14))
        self.left.append(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self.transport.close()


class Clumsy(asyncio.Protocol):
    """Raises when it is made."""

    def __init__(self) -> None:
        raise RuntimeError("clumsy")


@contextlib.asynccontextmanager
async def opened(
    tls: ssl.SSLContext, *, handshake: float = 60.0, made: type[asyncio.Protocol] = Guest, **more: float
) -> AsyncIterator[int]:
    door = Door(made, tls, handshake=handshake, shutdown=1.0, **more)  # type: ignore[arg-type] # most is an int
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(door.run(listening))
            yield listening.getsockname()[1]
            task.cancel()


async def silent(port: int, address: str = "127.0.0.2") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that will say nothing, from that address."""
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))


async def heard(port: int) -> bytes:
    """What a good client hears."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=TRUSTING)
    writer.write(b"hello")
    try:
        return await reader.read(5)
    finally:
        await closed(writer)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What came until the end, which may be a reset."""
    with contextlib.suppress(ConnectionError):
        return await reader.read()
    return b""


async def test_a_client_is_let_in(tls: ssl.SSLContext) -> None:
    async with opened(tls) as port:
        assert await heard(port) == b"hello"


async def test_a16_of_what_a_client_does_not_take_little_is_kept(tls: ssl.SSLContext) -> None:
    async with opened(tls, made=Talker) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=TRUSTING)
        writer.write(b"hello")
        await reader.readexactly(5)
        writer.write(b"go on")
        await until(lambda: Talker.left)
        assert UNSENT <= Talker.left.pop() < 2 * UNSENT
        await ended(reader)
        await closed(writer)


async def test_a15_where_all_places_are_taken_the_longest_of_the_most_crowded_address_goes(tls: ssl.SSLContext) -> None:
    async with opened(tls, most=4, patience=0.05) as port:
        alone = await silent(port, "127.0.0.9")
        crowd = [await silent(port) for _ in range(3)]
        assert await heard(port) == b"hello"
        assert await ended(crowd[0][0]) == b""
        for reader, _ in (alone, *crowd[1:]):  # nobody wants their places
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.05)
        for _, writer in (alone, *crowd):
            await closed(writer)


async def test_a15_a_rush_of_good_clients_loses_nobody(tls: ssl.SSLContext) -> None:
    async with opened(tls, most=2) as port:
        assert await asyncio.gather(*(heard(port) for _ in range(20))) == [b"hello"] * 20


async def test_a15_a_handshake_has_its_time_and_frees_its_place(tls: ssl.SSLContext) -> None:
    async with opened(tls, most=1, handshake=0.1, patience=60.0) as port:
        for _ in range(2):
            reader, writer = await silent(port)
            assert await ended(reader) == b""
            await closed(writer)
        assert await heard(port) == b"hello"


async def test_a30_what_is_no_tls_is_closed_and_no_news(tls: ssl.SSLContext) -> None:
    with capture_logs() as logs:
        async with opened(tls, most=1) as port:
            for _ in range(3):
                reader, writer = await silent(port)
                writer.write(b"GET / HTTP/1.1\r\n\r\n")
                await ended(reader)
                await closed(writer)
            assert await heard(port) == b"hello"
    assert logs == []


async def test_a_protocol_that_fails_costs_its_own_connection(tls: ssl.SSLContext) -> None:
    with capture_logs() as logs:
        async with opened(tls, made=Clumsy, most=1) as port:
            for _ in range(2):
                reader, writer = await silent(port)
                assert await ended(reader) == b""
                await closed(writer)
    assert {line["event"] for line in logs} == {"Failed to accept a connection"}


async def test_at_the_end_nothing_stays_open(tls: ssl.SSLContext) -> None:
    async with opened(tls) as port:
        begun = [await silent(port) for _ in range(3)]
        await settle()
    for reader, writer in begun:
        assert await ended(reader) == b""
        await closed(writer)


async def test_a_socket_that_accepts_nothing_is_tried_again(tls: ssl.SSLContext) -> None:
    """As when the system has no file descriptor to give; here because it does not listen yet."""
    door = Door(Guest, tls, handshake=60, shutdown=1)
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(door.run(plain))
            await settle()
            plain.listen()
            assert await heard(plain.getsockname()[1]) == b"hello"
            task.cancel()
    await until(task.done)
