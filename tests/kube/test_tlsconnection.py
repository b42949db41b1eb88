import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from autoscaler.errors import ScrapeReason
from autoscaler.kube.httpanswer import AnswerError, AnswerReader
from autoscaler.kube.tlsconnection import RECORD, ClosedError, TlsConnection, connected, secured
from tests.certificates import Authority
from tests.kubelets import PAGE, ScriptedKubelet, answer, hanging_up_after, saying

OURS = Authority("cluster")
TRUSTING = ssl.create_default_context(cadata=OURS.pem.decode())
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*OURS.issue("n1", sans=["127.0.0.1"]).write(tmp_path_factory.mktemp("tls")))
    return made


@pytest.fixture
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet()


@asynccontextmanager
async def opened(kubelet: ScriptedKubelet, name: str = "127.0.0.1") -> AsyncIterator[TlsConnection]:
    plain = await connected(("127.0.0.1", kubelet.port), socket.AF_INET)
    connection = await secured(plain, TRUSTING, name)
    try:
        yield connection
    finally:
        connection.close()


async def asked(connection: TlsConnection, request: bytes = REQUEST) -> AnswerReader:
    answer = AnswerReader()
    await connection.ask(request, answer)
    return answer


async def until_closed(connection: TlsConnection) -> None:
    async with asyncio.timeout(5):
        while connection.open:
            await asyncio.sleep(0)


async def test_one_question_after_the_other(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(saying(answer()), tls), opened(kubelet) as connection:
        for _ in range(3):
            assert (await asked(connection)).body() == PAGE
    assert (len(kubelet.requests), kubelet.connections) == (3, 1)


@pytest.mark.parametrize("size", [RECORD - 1, RECORD, RECORD + 1, 40 * RECORD])
async def test_answers_of_many_records(kubelet: ScriptedKubelet, tls: ssl.SSLContext, size: int) -> None:
    async with kubelet.serving(saying(answer(b"x" * size)), tls), opened(kubelet) as connection:
        assert len((await asked(connection)).body()) == size


async def test_another_name_is_not_believed(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(saying(answer()), tls):
        with pytest.raises(ssl.SSLCertVerificationError):
            async with opened(kubelet, "n2"):
                pass
    assert kubelet.requests == []


async def test_an_end_before_the_first_byte_is_told_from_one_later(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext
) -> None:
    async with kubelet.serving(hanging_up_after(b""), tls), opened(kubelet) as connection:
        with pytest.raises(ClosedError):
            await asked(connection)
        assert not connection.open
    async with kubelet.serving(hanging_up_after(answer()[:-1]), tls), opened(kubelet) as connection:
        with pytest.raises(AnswerError) as caught:
            await asked(connection)
        assert caught.value.reason is ScrapeReason.INTERRUPTED


async def test_who_hangs_up_or_talks_unasked_is_left(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    for rest in (b"", b"HTTP/1.1 200 OK\r\n"):
        script = saying(answer() + rest) if rest else hanging_up_after(answer())
        async with kubelet.serving(script, tls), opened(kubelet) as connection:
            assert (await asked(connection)).body() == PAGE
            await until_closed(connection)


async def test_who_loses_patience_leaves_nothing_open(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(lambda _request, _writer: None, tls), opened(kubelet) as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asked(connection)
        assert not connection.open
        await kubelet.left()


async def test_nobody_there_is_an_error_of_the_system(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(saying(answer()), tls):
        pass
    with pytest.raises(ConnectionRefusedError):
        async with opened(kubelet):
            pass


async def test_p05_an_ip_address_is_dialled_without_the_resolver(
    kubelet: ScriptedKubelet, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvloop's `sock_connect` resolves whatever it is given, in threads that a slow DNS may hold for long."""

    async def resolving(*_: object) -> None:
        raise AssertionError("the loop was asked to connect")

    async with kubelet.serving(saying(answer()), tls):
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", resolving)
        async with opened(kubelet) as connection:
            assert (await asked(connection)).body() == PAGE


LONG = REQUEST + bytes(32 << 20)
"""More than the kernel takes."""


async def test_who_takes_nothing_is_left_when_patience_is_over_and_who_answers_early_is_heard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for early in (b"", answer(status="413 Too Large")):
            connection = TlsConnection(await connected(server.getsockname(), socket.AF_INET))
            with server.accept()[0] as peer:
                peer.sendall(early)
                try:
                    async with asyncio.timeout(5 if early else 0.05):
                        assert (await asked(connection, LONG)).status == 413
                except TimeoutError:
                    assert not early
            assert not connection.open


async def test_who_closes_it_meanwhile_ends_the_question(kubelet: ScriptedKubelet, tls: ssl.SSLContext) -> None:
    async with kubelet.serving(lambda _request, _writer: None, tls), opened(kubelet) as connection:
        async with asyncio.TaskGroup() as group:
            question = group.create_task(interrupted(connection))
            while not kubelet.requests:
                await asyncio.sleep(0)
            connection.close()
        assert question.result() == "the connection was closed"


async def interrupted(connection: TlsConnection) -> str:
    with pytest.raises(AnswerError) as caught:
        await asked(connection)
    return str(caught.value)


async def test_without_tls_it_is_the_same(kubelet: ScriptedKubelet) -> None:
    async with kubelet.serving(saying(answer()), None):
        connection = TlsConnection(await connected(("127.0.0.1", kubelet.port), socket.AF_INET))
        for _ in range(2):
            assert (await asked(connection)).body() == PAGE
        connection.close()
    assert kubelet.connections == 1
