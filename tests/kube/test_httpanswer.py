import gzip

import pytest

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.httpanswer import MAX_BODY, MAX_HEAD, AnswerReader

ZIPPED = gzip.compress(b"abc")
OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\nabcde"


def fed(*pieces: bytes) -> AnswerReader:
    reader = AnswerReader("n1")
    for piece in pieces:
        reader.feed(piece)
    return reader


def failure(*pieces: bytes, closed: bool = False) -> ScrapeReason:
    try:
        reader = fed(*pieces)
        if closed:
            reader.closed()
        reader.body()
    except ScrapeError as error:
        return error.reason
    raise AssertionError("it is taken for an answer")


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_an_answer_is_complete_with_its_last_byte(size: int) -> None:
    pieces = [FIVE[at : at + size] for at in range(0, len(FIVE), size)]
    assert not fed(*pieces[:-1]).complete
    whole = fed(*pieces)
    assert (whole.complete, whole.kept, whole.status, whole.body()) == (True, True, 200, b"abcde")


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        pytest.param(OK + b"Content-Length: 0\r\n\r\n", b"", id="an empty body"),
        pytest.param(OK + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc", id="chunks"),
        pytest.param(
            OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (len(ZIPPED), ZIPPED),
            b"abc", id="gzip",
        ),
        pytest.param(OK + b"Content-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", b"x", id="identity"),
    ],
)  # fmt: skip
def test_bodies(sent: bytes, body: bytes) -> None:
    reader = fed(sent)
    assert (reader.complete, reader.kept, reader.body()) == (True, True, body)


def test_without_a_length_the_end_is_the_end_of_the_connection() -> None:
    reader = fed(OK + b"\r\nab", b"c")
    assert not reader.complete
    reader.closed()
    assert (reader.complete, reader.kept, reader.body()) == (True, False, b"abc")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nx", id="it says so"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", id="HTTP/1.0"),
        pytest.param(OK + b"Content-Length: 1\r\n\r\nxy", id="a byte too many"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx", id="a byte behind the chunks"),
        pytest.param(b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nxxx", id="an answer whose body is not read"),
    ],
)
def test_connections_that_cannot_be_used_again(sent: bytes) -> None:
    reader = fed(sent)
    assert (reader.complete, reader.kept) == (True, False)


def test_headers_are_kept_by_lower_case_name() -> None:
    reader = fed(b"HTTP/1.1 429 Too Many\r\nRetry-AFTER: \t20 \r\nX: 1\r\nx: 2\r\n\r\n")
    assert (reader.status, reader.headers) == (429, {b"retry-after": [b"20"], b"x": [b"1", b"2"]})


MALFORMED = {
    "another protocol": b"SSH-2.0-OpenSSH\r\n",
    "another version": b"HTTP/2.0 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a header without a colon": OK + b"nonsense\r\n\r\n",
    "a space before the colon": OK + b"Name : x\r\n\r\n",
    "a folded header": OK + b"Name: x\r\n y\r\n\r\n",
    "a bare line feed": OK + b"Name: x\nOther: y\r\n\r\n",
    "a length that is none": OK + b"Content-Length: +5\r\n\r\nabcde",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "a length and chunks": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a coding nobody asked for": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "a bad chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "headers without end": OK + b"X: " + b"x" * MAX_HEAD,
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_whatever_is_no_http_is_an_error(sent: bytes) -> None:
    assert failure(sent) is ScrapeReason.HTTP


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param(OK + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), ScrapeReason.TOO_LARGE, id="announced"),
        pytest.param(OK + b"\r\n" + b"x" * (MAX_BODY + 1), ScrapeReason.TOO_LARGE, id="without a length"),
        pytest.param(OK + b"Content-Encoding: br\r\n\r\n", ScrapeReason.ENCODING, id="brotli"),
        pytest.param(OK + b"Content-Type: a/protobuf\r\n\r\n", ScrapeReason.CONTENT_TYPE, id="protobuf"),
    ],
)
def test_limits(sent: bytes, reason: ScrapeReason) -> None:
    assert failure(sent) is reason


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", OK + b"Content-Length: 5\r\n\r\nabc"])
def test_an_end_in_the_middle_is_an_interruption(sent: bytes) -> None:
    assert failure(sent, closed=True) is ScrapeReason.INTERRUPTED
