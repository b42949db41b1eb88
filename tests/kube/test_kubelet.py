import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import AddressRules
from autoscaler.kube.kubelet import MAX_BODY, KubeletClient, retry_after
from autoscaler.kube.trust import KubeletTrust, TrustFiles
from autoscaler.model.metrics import Source
from autoscaler.model.objects import Node, NodeAddress, NodeName
from tests.certificates import Authority
from tests.clock import FakeClock
from tests.kubelets import PAGE, ScriptedKubelet, answer, chunked, hanging_up_after, saying

OURS = Authority("cluster")
STRANGER = Authority("stranger")


class Tokens:
    def __init__(self, *tokens: str) -> None:
        self.left = list(tokens)

    async def token(self) -> str:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.fixture
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kubelet")


@pytest.fixture(scope="module")
def tls(folder: Path) -> ssl.SSLContext:
    return context(OURS, folder)


def context(authority: Authority, folder: Path, san: str = "127.0.0.1", **more: object) -> ssl.SSLContext:
    pair = authority.issue(f"{authority.name}-{san}", sans=[san], **more).write(folder)  # type: ignore[arg-type]  # days and dates
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*pair)
    return made


def node(kubelet: ScriptedKubelet, address: str = "127.0.0.1") -> Node:
    addresses = (NodeAddress("InternalIP", address),)
    return Node(name=NodeName("n1"), uid="u1", addresses=addresses, kubelet_port=kubelet.port)


@asynccontextmanager
async def asking(
    *tokens: str, timeout: float = 5.0, files: TrustFiles | None = None, clock: FakeClock | None = None
) -> AsyncIterator[KubeletClient]:
    clock = clock or FakeClock()
    client = KubeletClient(
        rules=AddressRules(status_port=True, loopback=True),
        trust=KubeletTrust(files or TrustFiles(authority=OURS.pem.decode()), clock),
        tokens=Tokens(*(tokens or ("secret",))),
        clock=clock,
        timeout=timeout,
    )
    try:
        yield client
    finally:
        await client.close()


async def reason(client: KubeletClient, node: Node) -> ScrapeReason:
    with pytest.raises(ScrapeError) as caught:
        await client.page(node, Source.RESOURCE)
    assert caught.value.node == "n1"
    assert "secret" not in str(caught.value)
    return caught.value.reason


async def test_a_page_comes_with_the_time_of_the_question(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(saying(answer()), tls), asking() as client:
        page = await client.page(node(kubelet), Source.RESOURCE)
    assert (page.body, page.source, page.asked_ns) == (PAGE, Source.RESOURCE, 1_800_000_000 * 10**9)
    request = kubelet.requests[0]
    assert request.startswith(b"GET /metrics/resource HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret\r\n" in request
    assert b"Accept-Encoding: gzip\r\n" in request


async def test_the_summary_is_asked_for_without_what_nobody_reads(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext
) -> None:
    async with kubelet.serving(saying(answer()), tls), asking("") as client:
        await client.page(node(kubelet), Source.SUMMARY)
    assert kubelet.requests[0].startswith(b"GET /stats/summary?only_cpu_and_memory=true HTTP/1.1\r\n")
    assert b"Authorization" not in kubelet.requests[0]


async def test_a_gzipped_page_is_inflated(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    sent = chunked(gzip.compress(PAGE * 1000), "Content-Encoding: gzip\r\n")
    async with kubelet.serving(saying(sent), tls), asking() as client:
        assert (await client.page(node(kubelet), Source.RESOURCE)).body == PAGE * 1000


BOMB = gzip.compress(bytes(64 << 20))
GZIP = "Content-Encoding: gzip\r\n"
BAD_ANSWERS = {
    "a redirect": (answer(b"", "302 Found", "Location: https://127.0.0.1:1/\r\n"), ScrapeReason.REDIRECT),
    "forbidden": (answer(b"", "403 Forbidden"), ScrapeReason.FORBIDDEN),
    "no such page": (answer(b"", "404 Not Found"), ScrapeReason.NOT_FOUND),
    "an inner error": (answer(b"", "500 Internal Server Error"), ScrapeReason.STATUS),
    "another encoding": (answer(PAGE, headers="Content-Encoding: br\r\n"), ScrapeReason.ENCODING),
    "two encodings": (answer(PAGE, headers="Content-Encoding: gzip, gzip\r\n"), ScrapeReason.ENCODING),
    "two encoding headers": (answer(PAGE, headers=GZIP + GZIP), ScrapeReason.ENCODING),
    "plain text that claims to be gzip": (answer(PAGE, headers=GZIP), ScrapeReason.ENCODING),
    "something behind the gzip stream": (answer(gzip.compress(PAGE) + b"x", headers=GZIP), ScrapeReason.ENCODING),
    "a gzip stream cut short": (answer(gzip.compress(PAGE)[:-9], headers=GZIP), ScrapeReason.INTERRUPTED),
    "a gzip bomb": (answer(BOMB, headers=GZIP), ScrapeReason.TOO_LARGE),
    "an announced giant": (b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", ScrapeReason.TOO_LARGE),
    "an unannounced giant": (chunked(bytes(MAX_BODY + 1)), ScrapeReason.TOO_LARGE),
    "protobuf": (
        answer(PAGE, headers="Content-Type: application/vnd.google.protobuf\r\n"), ScrapeReason.PARSE,
    ),
    "no HTTP at all": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", ScrapeReason.PARSE),
    "a bad chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ScrapeReason.PARSE),
    "two content lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ScrapeReason.PARSE,
    ),
    "a megabyte of header": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n", ScrapeReason.PARSE),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "expected"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_a_bad_answer_is_an_error_with_its_reason(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext, sent: bytes, expected: ScrapeReason
) -> None:
    async with kubelet.serving(saying(sent), tls), asking() as client:
        assert await reason(client, node(kubelet)) == expected
    assert len(kubelet.requests) == 1


ENDINGS = {
    "in the middle of the body": (answer()[:-5], ScrapeReason.INTERRUPTED),
    "after the headers": (answer()[: -len(PAGE)], ScrapeReason.INTERRUPTED),
    "in the headers": (b"HTTP/1.1 200 OK\r\nCont", ScrapeReason.INTERRUPTED),
    "before any byte": (b"", ScrapeReason.INTERRUPTED),
}


@pytest.mark.parametrize(("sent", "expected"), ENDINGS.values(), ids=ENDINGS)
async def test_a_connection_that_ends_early_gives_nothing(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext, sent: bytes, expected: ScrapeReason
) -> None:
    async with kubelet.serving(hanging_up_after(sent), tls), asking() as client:
        assert await reason(client, node(kubelet)) == expected


HANGING = {
    "no answer": b"",
    "headers only": answer()[: -len(PAGE)],
    "a body that stalls": answer()[:-5],
    "continue, for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
}


@pytest.mark.parametrize("sent", HANGING.values(), ids=HANGING)
async def test_one_deadline_holds_for_everything(kubelet: ScriptedKubelet, tls: ssl.SSLContext, sent: bytes) -> None:
    async with kubelet.serving(saying(sent), tls), asking(timeout=0.3) as client:
        assert await reason(client, node(kubelet)) == ScrapeReason.TIMEOUT


async def test_a_peer_that_never_speaks_tls_runs_into_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        kubelet = ScriptedKubelet()
        kubelet.port = deaf.getsockname()[1]
        async with asking(timeout=0.3) as client:
            assert await reason(client, node(kubelet)) == ScrapeReason.TIMEOUT


STRANGERS = {
    "signed by somebody else": lambda folder: context(STRANGER, folder),
    "for another address": lambda folder: context(OURS, folder, "127.0.0.9"),
    "expired": lambda folder: context(
        OURS, folder, "127.0.0.1", not_before=datetime.now(UTC) - timedelta(days=9), days=1
    ),
}


@pytest.mark.parametrize("made", STRANGERS.values(), ids=STRANGERS)
async def test_a_wrong_certificate_gets_no_byte_of_the_token(
    kubelet: ScriptedKubelet, tmp_path: Path, made: Callable[[Path], ssl.SSLContext]
) -> None:
    async with kubelet.serving(saying(answer()), made(tmp_path)), asking() as client:
        assert await reason(client, node(kubelet)) == ScrapeReason.TLS
    assert kubelet.requests == []


async def test_insecure_means_that_anybody_is_believed(kubelet: ScriptedKubelet, tmp_path: Path) -> None:
    tls = context(STRANGER, tmp_path, "127.0.0.9")
    async with kubelet.serving(saying(answer()), tls), asking(files=TrustFiles(insecure=True)) as client:
        assert (await client.page(node(kubelet), Source.RESOURCE)).body == PAGE
    assert b"Bearer secret" in kubelet.requests[0]


async def test_a_refused_port_is_a_connection_error(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(saying(answer()), tls):
        pass
    async with asking() as client:
        assert await reason(client, node(kubelet)) == ScrapeReason.CONNECT


async def test_a_401_has_the_token_read_again_once(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    unauthorized = answer(b"Unauthorized", "401 Unauthorized")
    async with kubelet.serving(saying(unauthorized, answer()), tls), asking("old", "new") as client:
        assert (await client.page(node(kubelet), Source.RESOURCE)).body == PAGE
    assert [b"Bearer new" in request for request in kubelet.requests] == [False, True]


async def test_the_same_token_is_not_tried_twice(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(saying(answer(b"", "401 Unauthorized")), tls), asking() as client:
        assert await reason(client, node(kubelet)) == ScrapeReason.UNAUTHORIZED
    assert len(kubelet.requests) == 1


async def test_connections_are_kept_and_replaced_when_the_kubelet_closed_them(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext
) -> None:
    asked = 0

    def closes_the_third_time(_request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close() if asked == 3 else writer.write(answer())

    async with kubelet.serving(closes_the_third_time, tls), asking() as client:
        for _ in range(3):
            assert (await client.page(node(kubelet), Source.RESOURCE)).body == PAGE
    assert (len(kubelet.requests), kubelet.connections) == (4, 2)


async def test_a_client_certificate_is_shown(kubelet: ScriptedKubelet, tmp_path: Path) -> None:
    certificate, key = OURS.issue("scraper", server=False, client=True).write(tmp_path)
    tls = context(OURS, tmp_path)
    tls.load_verify_locations(cadata=OURS.pem.decode())
    tls.verify_mode = ssl.CERT_REQUIRED
    files = TrustFiles(authority=OURS.pem.decode(), certificate_file=str(certificate), key_file=str(key))
    async with kubelet.serving(saying(answer()), tls), asking(files=files) as client:
        assert (await client.page(node(kubelet), Source.RESOURCE)).body == PAGE


async def test_a_new_authority_is_honoured_and_the_old_connection_left(
    kubelet: ScriptedKubelet, tmp_path: Path
) -> None:
    bundle = OURS.write(tmp_path)
    clock = FakeClock()
    tls = context(OURS, tmp_path)
    async with (
        kubelet.serving(saying(answer()), tls),
        asking(files=TrustFiles(authority_file=str(bundle)), clock=clock) as client,
    ):
        await client.page(node(kubelet), Source.RESOURCE)
        bundle.write_bytes(STRANGER.pem)
        await clock.advance(31)
        assert await reason(client, node(kubelet)) == ScrapeReason.TLS


async def test_a_denied_address_is_not_dialled(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(saying(answer()), tls), asking() as client:
        assert await reason(client, node(kubelet, "169.254.169.254")) == ScrapeReason.ADDRESS
    assert kubelet.connections == 0


RETRY = {
    "seconds": ("17", 17.0),
    "more than a minute": ("3600", 60.0),
    "negative": ("-5", None),
    "a date": ("Wed, 21 Oct 2015 07:28:00 GMT", None),
    "other digits": ("\u0661\u0662", None),
    "endless": ("9" * 5000, None),
}


@pytest.mark.parametrize(("text", "seconds"), RETRY.values(), ids=RETRY)
def test_retry_after_is_read_as_seconds_up_to_a_minute(text: str, seconds: float | None) -> None:
    assert retry_after(text) == seconds


async def test_an_overloaded_kubelet_names_the_time_to_wait(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    sent = answer(b"", "429 Too Many Requests", "Retry-After: 20\r\n")
    async with kubelet.serving(saying(sent), tls), asking() as client:
        with pytest.raises(ScrapeError) as caught:
            await client.page(node(kubelet), Source.RESOURCE)
    assert (caught.value.reason, caught.value.retry_after) == (ScrapeReason.STATUS, 20.0)
