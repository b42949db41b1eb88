"""What a route gives back for the server to send."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping

from msgspec import Struct

from autoscaler.api import document
from autoscaler.api.call import Call
from autoscaler.api.negotiate import JSON

TEXT = "text/plain; charset=utf-8"


class Answer(Struct, frozen=True):
    """`body` is whole, or slices that are written one by one, or what a watch sends until it ends."""

    body: bytes | Iterator[bytes] | AsyncGenerator[bytes, None]
    content_type: str = JSON
    status: int = 200
    headers: Mapping[str, str] = {}


def json_answer(call: Call, body: bytes, content_type: str = JSON, headers: Mapping[str, str] | None = None) -> Answer:
    """A compact document, indented when a person reads it."""
    return Answer(document.indented(body) if call.pretty else body, content_type, 200, headers or {})
