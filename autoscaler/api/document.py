"""JSON as a Go API server writes it: compact with a line end, or indented by two; `<`, `>` and `&` escaped.

Fields keep the order they are given in; the golden answers of metrics-server are compared byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

_SPECIAL = re.compile(b"[<>&]|\xe2\x80[\xa8\xa9]")
"""`<`, `>`, `&`, U+2028 and U+2029."""


def fragment(value: object) -> bytes:
    """A piece of a document, without line end."""
    return _escaped(orjson.dumps(value))


def sorted_fragment(value: Mapping[str, str]) -> bytes:
    """A map: Go writes its keys in byte order."""
    return fragment(dict(sorted(value.items())))


def compact(value: object) -> bytes:
    """One line, as `json.Encoder` writes it."""
    return fragment(value) + b"\n"


def indented(document: bytes) -> bytes:
    """The same document as `json.MarshalIndent` writes it: two spaces, no line end."""
    return _escaped(orjson.dumps(orjson.loads(document), option=orjson.OPT_INDENT_2))


def indented_item(item: bytes) -> bytes:
    """One element of the list in an indented document, without the comma."""
    return b"    " + indented(item).replace(b"\n", b"\n    ")


def _escaped(text: bytes) -> bytes:
    return _SPECIAL.sub(_escape, text) if _SPECIAL.search(text) else text


def _escape(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode())
