"""What a connection survives (A14-A22, A30): a refusal is a Status or a closed connection, and nobody else notices."""

import asyncio
import contextlib
import json
import ssl
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from autoscaler.api.connection import Limits
from tests.api.asking import rest
from tests.api.holding import answers, held
from tests.api.reply import parsed
from tests.api.world import MASTER, PROXY, World, closed, serving, until

NODES = "/apis/metrics.k8s.io/v1beta1/nodes"


async def alive(world: World) -> bool:
    return (await world.ask("/livez")).body == b"ok"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"garbage\r\n\r\n", 400, id="garbage"),
        pytest.param(b"\x00\xff" * 500 + b"\r\n\r\n", 400, id="binary garbage"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="A20: the preface of HTTP/2"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, id="a version that is none"),
        pytest.param(b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", 400, id="A20: HTTP/2 without its preface"),
        pytest.param(b"GET /livez HTTP/0.9\r\nHost: x\r\n\r\n", 400, id="A20: HTTP/0.9"),
        pytest.param(b"GET /livez\r\n\r\n", 400, id="A20: no version"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            400,
            id="A20: chunks that are not the last encoding",
        ),
        pytest.param(b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400, id="A20: CONNECT"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400, id="A20: WebSocket"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n", 400, id="A20: SPDY"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400, id="A20: h2c"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            id="A20: two lengths",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, id="A20: two"
        ),
        pytest.param(b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, id="A18: a URL of 64 KiB"),
        pytest.param(
            b"GET /?labelSelector=" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            414,
            id="A17: a selector of 1 MiB",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", 431, id="a header of 20 KB"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"A%d: %s\r\n" % (n, b"a" * 8000) for n in range(9)) + b"\r\n",
            431,
            id="70 KB of headers",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 300 + b"\r\n", 431, id="300 headers"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413, id="a large body"),
        pytest.param(b"GET http://x/livez HTTP/1.1\r\nHost: x\r\n\r\n", 400, id="a proxy's request"),
    ],
)  # fmt: skip
async def test_what_is_not_a_request_gets_a_status_and_the_end_of_the_connection(
    tmp_path: Path, data: bytes, code: int
) -> None:
    async with serving(tmp_path) as world:
        with capture_logs() as logs:
            reply = parsed(await world.send(data))
        assert reply.code == code
        assert reply.json()["kind"] == "Status"
        assert reply.json()["code"] == code
        assert reply.headers["content-type"].startswith("application/json")
        assert logs == []
        assert await alive(world)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/apis/", 200), ("/apis/metrics.k8s.io/", 200), (f"{NODES}/", 200), ("//apis", 404), ("/a/../apis", 404),
        ("/%2e%2e/x", 404), ("/apis%2fx", 404), (f"{NODES}//", 404), (f"{NODES};x=1", 404), ("/%00", 400),
        ("/%ff", 400),
    ],
)  # fmt: skip
async def test_a18_no_spelling_of_a_path_is_ever_redirected(tmp_path: Path, target: str, code: int) -> None:
    async with serving(tmp_path) as world:
        reply = await world.ask(target)
        assert reply.code == code
        assert "location" not in reply.headers


async def test_a19_a_small_body_is_discarded_and_the_connection_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        body = b"GET /nope HTTP/1.1\r\n\r\n" * 100
        head = b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        answers = await world.send(head + body + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answers.count(b"HTTP/1.1 200 OK") == 2
        assert b"404" not in answers


async def test_a19_a_body_without_end_is_not_read_for_long(tmp_path: Path) -> None:
    """Chunks announce no length: all of them were read for a second, hundreds of megabytes."""
    limits = Limits()
    async with serving(tmp_path, settings={"limits": limits}) as world:
        reader, writer = await world.connect()
        writer.write(b"POST /apis HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 405 " in await reader.readuntil(b"\r\n\r\n")
        chunk, sent = b"4000\r\n" + b"x" * 0x4000 + b"\r\n", 0
        with contextlib.suppress(ConnectionError):
            while sent < 64 << 20:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
        assert limits.body_bytes <= sent < 64 << 20  # what buffers of TLS and of the kernel hold comes on top
        await closed(writer)
        assert await alive(world)


async def test_a19_head_has_the_headers_and_no_body(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        for target in (NODES, "/livez", "/metrics", "/nope"):
            reply = await world.ask(target, method="HEAD")
            assert (reply.code, reply.body) == (404 if target == "/nope" else 200, b"")


async def test_a22_http_1_is_chosen_when_h2_is_offered(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        context = world.client_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        _, writer = await world.connect(context=context)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        await closed(writer)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # the point of the test is an old version
@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        pytest.param(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", id="TLS 1.1"),
        pytest.param(ssl.TLSVersion.TLSv1_2, "AES128-SHA:@SECLEVEL=0", id="TLS 1.2 with a weak cipher"),
    ],
)
async def test_a30_old_tls_is_refused(tmp_path: Path, version: ssl.TLSVersion, ciphers: str) -> None:
    async with serving(tmp_path) as world:
        context = world.client_context()
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        context.set_ciphers(ciphers)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await world.connect(context=context)
        assert await alive(world)


async def test_a30_the_oldest_tls_can_be_chosen(tmp_path: Path) -> None:
    async with serving(tmp_path, settings={"tls_min_version": "VersionTLS13"}) as world:
        context = world.client_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await world.connect(context=context)
        assert await alive(world)


@pytest.mark.parametrize("name", ["localhost", "somebody.else", None])
async def test_a30_the_name_a_client_asks_for_does_not_matter(tmp_path: Path, name: str | None) -> None:
    async with serving(tmp_path) as world:
        context = world.client_context(PROXY)
        context.check_hostname = False
        reader, writer = await world.connect(context=context, name=name or "")
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert parsed(await reader.read()).code == 200
        await closed(writer)


async def test_a30_bytes_that_are_no_tls_close_only_their_own_connection(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        with capture_logs() as logs:
            for _ in range(20):
                reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                with_reset = asyncio.gather(reader.read(), return_exceptions=True)
                assert b"HTTP" not in str((await with_reset)[0]).encode()
                await closed(writer)
        assert logs == []
        assert await alive(world)


@pytest.mark.parametrize("sent", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: x\r\nA: b\r\n"])
async def test_a15_who_does_not_finish_the_headers_in_time_is_cut_off(tmp_path: Path, sent: bytes) -> None:
    async with serving(tmp_path, settings={"limits": Limits(headers=0.5)}) as world:
        assert await world.send(sent) == b""
        assert await alive(world)


async def test_a_verb_that_is_none_makes_no_series_of_its_own(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        assert (await world.ask("/apis", method="PROPFIND")).code == 405
        labels = {"resource": "discovery", "verb": "other", "code": "405"}
        assert world.telemetry.registry.get_sample_value("autoscaler_api_requests_total", labels) == 1


async def test_an_idle_connection_is_kept_longer_than_headers_may_take(tmp_path: Path) -> None:
    async with serving(tmp_path, settings={"limits": Limits(headers=0.5)}) as world:
        reader, writer = await world.connect()
        for _ in range(2):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"ok")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.7)
        await closed(writer)


async def test_a13_a14_held_connections_of_many_addresses_lock_nobody_out(tmp_path: Path) -> None:
    async with serving(tmp_path, settings={"limits": Limits(connections=6, per_address=3)}) as world:
        early = await held(world, "127.0.0.9", 1)
        crowd = await held(world, "127.0.0.2", 3) + await held(world, "127.0.0.3", 2)
        proxies = [await world.connect(PROXY) for _ in range(3)]
        assert (await world.ask("/apis", MASTER, certificate=PROXY)).code == 200
        assert [await answers(*each) for each in crowd] == [True] * 5, "the front proxy needs nobody's place"
        assert await alive(world)
        assert [await answers(*each) for each in crowd] == [False] + [True] * 4, "the crowded make room, longest first"
        assert await answers(*early[0]), "who has one connection keeps it"
        for _, writer in (*early, *crowd, *proxies):
            await closed(writer)


async def test_a13_connections_of_the_front_proxy_have_a_bound_of_their_own(tmp_path: Path) -> None:
    async with serving(tmp_path, settings={"limits": Limits(proxied=2)}) as world:
        proxies = [await world.connect(PROXY) for _ in range(2)]
        stranger = await held(world, "127.0.0.2", 1)
        assert (await world.ask("/apis", MASTER, certificate=PROXY)).code == 200
        assert [await answers(*each) for each in (*proxies, *stranger)] == [False, True, True]
        for _, writer in (*proxies, *stranger):
            await closed(writer)


async def test_a14_an_address_that_holds_all_its_places_is_still_probed(tmp_path: Path) -> None:
    async with serving(tmp_path, settings={"limits": Limits(per_address=3)}) as world:
        others = await held(world, "127.0.0.2", 1)
        crowd = await held(world, "127.0.0.1", 3)
        assert await alive(world)
        assert [await answers(*each) for each in crowd] == [False, True, True]
        assert await answers(*others[0])
        for _, writer in (*others, *crowd):
            await closed(writer)


async def test_a15_one_address_has_so_many_connections_and_the_front_proxy_more(tmp_path: Path) -> None:
    async with serving(tmp_path, settings={"limits": Limits(per_address=2, headers=60)}) as world:
        slow = [await world.connect() for _ in range(4)]
        proxies = [await world.connect(PROXY) for _ in range(5)]
        assert (await world.ask("/apis", MASTER, certificate=PROXY)).code == 200
        assert [await answers(*each) for each in slow] == [False, False, True, True]
        for _, writer in (*slow, *proxies):
            await closed(writer)


async def test_a15_who_leaves_answers_lying_is_cut_off(tmp_path: Path) -> None:
    """Requests one after the other in one go, 12 MB of answers, and nobody reads them."""
    async with serving(tmp_path, settings={"limits": Limits(deadline=0.3)}) as world:
        reader, writer = await world.connect(window=4096)
        writer.transport.pause_reading()  # type: ignore[attr-defined] # typeshed knows a write transport only
        writer.write(b"GET /openapi/v2 HTTP/1.1\r\nHost: x\r\n\r\n" * 400)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await until(lambda: loop.time() > begun + 0.6)
        await world.clock.advance(1)
        writer.transport.resume_reading()  # type: ignore[attr-defined] # likewise
        assert (await rest(reader)).count(b"HTTP/1.1 200") < 400
        await closed(writer)


async def test_errors_of_the_protocol_say_which_limit(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        reply = parsed(await world.send(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"))
        assert json.loads(reply.body)["message"] == "the URL is longer than 8192 bytes"
