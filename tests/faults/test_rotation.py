"""Authorities and certificates that change under connections (A05, A25, A26): none is believed too long, none fails."""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.api.asking import ANN, NODES, REQUEST, rest
from tests.api.world import PROXY, PROXY_CA, World, closed, serving, trust
from tests.certificates import Authority, Issued


async def test_a05_a_rotated_ca_is_followed_and_connections_of_the_old_one_are_closed(tmp_path: Path) -> None:
    new_ca = Authority("rotated")
    new = new_ca.issue("front-proxy-client", client=True, server=False)
    async with serving(tmp_path) as world:
        reader, writer = await world.connect(PROXY)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        world.trust.value = trust(PROXY_CA, new_ca)
        assert (await world.ask(NODES, ANN, certificate=PROXY)).code == 200
        assert (await world.ask(NODES, ANN, certificate=new)).code == 200
        world.trust.value = trust(new_ca)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await world.ask(NODES, ANN, certificate=PROXY)
        await world.clock.advance(1.1)
        assert b"HTTP/1.1" not in await rest(reader)
        await closed(writer)


async def test_a05_a_request_on_a_connection_of_the_old_ca_is_not_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        reader, writer = await world.connect(PROXY)
        writer.write(REQUEST)
        await reader.readuntil(b"]}\n")
        world.trust.value = trust(Authority("rotated"))
        asked = len(world.reviews.asked)
        writer.write(REQUEST)
        assert await rest(reader) == b""
        assert len(world.reviews.asked) == asked
        await closed(writer)


async def test_a05_no_session_is_resumed(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        context = world.client_context(PROXY)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        reader, writer = await world.connect(context=context)
        session = writer.get_extra_info("ssl_object").session
        await closed(writer)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        again = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1", session=session)
        reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
        for _ in range(4):
            try:
                again.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(1 << 16))
        writer.write(outgoing.read())
        assert again.session_reused  # OpenSSL would; Python cannot tell it not to, so the connection is dropped
        again.write(REQUEST)
        writer.write(outgoing.read())
        assert await rest(reader) == b""
        await closed(writer)


def _lasting(authority: Authority) -> Issued:
    """Valid by the machine's clock, which TLS goes by, and by the tests'."""
    return authority.issue("api", sans=["localhost"], not_before=datetime(2020, 1, 1, tzinfo=UTC), days=36500)


async def _served(world: World, context: ssl.SSLContext) -> object:
    """The serial number of the certificate that a new connection gets."""
    _, writer = await world.connect(context=context, name="localhost")
    found = writer.get_extra_info("peercert")["serialNumber"]
    await closed(writer)
    return found


async def test_a25_certificate_files_are_reloaded_and_a_broken_pair_is_not(tmp_path: Path) -> None:
    authority = Authority("serving")
    crt, key = _lasting(authority).write(tmp_path)
    settings = {"tls_cert_file": str(crt), "tls_private_key_file": str(key)}
    async with serving(tmp_path, settings=settings) as world:
        context = ssl.create_default_context(cadata=authority.pem.decode())
        before = await _served(world, context)
        assert await _served(world, context) == before
        crt.write_bytes(_lasting(authority).certificate[:200])
        await world.clock.advance(1.1)
        assert await _served(world, context) == before
        errors = world.telemetry.registry.get_sample_value("autoscaler_serving_certificate_reload_errors_total")
        assert errors == 1
        _lasting(authority).write(tmp_path)
        await world.clock.advance(1.1)
        assert await _served(world, context) != before


async def test_a26_no_handshake_and_no_request_fails_while_ca_and_certificates_rotate(tmp_path: Path) -> None:
    """The order of a good rotation: trust both, change the certificate, trust the new one alone."""
    old, new = Authority("old"), Authority("new")
    crt, key = _lasting(old).write(tmp_path)
    settings = {"tls_cert_file": str(crt), "tls_private_key_file": str(key)}
    async with serving(tmp_path, settings=settings) as world:
        both = ssl.create_default_context(cadata=(old.pem + new.pem).decode())
        seen = {await _served(world, both)}
        for authority in (new, old, new):
            async with asyncio.TaskGroup() as tasks:
                asking = [tasks.create_task(_served(world, both)) for _ in range(20)]
                _lasting(authority).write(tmp_path)
                await world.clock.advance(1.1)
                asking += [tasks.create_task(_served(world, both)) for _ in range(20)]
            seen |= {task.result() for task in asking}
        assert len(seen) == 4
        assert await _served(world, ssl.create_default_context(cadata=new.pem.decode())) in seen
