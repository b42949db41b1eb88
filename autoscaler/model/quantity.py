"""Kubernetes quantities: text such as `250m`, `1.5Gi` or `3e2` to whole thousandths, and numbers back to text.

Grammar, rounding, caps and overflow are those of k8s.io/apimachinery `resource.Quantity`, its faults included: an HPA
reads every request, sample and target through `MilliValue`, so a decision agrees only if they do.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from autoscaler.errors import MalformedError
from autoscaler.model.objects import Milli

_TEXT = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE]?)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_BINARY_SUFFIXES = ("", *_BINARY)
_INT64_MAX = 2**63 - 1
_INT64_DIGITS = 18
_LONGEST = 256
_NANO = -9
_PLAIN = {
    "": (12, 1000, 1),
    "n": (17, 1, 10**6),
    "m": (15, 1, 1),
    "Ki": (11, 1024 * 1000, 1),
    "Mi": (8, 1024**2 * 1000, 1),
}
"""Most digits that are far from every rule about large numbers, and multiplier and divisor to thousandths."""


class _Amount(NamedTuple):
    """`value` x 10^`scale`; `big` when upstream left 64-bit arithmetic for it, which then rounds differently."""

    value: int
    scale: int
    big: bool


def milli(text: str) -> Milli:
    """Thousandths, rounded away from zero; what does not fit in 64 bits becomes what upstream makes of it.

    Raises MalformedError.
    """
    plain = _plain(text)
    return _any(text) if plain is None else plain


@lru_cache(maxsize=16384)
def _any(text: str) -> Milli:
    """The same by the whole grammar."""
    value, scale, big = _amount(text)
    if big:
        return Milli(_wrapped(value * 1000) if scale == 0 else _from_nano(value))
    if scale < -3:
        return Milli(_away(value, 10 ** (-3 - scale)))
    return Milli(_scaled(value, scale + 3))


def _plain(text: str) -> Milli | None:
    """The same for what most quantities look like, by the hundred thousand: `12345678n`, `250m`, `524288Ki`, `2`."""
    if not text.isascii():
        return None
    end = len(text) - (0 if text.isdecimal() else 2 if text[-1:] == "i" else 1)
    digits, known = text[:end], _PLAIN.get(text[end:])
    if known is None or not digits.isdecimal() or end > known[0]:
        return None
    return Milli(-(-int(digits) * known[1] // known[2]))


def fraction(text: str) -> float:
    """A tolerance as the HPA reads it: the canonical mantissa times a power of ten, not a division.

    Raises MalformedError.
    """
    amount = _amount(text)
    value, scale = _canonical(amount.value, amount.scale)
    return value * float(f"1e{scale}") if scale else float(value)


def decimal_text(value: int, exponent: int = 0) -> str:
    """`value` x 10^`exponent` in DecimalSI: `1500m`, `2k`."""
    mantissa, exponent = _canonical(value, exponent)
    return f"{mantissa}{_DECIMAL_SUFFIX[exponent]}" if exponent in _DECIMAL_SUFFIX else f"{mantissa}e{exponent}"


def nano_cores_text(value: int) -> str:
    """Nano-cores as metrics.k8s.io writes CPU: `250002551n`, `500m`, `0`."""
    return f"{value}n" if value % 1000 else decimal_text(value, _NANO)  # the first is what nearly every one is


def bytes_text(value: int) -> str:
    """Bytes in BinarySI, as metrics.k8s.io writes memory: `64Mi`, `53687091`; below 1024 decimal."""
    if -1024 < value < 1024:
        return decimal_text(value)
    power = 0
    while value % 1024 == 0:
        value //= 1024
        power += 1
    return f"{value}{_BINARY_SUFFIXES[power]}"


def milli_text(value: Milli, resource: str = "") -> str:
    """An average in an HPA status: DecimalSI; memory BinarySI, when it is a whole number of bytes (`buildQuantity`)."""
    if resource == "memory" and value % 1000 == 0:
        return bytes_text(value // 1000)
    return decimal_text(value, -3)


def _amount(text: str) -> _Amount:
    match = _TEXT.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None or not (match[2] or match[3]):
        shown = text if len(text) <= _LONGEST else f"{text[:32]}..."
        raise MalformedError(f"{shown!r} is no quantity: digits, then one of n u m k M G T P E Ki Mi Gi Ti Pi Ei or e3")
    sign, whole, decimals, suffix = match[1], match[2].lstrip("0") or "0", match[3] or "", match[4]
    value = int(sign + whole + decimals)
    if suffix in _BINARY:
        return _binary(value, len(whole), len(decimals), _BINARY[suffix])
    scale = (_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])) - len(decimals)
    if len(whole) + len(decimals) <= _INT64_DIGITS and scale >= _NANO:
        return _Amount(value, scale, big=False)
    return _Amount(_nano(value, scale), _NANO, big=True)


def _binary(value: int, digits: int, decimals: int, power: int) -> _Amount:
    value <<= power
    if decimals == 0 and digits + int(power * 3 / 10) < _INT64_DIGITS - 3 and abs(value) <= _INT64_MAX:
        return _Amount(value, 0, big=False)
    nano = _nano(value, -decimals)
    if abs(nano) > _INT64_MAX * 10**9:
        return _Amount(-_INT64_MAX if nano < 0 else _INT64_MAX, 0, big=True)
    return _Amount(nano, _NANO, big=True)


def _nano(value: int, scale: int) -> int:
    """value x 10^scale in nano, away from zero: nothing finer survives parsing."""
    if scale >= _NANO:
        zeros: int = 10 ** min(scale - _NANO, _LONGEST)  # more of them make no difference to the lowest 64 bits
        return value * zeros
    return _away(value, 10 ** min(_NANO - scale, 2 * _LONGEST))


def _scaled(value: int, exponent: int) -> int:
    """value x 10^exponent in 64 bits: upstream wraps for the usual exponents and gives 0 for the others."""
    result = value * 10 ** min(exponent, 2 * _INT64_DIGITS)
    if exponent in (0, 1, 2, 3, 6, 9) or -_INT64_MAX <= result <= _INT64_MAX:
        return _wrapped(result)
    return 0


def _from_nano(nano: int) -> int:
    """Upstream's `scaledValue`: a remainder adds one, also below zero, and a large negative number has wrapped."""
    if nano >= _INT64_MAX:
        return _wrapped(-(-nano // 10**6))
    nano = _wrapped(nano)
    whole = abs(nano) // 10**6
    return (-whole if nano < 0 else whole) + (nano % 10**6 != 0)


def _away(value: int, divisor: int) -> int:
    return value // divisor if value < 0 else -(-value // divisor)


def _wrapped(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def _canonical(value: int, exponent: int) -> tuple[int, int]:
    """The largest exponent, a multiple of three, that leaves a whole mantissa."""
    if value == 0:
        return 0, 0
    while value % 10 == 0:
        value //= 10
        exponent += 1
    excess = exponent % 3
    return value * 10**excess, exponent - excess
