"""Answers of kubelets, whole and damaged, in whatever pieces the network makes of them."""

import gzip
import http.client
import io
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.errors import ScrapeReason
from autoscaler.kube.httpanswer import AnswerError, AnswerReader

pytestmark = pytest.mark.fuzz

Outcome = tuple[int, bytes, bool] | ScrapeReason

bodies = st.binary(max_size=60)
headers = st.sampled_from([
    b"", b"X-A: b\r\n", b"Retry-After: 7\r\n", b"Connection: close\r\n", b"Content-Type: text/plain\r\n",
    b"X: \xff\r\n",
])  # fmt: skip
statuses = st.sampled_from([b"200 OK", b"200", b"404 Not Found", b"503 Service Unavailable", b"302 Found"])


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """A sound answer."""
    body, head = draw(bodies), b"HTTP/1.1 %s\r\n%s" % (draw(statuses), draw(headers))
    if draw(st.booleans()):
        head, body = head + b"Content-Encoding: gzip\r\n", gzip.compress(body, mtime=0)
    if draw(st.booleans()):
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, draw(st.integers(1, 9)))
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


DAMAGE = st.sampled_from([
    b"\r", b"\n", b"\r\n", b"0", b"f", b" ", b":", b";", b"\x00", b"-1", b"HTTP/1.1 200 OK\r\n\r\n",
    b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
])  # fmt: skip
edits = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 3), DAMAGE | st.binary(max_size=2)), max_size=3)


def damaged(answer: bytes, changes: Sequence[tuple[int, int, bytes]]) -> bytes:
    for seed, cut, put in changes:
        place = seed % (len(answer) + 1)
        answer = answer[:place] + put + answer[place + cut :]
    return answer


def outcome(pieces: Sequence[bytes]) -> Outcome:
    """What a reader makes of an answer that comes in these pieces, before the peer hangs up."""
    reader = AnswerReader()
    try:
        for piece in pieces:
            if not reader.complete:
                reader.feed(piece)
        if not reader.complete:
            reader.closed()
        return reader.status, reader.body() if reader.status == 200 else b"", reader.complete
    except AnswerError as error:
        return error.reason


@given(answers())
def test_k13_a_sound_answer_is_read_as_the_standard_library_reads_it(answer: bytes) -> None:
    class Wire:
        def makefile(self, _mode: str) -> io.BytesIO:
            return io.BytesIO(answer)

    theirs = http.client.HTTPResponse(Wire())  # type: ignore[arg-type]  # all it needs of a socket
    theirs.begin()
    body = theirs.read()
    if theirs.getheader("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    assert outcome([answer]) == (theirs.status, body if theirs.status == 200 else b"", True)


@given(answers(), edits, st.lists(st.integers(0, 400), max_size=6))
def test_k13_pieces_make_no_difference_and_whatever_comes_is_an_answer_or_a_reason(
    answer: bytes, changes: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    text = damaged(answer, changes)
    marks = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [text[begin:end] for begin, end in itertools.pairwise(marks)]
    single = [text[at : at + 1] for at in range(len(text))]
    assert outcome(pieces) == outcome([text]) == outcome(single)
