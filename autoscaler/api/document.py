"""JSON as a Go API server writes it: compact with a line end, or indented by two; `<`, `>` and `&` escaped.

Fields keep the order they are given in; the golden answers (metrics-api.md §3.5) are compared byte by byte.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

_ESCAPED = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"), ("\u2028".encode(), b"\\u2028"),
            ("\u2029".encode(), b"\\u2029"))  # fmt: skip


def fragment(value: object) -> bytes:
    """A piece of a document, without line end."""
    text = orjson.dumps(value)
    for raw, escaped in _ESCAPED:
        if raw in text:
            text = text.replace(raw, escaped)
    return text


def sorted_fragment(value: Mapping[str, str]) -> bytes:
    """A map: Go writes its keys in byte order."""
    return fragment(dict(sorted(value.items())))


def compact(value: object) -> bytes:
    """One line, as `json.Encoder` writes it."""
    return fragment(value) + b"\n"


def indented(document: bytes) -> bytes:
    """The same document as `json.MarshalIndent` writes it: two spaces, no line end."""
    text = orjson.dumps(orjson.loads(document), option=orjson.OPT_INDENT_2)
    for raw, escaped in _ESCAPED:
        if raw in text:
            text = text.replace(raw, escaped)
    return text


def indented_item(item: bytes) -> bytes:
    """One element of the list in an indented document, without the comma."""
    return b"    " + indented(item).replace(b"\n", b"\n    ")
