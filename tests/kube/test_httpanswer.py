import gzip

import pytest

from autoscaler.errors import ScrapeReason
from autoscaler.kube.httpanswer import MAX_BODY, MAX_HEAD, PAGE, AnswerError, AnswerReader, Terms

ZIPPED = gzip.compress(b"abc")
OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\nabcde"


def fed(*pieces: bytes, terms: Terms = PAGE) -> AnswerReader:
    reader = AnswerReader(terms)
    for piece in pieces:
        reader.feed(piece)
    return reader


def failure(*pieces: bytes, closed: bool = False) -> ScrapeReason:
    try:
        reader = fed(*pieces)
        if closed:
            reader.closed()
        reader.body()
    except AnswerError as error:
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
        pytest.param(OK + b"Content-Length: 0\r\n\r\nx", id="a byte behind an empty body"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\nx", id="a byte behind an answer that has no body"),
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


WORDS = Terms(body=4, refusals=3)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        pytest.param(b"409 Conflict\r\nContent-Length: 2\r\n\r\nno", (b"no", True), id="a short one"),
        pytest.param(b"409 Conflict\r\nContent-Length: 9\r\n\r\nno, sorry", (b"no,", False), id="a long one"),
        pytest.param(b"500 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nno, sorry", None, id="half a chunk"),
        pytest.param(
            b"500 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nno, sorry\r\n", (b"no,", False), id="a long chunk"
        ),
        pytest.param(b"502 Bad Gateway\r\n\r\nno, sorry", (b"no,", False), id="a long one without a length"),
        pytest.param(b"204 No Content\r\n\r\n", (b"", True), id="an answer that has no body"),
        pytest.param(b"304 Not Modified\r\nContent-Length: 9\r\n\r\n", (b"", True), id="a length of what is not sent"),
        pytest.param(b"201 Created\r\nContent-Length: 4\r\n\r\nmade", (b"made", True), id="made"),
    ],
)
def test_a_refusal_is_read_up_to_its_limit_and_the_rest_left(sent: bytes, told: tuple[bytes, bool] | None) -> None:
    reader = fed(b"HTTP/1.1 " + sent, terms=WORDS)
    assert ((reader.body(), reader.kept) if reader.complete else None) == told


def test_what_was_asked_for_is_not_cut() -> None:
    with pytest.raises(AnswerError, match="5 bytes announced"):
        fed(FIVE, terms=WORDS)
