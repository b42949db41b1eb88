import asyncio
import gzip
from collections.abc import Iterator

import pytest

from autoscaler.api.answer import Answer
from autoscaler.api.compression import LONG, packed, takes_gzip
from autoscaler.turnstile import Turnstile


def body(answer: Answer) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        pytest.param("gzip", True, id="kubectl and the aggregator"),
        pytest.param("deflate, GZIP;q=0.5, br", True, id="among others"),
        pytest.param("*", True, id="everything"),
        pytest.param("", False, id="nothing said"),
        pytest.param("identity", False, id="as it is"),
        pytest.param("gzip;q=0, *", False, id="anything but gzip"),
        pytest.param("*;q=0", False, id="nothing at all"),
        pytest.param("gzip;q=junk", False, id="a weight that is none"),
        pytest.param("x-gzip, gzipped", False, id="other names"),
        pytest.param("," * 10_000, False, id="punctuation"),
    ],
)
def test_who_takes_gzip(header: str, taken: bool) -> None:
    assert takes_gzip(header) is taken


@pytest.mark.parametrize("pieces", [[b"x" * LONG], [b"x", b"", b"y" * LONG, b"z" * LONG], [b"ab"] * LONG])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "in pieces"])
async def test_a_long_answer_is_packed(pieces: list[bytes], whole: bool) -> None:
    joined = b"".join(pieces)
    answer = Answer(joined if whole else iter(pieces), "text/plain", 200, {"Vary": "Accept", "ETag": "e"})
    sent = await packed(answer, "gzip", Turnstile(2))
    assert sent.headers == {"Vary": "Accept, Accept-Encoding", "ETag": "e", "Content-Encoding": "gzip"}
    assert (sent.content_type, gzip.decompress(body(sent))) == ("text/plain", joined)


async def test_who_does_not_take_it_gets_a_long_answer_as_it_is() -> None:
    sent = await packed(Answer(iter([b"x" * LONG, b"y"])), "", Turnstile(2))
    assert sent.headers == {"Vary": "Accept-Encoding"}, "a cache must know that another client gets other bytes"
    assert body(sent) == b"x" * LONG + b"y"


@pytest.mark.parametrize("given", [b"", b"x" * (LONG - 1), iter([b"x", b"", b"y"]), iter([])])
async def test_a_short_answer_is_sent_as_it_is_in_one_piece(given: bytes | Iterator[bytes]) -> None:
    sent = await packed(Answer(given, headers={"Vary": "Accept"}), "gzip", Turnstile(2))
    assert isinstance(sent.body, bytes)
    assert sent.headers == {"Vary": "Accept"}


async def test_a_long_one_is_packed_while_it_is_sent() -> None:
    made = []

    def pieces() -> Iterator[bytes]:
        for number in range(20):
            made.append(number)
            yield bytes(LONG // 2)

    sent = await packed(Answer(pieces()), "gzip", Turnstile(2))
    assert len(made) == 2, "as many as it takes to see that it is long"
    assert not isinstance(sent.body, bytes)
    next(iter(sent.body))
    assert len(made) < 5


async def test_others_have_their_turn_while_the_first_pieces_are_made() -> None:
    turns = []

    async def other() -> None:
        for _ in range(10):
            turns.append(len(made))
            await asyncio.sleep(0)

    made = []
    busy = (made.append(number) or b"" for number in range(10))
    await asyncio.gather(packed(Answer(busy), "gzip", Turnstile(1)), other())
    assert len(set(turns)) >= 9
