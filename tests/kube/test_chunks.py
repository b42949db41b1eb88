import pytest

from autoscaler.errors import MalformedError
from autoscaler.kube.chunks import MAX_CHUNK, MAX_LINE, MAX_TRAILERS, Chunks

WHOLE = b"4\r\nWiki\r\nA ; name=value\r\n0123456789\r\n0\r\n\r\n"


def fed(*pieces: bytes) -> tuple[list[bytes], Chunks]:
    chunks = Chunks()
    return [chunk for piece in pieces for chunk in chunks.feed(piece)], chunks


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_chunks_come_out_whole_however_they_arrive(size: int) -> None:
    found, chunks = fed(*[WHOLE[at : at + size] for at in range(0, len(WHOLE), size)])
    assert (found, chunks.ended, chunks.extra) == ([b"Wiki", b"0123456789"], True, False)


@pytest.mark.parametrize(
    ("rest", "ended", "extra"),
    [
        pytest.param(b"0\r\n", False, False, id="the last chunk without its end"),
        pytest.param(b"0\r\nTrailer: x\r\nOther: y\r\n\r\n", True, False, id="trailers"),
        pytest.param(b"0\r\n\r\nHTTP/1.1", True, True, id="something behind"),
    ],
)
def test_the_end(rest: bytes, ended: bool, extra: bool) -> None:
    found, chunks = fed(b"1\r\nx\r\n", rest)
    assert (found, chunks.ended, chunks.extra) == ([b"x"], ended, extra)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"zz\r\n", id="no number"),
        pytest.param(b"-1\r\n", id="a negative size"),
        pytest.param(b"0x4\r\nWiki\r\n", id="a prefix"),
        pytest.param(b"\r\n", id="no size"),
        pytest.param(b"4\r\nWikipedia\r\n", id="longer than it says"),
        pytest.param(b"%x\r\n" % (MAX_CHUNK + 1), id="a giant"),
        pytest.param(b"1" * (MAX_LINE + 2), id="a size without end"),
        pytest.param(b"0\r\n" + b"x" * (MAX_TRAILERS + 1), id="a trailer without end"),
        pytest.param(b"0\r\n" + b"A: b\r\n" * (MAX_TRAILERS // 6 + 1), id="trailers without end"),
    ],
)
def test_anything_else_is_malformed(sent: bytes) -> None:
    with pytest.raises(MalformedError):
        fed(sent)
