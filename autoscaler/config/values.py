"""Values between text and Python: seconds are float, sizes int bytes, lists tuples of text.

The texts follow Go's time.ParseDuration and Kubernetes quantities, in ASCII digits only. A fault is a ValueError whose
message completes the sentence "--flag: ...".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from autoscaler.config.nearest import hint
from autoscaler.config.option import Kind, Option
from autoscaler.model.duration import duration_text, seconds

Value = float | int | bool | str | tuple[str, ...]

_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 1 << 10,
    "Mi": 1 << 20,
    "Gi": 1 << 30,
    "Ti": 1 << 40,
}
_SIZE = re.compile(r"([0-9]{1,15})([kMGT]|[KMGT]i)?", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_FRACTION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,15})?", re.ASCII)
_LONGEST = 8192


def parse(option: Option, text: str) -> Value:
    """The value that `text` means for this option, within its bounds."""
    if len(text) > _LONGEST:
        raise ValueError(f"is {len(text)} characters long; {_LONGEST} are allowed")
    if any(not character.isprintable() for character in text):
        raise ValueError(f"{text!r} has a character that cannot be printed")
    value = _read(option, text)
    _check_bounds(option, text, value)
    return value


def _read(option: Option, text: str) -> Value:
    match option.kind:
        case Kind.CHOICE:
            return _word(text, option.choices)
        case Kind.LIST:
            return _list(text, option.choices)
    return _READERS[option.kind](text)


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no size such as 512Mi or 1Gi")
    return int(found[1]) * _BYTES[found[2] or ""]


def _matching(grammar: re.Pattern[str], text: str, what: str) -> str:
    if grammar.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not {what}")
    return text


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def _word(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise ValueError(f"{text!r} is none of {', '.join(choices)}{hint(text, choices)}")
    return text


def _list(text: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    entries = tuple(entry.strip() for entry in text.split(",")) if text.strip() else ()
    if "" in entries:
        raise ValueError(f"{text!r} has an empty entry")
    if len(set(entries)) != len(entries):
        raise ValueError(f"{text!r} names an entry twice")
    return tuple(_word(entry, choices) for entry in entries) if choices else entries


def _check_bounds(option: Option, text: str, value: Value) -> None:
    if isinstance(value, tuple | str):
        return
    if option.least is not None and value < option.least:
        raise ValueError(f"{text} is too small: at least {shown(option, option.least)}")
    if option.most is not None and value > option.most:
        raise ValueError(f"{text} is too large: at most {shown(option, option.most)}")


def shown(option: Option, value: Value) -> str:
    """The text of a value; `parse` gives the value back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, str):
        return value
    if option.kind is Kind.DURATION:
        return duration_text(value)
    if option.kind is Kind.SIZE:
        return _quantity(int(value))
    return f"{value:.15g}"


def _quantity(value: int) -> str:
    for suffix in ("Ti", "Gi", "Mi", "Ki"):
        if value and value % _BYTES[suffix] == 0:
            return f"{value // _BYTES[suffix]}{suffix}"
    return str(value)


_READERS: dict[Kind, Callable[[str], Value]] = {
    Kind.DURATION: seconds,
    Kind.SIZE: _size,
    Kind.INTEGER: lambda text: int(_matching(_INTEGER, text, "a whole number")),
    Kind.FRACTION: lambda text: float(_matching(_FRACTION, text, "a number such as 0.1")),
    Kind.BOOLEAN: _boolean,
    Kind.TEXT: str,
    Kind.FILE: os.path.expanduser,
    Kind.FILES: os.path.expanduser,
    Kind.PATH: os.path.expanduser,
}
