"""YAML as sigs.k8s.io/yaml writes it: blocks, keys in natural order, quotes only where a plain text would be read as
something else (go-yaml v2 `encode.go`, `resolve.go`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cmp_to_key, lru_cache
from typing import cast

import orjson

_BMP = 0xFFFF
_LOWER = ("y", "yes", "on", "n", "no", "off", "true", "false", "null", ".inf", "+.inf", "-.inf", ".nan", "~", "<<", "")
_WORDS = frozenset(each for word in _LOWER for each in (word, word.upper(), word.title())) | {".NaN"}
_NUMBER = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)", re.ASCII
)
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", re.ASCII)
_TIMESTAMP = re.compile(
    r"\d{4}-\d\d?-\d\d?([Tt]\d\d?:\d\d?:\d\d?(\.\d*)?(Z|[-+]\d\d:\d\d)| \d\d?:\d\d?:\d\d?(\.\d*)?)?", re.ASCII
)
_NOT_PLAIN = re.compile(r"[#,\[\]{}&*!|>'\"%@`]|[?:-](\s|$)|---|\.\.\.|\s|.*(\s#|:\s)|.*[:\s]$", re.ASCII)
"""What a plain text in a block must not look like: an indicator in front, a comment or a key further on."""


def document(value: object) -> str:
    """A whole document."""
    return "".join(f"{line}\n" for line in lines(value))


def lines(value: object) -> Iterator[str]:
    """The lines of a value that stands on its own; a nested one is put further in by whoever asks."""
    if isinstance(value, Mapping) and value:
        for key in ordered(value):
            yield from field(key, value[key])
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for each in value:
            yield from entry(each)
    else:
        yield scalar(value)


def field(key: str, value: object) -> Iterator[str]:
    """One field of a map; a list in it is not put further in."""
    name = scalar(key)
    if isinstance(value, Mapping) and value:
        yield f"{name}:"
        yield from (f"  {line}" for line in lines(value))
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield f"{name}:"
        yield from lines(value)
    else:
        yield f"{name}: {scalar(value)}"


def entry(value: object) -> Iterator[str]:
    """One element of a list."""
    before = "- "
    for line in lines(value):
        yield before + line
        before = "  "


def scalar(value: object) -> str:
    """What is no block: a text, a number, true, false, null, or an empty map or list."""
    return _text(value) if isinstance(value, str) else orjson.dumps(value).decode()


def ordered(keys: Mapping[str, object]) -> list[str]:
    """Keys as go-yaml sorts them: numbers by value, and what is no letter before letters."""
    return sorted(keys, key=cmp_to_key(_compared))


@lru_cache(maxsize=4096)
def _text(text: str) -> str:
    if _is_something_else(text) or not text.isprintable():
        return '"' + "".join([_escaped(char) for char in text]) + '"'
    return "'" + text.replace("'", "''") + "'" if _NOT_PLAIN.match(text) else text


def _is_something_else(text: str) -> bool:
    """Whether a plain text would be read as a number, a time, a truth value or nothing."""
    if text in _WORDS or _SEXAGESIMAL.fullmatch(text) or _TIMESTAMP.fullmatch(text):
        return True
    return not text.startswith("_") and _NUMBER.fullmatch(text.replace("_", "")) is not None


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    code = ord(char)
    return char if char.isprintable() else f"\\u{code:04x}" if code <= _BMP else f"\\U{code:08x}"


def _compared(one: str, other: str) -> int:
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a == b:
            continue
        if a.isalpha() or b.isalpha():
            return _sign(a, b) if a.isalpha() and b.isalpha() else (1 if a.isalpha() else -1)
        mine, its = (cast("re.Match[str]", re.match(r"[0-9]*", text[at:]))[0] for text in (one, other))
        lead = "1" if "0" in (a, b) and one[:at][-1:].isdigit() and one[:at].rstrip("0")[-1:].isdigit() else "0"
        first = (int(lead + mine), len(mine), a)
        second = (int(lead + its), len(its), b)
        return -1 if first < second else 1
    return len(one) - len(other)


def _sign(a: str, b: str) -> int:
    return -1 if a < b else 1
