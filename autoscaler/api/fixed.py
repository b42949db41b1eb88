"""Documents that stay the same while the process runs: made once, sent with an ETag, not sent again to who has them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec import Struct

from autoscaler.api import document
from autoscaler.api.answer import Answer, json_answer
from autoscaler.api.call import Call
from autoscaler.api.negotiate import JSON


class Fixed(Struct, frozen=True):
    """A compact JSON document; `hash` is its SHA-512 in upper-case hex, as a Go API server computes it."""

    body: bytes
    hash: str
    content_type: str = JSON

    @property
    def etag(self) -> str:
        """The entity tag: the hash in quotes."""
        return f'"{self.hash}"'


def fixed(value: object, content_type: str = JSON) -> Fixed:
    """The document of this value."""
    body = document.compact(value)
    return Fixed(body, hashlib.sha512(body).hexdigest().upper(), content_type)


def fixed_answer(call: Call, found: Fixed, headers: Mapping[str, str] | None = None) -> Answer:
    """The document, or 304 when the client has it (RFC 9110 §13.1.2: the tags are compared weakly)."""
    told = {"ETag": found.etag, "Vary": "Accept", **(headers or {})}
    had = {tag.strip().removeprefix("W/") for tag in call.if_none_match.split(",")}
    if had & {found.etag, "*"}:
        return Answer(b"", found.content_type, 304, told)
    return json_answer(call, found.body, found.content_type, told)
