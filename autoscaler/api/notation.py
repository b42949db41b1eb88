"""How a document is written down: compact JSON, or indented for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from autoscaler.api import document
from autoscaler.api.negotiate import JSON

Parts = Iterable[Sequence[bytes]]
"""Elements of a list as compact JSON, some hundreds at a time."""


class Notation(Protocol):
    """`whole` writes a document that is at hand as compact JSON; `pieces` a list, one piece per part."""

    @property
    def content_type(self) -> str: ...
    def whole(self, compact: bytes) -> bytes: ...
    def pieces(self, opening: Mapping[str, object], listed: str, parts: Parts) -> Iterator[bytes]: ...


class Compact:
    """One line, as `json.Encoder` writes it."""

    content_type = JSON

    def whole(self, compact: bytes) -> bytes:
        """It is at hand."""
        return compact + b"\n"

    def pieces(self, opening: Mapping[str, object], listed: str, parts: Parts) -> Iterator[bytes]:
        """Elements with commas between them."""
        before = b'%b,"%b":[' % (document.fragment(opening)[:-1], listed.encode())
        for part in parts:
            yield before + b",".join(part)
            before = b","
        yield b"]}\n" if before == b"," else before + b"]}\n"


class Indented:
    """Two spaces a level, as `json.MarshalIndent` writes it."""

    content_type = JSON

    def whole(self, compact: bytes) -> bytes:
        """Read again and written with more room."""
        return document.indented(compact)

    def pieces(self, opening: Mapping[str, object], listed: str, parts: Parts) -> Iterator[bytes]:
        """Elements one level in."""
        before = b'%b,\n  "%b": [' % (document.indented(document.fragment(opening))[:-2], listed.encode())
        empty = True
        for part in parts:
            yield (before + b"\n" if empty else b",\n") + b",\n".join([document.indented_item(each) for each in part])
            empty = False
        yield before + b"]\n}" if empty else b"\n  ]\n}"
