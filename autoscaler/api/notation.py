"""How a document is written down: compact JSON, JSON indented for people, or YAML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import orjson

from autoscaler.api import document, yamltext
from autoscaler.api.negotiate import JSON, YAML

Parts = Iterable[Sequence[bytes]]
"""Elements of a list as compact JSON, some hundreds at a time."""


_YAML_AT_ONCE = 32
"""A piece of YAML, whose writing takes as long as a whole part of JSON."""


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


class Yaml:
    """Blocks, keys in order: a list's elements therefore stand between its other fields."""

    content_type = YAML

    def whole(self, compact: bytes) -> bytes:
        """Read again and written as YAML."""
        return yamltext.document(orjson.loads(compact)).encode()

    def pieces(self, opening: Mapping[str, object], listed: str, parts: Parts) -> Iterator[bytes]:
        """Elements without further indentation."""
        keys = yamltext.ordered({**opening, listed: None})
        at = keys.index(listed)
        before = _fields(opening, keys[:at]) + f"{listed}:".encode()
        empty = True
        for part in parts:
            for start in range(0, len(part), _YAML_AT_ONCE):
                yield (before + b"\n" if empty else b"") + _entries(part[start : start + _YAML_AT_ONCE])
                empty = False
        yield (before + b" []\n" if empty else b"") + _fields(opening, keys[at + 1 :])


def _fields(fields: Mapping[str, object], keys: Iterable[str]) -> bytes:
    return b"".join([f"{line}\n".encode() for key in keys for line in yamltext.field(key, fields[key])])


def _entries(elements: Iterable[bytes]) -> bytes:
    return b"".join([f"{line}\n".encode() for each in elements for line in yamltext.entry(orjson.loads(each))])
