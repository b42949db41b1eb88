"""A number of a text exposition and the time behind it, decimal ones of Go's `strconv.ParseFloat` only: no NaN, Inf,
hexadecimals or underscores, and nothing negative.
"""

from __future__ import annotations

LIMIT = 2**63


def numeral(text: bytes, scale: int) -> tuple[int, int | None]:
    """`trunc(value * scale)` and the time in ns, None without one; ValueError when it is malformed."""
    fields = [field for field in text.rstrip(b"\r").replace(b"\t", b" ").split(b" ") if field]
    if not fields or b"_" in fields[0]:
        raise ValueError("no number")
    value = float(fields[0]) * scale
    if not 0 <= value < LIMIT:
        raise ValueError("out of range")
    if len(fields) == 1:
        return int(value), None
    if len(fields) != 2 or not fields[1].isdigit() or len(fields[1]) > 15:
        raise ValueError("no time")
    return int(value), int(fields[1]) * 1_000_000
