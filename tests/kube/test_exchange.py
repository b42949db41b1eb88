import asyncio
import gzip
import socket
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import AddressRules, Endpoint
from autoscaler.kube.exchange import CONNECT_SECONDS, TlsExchange
from autoscaler.kube.httpanswer import MAX_BODY
from autoscaler.kube.kubelet import Answer
from autoscaler.kube.trust import TrustFiles, kubelet_context
from tests.certificates import Authority
from tests.kubelets import PAGE, ScriptedKubelet, answer, chunked, dripping, hanging_up_after, pouring, saying

OURS = Authority("cluster")
STRANGER = Authority("stranger")
VERIFYING = kubelet_context(TrustFiles(authority=OURS.pem.decode()), verify=True)
BELIEVING = kubelet_context(TrustFiles(), verify=False)
TOKEN = {"Authorization": "Bearer secret"}


@pytest.fixture
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return context(OURS, tmp_path_factory.mktemp("exchange"))


def context(authority: Authority, folder: Path, san: str = "127.0.0.1", **more: object) -> ssl.SSLContext:
    pair = authority.issue(f"{authority.name}-{san}", sans=[san], **more).write(folder)  # type: ignore[arg-type]  # days and dates
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*pair)
    return made


@asynccontextmanager
async def opened() -> AsyncIterator[TlsExchange]:
    exchange = TlsExchange(AddressRules(loopback=True))
    try:
        yield exchange
    finally:
        await exchange.close()


async def asked(
    exchange: TlsExchange,
    kubelet: ScriptedKubelet,
    *,
    host: str = "127.0.0.1",
    name: str = "",
    tls: ssl.SSLContext = VERIFYING,
    seconds: float = 5.0,
) -> Answer:
    async with asyncio.timeout(seconds):
        return await exchange.ask("n1", Endpoint(host, kubelet.port, name), "/metrics/resource", TOKEN, tls)


async def failure(exchange: TlsExchange, kubelet: ScriptedKubelet, host: str = "127.0.0.1") -> ScrapeReason:
    with pytest.raises(ScrapeError) as caught:
        await asked(exchange, kubelet, host=host)
    assert caught.value.node == "n1"
    assert "secret" not in str(caught.value)
    return caught.value.reason


async def test_an_answer_comes_with_status_and_body(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(saying(answer()), tls), opened() as exchange:
        assert await asked(exchange, kubelet) == Answer(200, PAGE)
    request = kubelet.requests[0]
    assert request.startswith(b"GET /metrics/resource HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret\r\n" in request


async def test_a_gzipped_page_is_inflated(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    sent = chunked(gzip.compress(PAGE * 1000), "Content-Encoding: gzip\r\n")
    async with kubelet.serving(saying(sent), tls), opened() as exchange:
        assert (await asked(exchange, kubelet)).body == PAGE * 1000


async def test_only_the_body_of_a_page_is_read(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    sent = answer(b"no", "503 Service Unavailable", "Retry-After: 20\r\nContent-Encoding: br\r\n")
    async with kubelet.serving(saying(sent), tls), opened() as exchange:
        assert await asked(exchange, kubelet) == Answer(503, b"", "20")


DRIPS = {"a byte at a time": PAGE, "a stall after the headers": b"", "a stall in the body": PAGE[:5]}


@pytest.mark.parametrize("body", DRIPS.values(), ids=DRIPS)
async def test_k03_a_body_that_drips_ends_with_the_callers_deadline(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext, body: bytes
) -> None:
    """The deadline is one for everything: no byte that arrives puts it off, and the connection is closed."""
    async with kubelet.serving(dripping(answer()[: -len(PAGE)], body, every=0.02), tls), opened() as exchange:
        with pytest.raises(TimeoutError):
            await asked(exchange, kubelet, seconds=0.2)
        await kubelet.left()
    assert kubelet.connections == 1


ENDLESS = {
    "without a length": b"HTTP/1.1 200 OK\r\n\r\n",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("head", ENDLESS.values(), ids=ENDLESS)
async def test_k04_an_endless_body_is_cut_at_8_mib(kubelet: ScriptedKubelet, tls: ssl.SSLContext, head: bytes) -> None:
    piece = b"# " + b"x" * 65_533 + b"\n"
    piece = piece if b"chunked" not in head else b"%x\r\n%s\r\n" % (len(piece), piece)
    async with kubelet.serving(pouring(head, piece), tls), opened() as exchange:
        assert await failure(exchange, kubelet) is ScrapeReason.TOO_LARGE
        await kubelet.left()
    assert kubelet.poured < 3 * MAX_BODY  # what is in buffers of the kernel and of TLS comes on top


async def test_k04_an_announced_giant_is_not_read_at_all(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    sent = b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n"
    async with kubelet.serving(saying(sent), tls), opened() as exchange:
        assert await failure(exchange, kubelet) is ScrapeReason.TOO_LARGE


async def test_k05_a_gzip_bomb_is_not_inflated_beyond_the_limit(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    """512 MiB in 509 KiB; inflating all of it takes seconds of CPU and that much memory."""
    deflate = zlib.compressobj(9, wbits=31)
    bomb = b"".join([*(deflate.compress(bytes(1 << 20)) for _ in range(512)), deflate.flush()])
    async with kubelet.serving(saying(answer(bomb, headers="Content-Encoding: gzip\r\n")), tls), opened() as exchange:
        begun = time.process_time()
        assert await failure(exchange, kubelet) is ScrapeReason.TOO_LARGE
    assert time.process_time() - begun < 0.5


GZIP = "Content-Encoding: gzip\r\n"
ENCODINGS = {
    "brotli": (answer(PAGE, headers="Content-Encoding: br\r\n"), ScrapeReason.ENCODING),
    "zstd": (answer(PAGE, headers="Content-Encoding: zstd\r\n"), ScrapeReason.ENCODING),
    "deflate": (answer(PAGE, headers="Content-Encoding: deflate\r\n"), ScrapeReason.ENCODING),
    "two in one header": (answer(PAGE, headers="Content-Encoding: gzip, gzip\r\n"), ScrapeReason.ENCODING),
    "two headers": (answer(PAGE, headers=GZIP + GZIP), ScrapeReason.ENCODING),
    "plain text that claims to be gzip": (answer(PAGE, headers=GZIP), ScrapeReason.ENCODING),
    "something behind the gzip stream": (answer(gzip.compress(PAGE) + b"x", headers=GZIP), ScrapeReason.ENCODING),
    "two gzip streams": (answer(gzip.compress(PAGE) * 2, headers=GZIP), ScrapeReason.ENCODING),
    "a gzip stream cut short": (answer(gzip.compress(PAGE)[:-9], headers=GZIP), ScrapeReason.INTERRUPTED),
}


@pytest.mark.parametrize(("sent", "expected"), ENCODINGS.values(), ids=ENCODINGS)
async def test_k06_one_layer_of_gzip_is_all_that_is_undone(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext, sent: bytes, expected: ScrapeReason
) -> None:
    async with kubelet.serving(saying(sent), tls), opened() as exchange:
        assert await failure(exchange, kubelet) is expected


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_k07_no_redirect_is_followed_and_no_byte_sent_elsewhere(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext, status: str, scheme: str
) -> None:
    elsewhere = ScriptedKubelet()
    async with elsewhere.serving(saying(answer()), tls if scheme == "https" else None), opened() as exchange:
        for target in (f"{scheme}://127.0.0.1:{elsewhere.port}/", "/metrics/resource"):
            sent = answer(b"", status, f"Location: {target}\r\n")
            async with kubelet.serving(saying(sent), tls):
                assert (await asked(exchange, kubelet)).status == int(status[:3])
    assert elsewhere.connections == 0
    assert len(kubelet.requests) == 2


def days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def self_signed(folder: Path) -> ssl.SSLContext:
    lonely = Authority("lonely")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*lonely.own(sans=["127.0.0.1"]).write(folder))
    return made


STRANGERS: dict[str, tuple[Callable[[Path], ssl.SSLContext], ScrapeReason]] = {
    "signed by somebody else": (lambda folder: context(STRANGER, folder), ScrapeReason.TLS_UNTRUSTED),
    "signed by itself": (self_signed, ScrapeReason.TLS_UNTRUSTED),
    "for another address": (lambda folder: context(OURS, folder, "127.0.0.9"), ScrapeReason.TLS_NAME),
    "for a name": (lambda folder: context(OURS, folder, "n1"), ScrapeReason.TLS_NAME),
    "expired": (
        lambda folder: context(OURS, folder, not_before=days_ago(9), days=1), ScrapeReason.TLS_EXPIRED,
    ),
    "not valid yet": (lambda folder: context(OURS, folder, not_before=days_ago(-2)), ScrapeReason.TLS_EXPIRED),
}  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), STRANGERS.values(), ids=STRANGERS)
async def test_k10_a_wrong_certificate_gets_no_byte_of_the_token(
    kubelet: ScriptedKubelet, tmp_path: Path, made: Callable[[Path], ssl.SSLContext], expected: ScrapeReason
) -> None:
    async with kubelet.serving(saying(answer()), made(tmp_path)), opened() as exchange:
        assert await failure(exchange, kubelet) is expected
    assert kubelet.requests == []


async def test_k10_only_a_context_that_believes_takes_a_stranger(kubelet: ScriptedKubelet, tmp_path: Path) -> None:
    async with kubelet.serving(saying(answer()), context(STRANGER, tmp_path)), opened() as exchange:
        assert (await asked(exchange, kubelet, tls=BELIEVING)).status == 200
        assert await failure(exchange, kubelet) is ScrapeReason.TLS_UNTRUSTED
    assert len(kubelet.requests) == 1


async def test_k11_what_was_verified_by_an_old_context_is_not_used_by_a_new_one(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext
) -> None:
    async with kubelet.serving(saying(answer()), tls), opened() as exchange:
        for _ in range(2):
            await asked(exchange, kubelet)
        assert kubelet.connections == 1
        renewed = kubelet_context(TrustFiles(authority=STRANGER.pem.decode()), verify=True)
        with pytest.raises(ScrapeError):
            await asked(exchange, kubelet, tls=renewed)
    assert len(kubelet.requests) == 2


async def test_k11_a_kubelet_that_rotates_its_certificate_loses_no_scrape(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    async with opened() as exchange:
        async with kubelet.serving(saying(answer()), tls):
            await asked(exchange, kubelet)
        async with kubelet.serving(saying(answer()), context(OURS, tmp_path)):
            assert (await asked(exchange, kubelet)).status == 200
    assert kubelet.connections == 2


async def test_k12_a_peer_that_never_speaks_tls_is_given_two_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        kubelet = ScriptedKubelet()
        kubelet.port = deaf.getsockname()[1]
        begun = time.monotonic()
        async with opened() as exchange:
            assert await failure(exchange, kubelet) is ScrapeReason.TIMEOUT
        assert time.monotonic() - begun >= CONNECT_SECONDS  # and less than the deadline of the question


MALFORMED = {
    "no HTTP at all": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", ScrapeReason.HTTP),
    "a bad chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ScrapeReason.HTTP),
    "two content lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ScrapeReason.HTTP),
    "a megabyte of header": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n", ScrapeReason.HTTP),
    "a thousand headers of a kilobyte": (
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X%d: %s\r\n" % (n, b"x" * 1000) for n in range(1000)) + b"\r\n",
        ScrapeReason.HTTP,
    ),
}


@pytest.mark.parametrize(("sent", "expected"), MALFORMED.values(), ids=MALFORMED)
async def test_k13_malformed_http_is_a_clean_error(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext, sent: bytes, expected: ScrapeReason
) -> None:
    async with kubelet.serving(saying(sent), tls), opened() as exchange:
        assert await failure(exchange, kubelet) is expected
        await kubelet.left()
    assert len(kubelet.requests) == 1


async def test_k13_an_interim_answer_is_none_for_we_expect_nothing(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext
) -> None:
    async with kubelet.serving(pouring(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10), tls), opened() as exchange:
        assert await failure(exchange, kubelet) is ScrapeReason.HTTP
        await kubelet.left()


ENDINGS = {
    "in the middle of the body": answer()[:-5],
    "after the headers": answer()[: -len(PAGE)],
    "in the headers": b"HTTP/1.1 200 OK\r\nCont",
    "before any byte": b"",
    "in the middle of a chunk": chunked(PAGE)[:-20],
}


@pytest.mark.parametrize("sent", ENDINGS.values(), ids=ENDINGS)
async def test_k14_a_connection_that_ends_early_gives_nothing(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext, sent: bytes
) -> None:
    async with kubelet.serving(hanging_up_after(sent), tls), opened() as exchange:
        assert await failure(exchange, kubelet) is ScrapeReason.INTERRUPTED


async def test_k29_a_name_is_verified_by_name(kubelet: ScriptedKubelet, tls: ssl.SSLContext, tmp_path: Path) -> None:
    async with kubelet.serving(saying(answer()), tls), opened() as exchange:
        assert await failure(exchange, kubelet, "localhost") is ScrapeReason.TLS_NAME
    async with kubelet.serving(saying(answer()), context(OURS, tmp_path, "localhost")), opened() as exchange:
        assert (await asked(exchange, kubelet, host="localhost")).status == 200


async def test_k33_protobuf_is_not_asked_for_and_not_read(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    sent = answer(PAGE, headers="Content-Type: application/vnd.google.protobuf; encoding=delimited\r\n")
    async with kubelet.serving(saying(sent), tls), opened() as exchange:
        assert await failure(exchange, kubelet) is ScrapeReason.CONTENT_TYPE


async def test_a_certificate_for_the_nodes_name_will_do_where_that_is_wanted(
    kubelet: ScriptedKubelet, tmp_path: Path
) -> None:
    async with kubelet.serving(saying(answer()), context(OURS, tmp_path, "n1")), opened() as exchange:
        assert (await asked(exchange, kubelet, name="n1")).status == 200
        with pytest.raises(ScrapeError) as caught:
            await asked(exchange, kubelet, name="n2")
        assert caught.value.reason is ScrapeReason.TLS_NAME
        assert await failure(exchange, kubelet) is ScrapeReason.TLS_NAME
    assert len(kubelet.requests) == 1


async def test_a_refused_port_is_a_connection_error(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(saying(answer()), tls):
        pass
    async with opened() as exchange:
        assert await failure(exchange, kubelet) is ScrapeReason.CONNECT


async def test_a_name_that_is_none_is_told_from_a_closed_port(kubelet: ScriptedKubelet) -> None:
    async with opened() as exchange:
        kubelet.port = 10250
        assert await failure(exchange, kubelet, "no.such.name.invalid") is ScrapeReason.DNS


async def test_k27_a_name_that_leads_to_a_denied_address_is_not_dialled(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext
) -> None:
    exchange = TlsExchange(AddressRules())
    async with kubelet.serving(saying(answer()), tls):
        assert await failure(exchange, kubelet, "localhost") is ScrapeReason.ADDRESS_DENIED
        await exchange.close()
    assert kubelet.connections == 0


async def test_connections_are_kept_and_replaced_when_the_kubelet_closed_them(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext
) -> None:
    asked_for = 0

    def closes_the_third_time(_request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal asked_for
        asked_for += 1
        writer.close() if asked_for == 3 else writer.write(answer())

    async with kubelet.serving(closes_the_third_time, tls), opened() as exchange:
        for _ in range(3):
            assert (await asked(exchange, kubelet)).body == PAGE
    assert (len(kubelet.requests), kubelet.connections) == (4, 2)


async def test_a_client_certificate_is_shown(kubelet: ScriptedKubelet, tmp_path: Path) -> None:
    certificate, key = OURS.issue("scraper", server=False, client=True).write(tmp_path)
    demanding = context(OURS, tmp_path)
    demanding.load_verify_locations(cadata=OURS.pem.decode())
    demanding.verify_mode = ssl.CERT_REQUIRED
    files = TrustFiles(authority=OURS.pem.decode(), certificate_file=str(certificate), key_file=str(key))
    async with kubelet.serving(saying(answer()), demanding), opened() as exchange:
        assert (await asked(exchange, kubelet, tls=kubelet_context(files, verify=True))).body == PAGE
