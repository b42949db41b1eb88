"""gzip for long answers, slice by slice like the answers themselves, to whoever takes it (RFC 9110 §12.5.3).

Upstream's limit and level: below 128 KiB it is not worth a client's while, and a higher level costs more than it saves.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Iterable, Iterator
from itertools import chain

from msgspec import structs

from autoscaler.api.answer import Answer
from autoscaler.turnstile import Turnstile

LONG = 128 * 1024

_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


async def packed(answer: Answer, accept_encoding: str, turns: Turnstile) -> Answer:
    """The answer as it is sent: gzipped when it is long and the client takes that; a short one in one piece.

    How long it is shows while its first pieces are made, each when it is its turn.
    """
    if isinstance(answer.body, AsyncGenerator) or (isinstance(answer.body, bytes) and len(answer.body) < LONG):
        return answer  # the events of a watch go out as they come
    pieces = _sliced(answer.body) if isinstance(answer.body, bytes) else iter(answer.body)
    begun: list[bytes] = []
    size = 0
    while size < LONG and (piece := next(pieces, None)) is not None:
        begun.append(piece)
        size += len(piece)
        await turns.passed()
    if size < LONG:
        return structs.replace(answer, body=b"".join(begun))
    whole = chain(begun, pieces)
    headers = {**answer.headers, "Vary": ", ".join(filter(None, (answer.headers.get("Vary"), "Accept-Encoding")))}
    if not takes_gzip(accept_encoding):
        return structs.replace(answer, body=whole, headers=headers)
    return structs.replace(answer, body=_gzipped(whole), headers={**headers, "Content-Encoding": "gzip"})


def takes_gzip(accept_encoding: str) -> bool:
    """Whether the header names gzip, or everything, and does not say `q=0`."""
    weights = dict(_weight(part) for part in accept_encoding.lower().split(","))
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(part: str) -> tuple[str, float]:
    name, *parameters = (each.strip() for each in part.split(";"))
    for each in parameters:
        if each.startswith("q="):
            try:
                return name, float(each[2:])
            except ValueError:
                return name, 0.0
    return name, 1.0


def _sliced(body: bytes) -> Iterator[bytes]:
    return (body[start : start + LONG] for start in range(0, len(body), LONG))


def _gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
