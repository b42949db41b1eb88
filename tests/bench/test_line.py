"""The client of the benchmarks gives the code and the body however its length is told, and nothing less than all."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bench.line import ClosedError, Line
from tests.certificates import Authority

AUTHORITY = Authority("bench")
TIMEOUT = 30.0
Serve = Callable[[bytes], int]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Answers each request of one connection with the same bytes, which end it where they ask for that."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*AUTHORITY.issue("localhost", sans=["localhost"]).write(tmp_path))
    listening = socket.create_server(("localhost", 0))
    listening.settimeout(TIMEOUT)
    threads: list[threading.Thread] = []

    def answer(what: bytes) -> None:
        refused = suppress(ssl.SSLError)  # by a client that does not trust us
        with refused, listening.accept()[0] as accepted, context.wrap_socket(accepted, server_side=True) as client:
            client.settimeout(TIMEOUT)
            while client.recv(4096).endswith(b"\r\n\r\n"):
                client.sendall(what)
                if b"Connection: close" in what:
                    return

    def begin(what: bytes) -> int:
        threads.append(threading.Thread(target=answer, args=(what,)))
        threads[-1].start()
        return int(listening.getsockname()[1])

    yield begin
    for each in threads:
        each.join(TIMEOUT)
    listening.close()


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 4\r\n\r\nab\r\n", (200, b"ab\r\n"), id="a length"),
        pytest.param(
            b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
            (404, b"abc0123456789"),
            id="chunks",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, b""), id="nothing"),
    ],
)
def test_a_line_takes_one_answer_after_the_other(
    answer: bytes, found: tuple[int, bytes], serve: Serve, tmp_path: Path
) -> None:
    line = Line(serve(answer), AUTHORITY.write(tmp_path))
    assert [line.get("/", "*/*", "secret") for _ in range(3)] == [found] * 3
    line.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nab", ClosedError, id="half"),
        pytest.param(b"nonsense\r\nConnection: close\r\n\r\n", ConnectionError, id="no HTTP"),
    ],
)
def test_less_than_an_answer_is_an_error(answer: bytes, error: type[OSError], serve: Serve, tmp_path: Path) -> None:
    line = Line(serve(answer), AUTHORITY.write(tmp_path))
    with pytest.raises(error):
        line.get("/", "*/*", "secret")
    line.close()


def test_a_server_that_nobody_vouches_for_is_not_asked(serve: Serve, tmp_path: Path) -> None:
    port = serve(b"")
    with pytest.raises(ssl.SSLCertVerificationError):
        Line(port, Authority("another").write(tmp_path))
