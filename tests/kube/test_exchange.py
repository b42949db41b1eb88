import asyncio
import gzip
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import AddressRules
from autoscaler.kube.exchange import CONNECT_SECONDS, TLS_SECONDS, TlsExchange
from autoscaler.kube.kubelet import Answer
from autoscaler.kube.trust import TrustFiles, kubelet_context
from tests.certificates import Authority
from tests.kube.exchanging import OURS, asked, context, failure, opened
from tests.kubelets import PAGE, ScriptedKubelet, answer, chunked, saying

STRANGER = Authority("stranger")
BELIEVING = kubelet_context(TrustFiles(), verify=False)


@pytest.fixture
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return context(OURS, tmp_path_factory.mktemp("exchange"))


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


async def test_p02_beyond_its_share_no_connection_is_kept(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    other = ScriptedKubelet()
    async with kubelet.serving(saying(answer()), tls), other.serving(saying(answer()), tls), opened(kept=1) as exchange:
        for _ in range(3):
            for each in (kubelet, other):
                assert (await asked(exchange, each)).status == 200
    assert (kubelet.connections, other.connections) == (1, 3)


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


async def test_k12_tcp_and_tls_have_two_seconds_each_and_say_which_were_too_few() -> None:
    """One peer accepts and never speaks TLS; one never accepts, as its backlog is full."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.create_connection(full.getsockname(), timeout=5)]
        begun = time.monotonic()
        async with opened() as exchange:
            said = await asyncio.gather(*(late(exchange, each.getsockname()[1]) for each in (deaf, full)))
        assert time.monotonic() - begun >= min(CONNECT_SECONDS, TLS_SECONDS)  # and less than `asked` waits
        for each in waiting:
            each.close()
    assert said == ["it accepts, and no TLS handshake came within 2 s", "no connection within 2 s"]


async def late(exchange: TlsExchange, port: int) -> str:
    """What it says of a peer that took too long."""
    kubelet = ScriptedKubelet()
    kubelet.port = port
    with pytest.raises(ScrapeError) as caught:
        await asked(exchange, kubelet)
    assert caught.value.reason is ScrapeReason.TIMEOUT
    return caught.value.detail


async def test_k29_a_name_is_verified_by_name(kubelet: ScriptedKubelet, tls: ssl.SSLContext, tmp_path: Path) -> None:
    async with kubelet.serving(saying(answer()), tls), opened() as exchange:
        assert await failure(exchange, kubelet, "localhost") is ScrapeReason.TLS_NAME
    async with kubelet.serving(saying(answer()), context(OURS, tmp_path, "localhost")), opened() as exchange:
        assert (await asked(exchange, kubelet, host="localhost")).status == 200


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
