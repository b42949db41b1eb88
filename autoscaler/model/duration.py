"""Spans of time as Go and Kubernetes write them: `15s`, `1m30s`, `500ms`."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|ns)", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,15})?", re.ASCII)


def seconds(text: str) -> float:
    """Seconds of a duration; ValueError, with the way to write it, for what is none (ASCII digits only)."""
    if text == "0":
        return 0.0
    total, end = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != end:
            break
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not text or end != len(text):
        unit = f"; write {text}s for seconds" if _NUMBER.fullmatch(text) else ""
        raise ValueError(f"{text!r} is no duration such as 15s or 1m30s{unit}")
    return round(total, 9)


def duration_text(value: float) -> str:
    """As Go writes it, without zero parts: 90.0 → 1m30s."""
    hours, rest = divmod(value, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{int(amount)}{unit}" for amount, unit in ((hours, "h"), (minutes, "m")) if amount]
    if rest or not parts:
        parts.append(f"{round(rest, 9):.12g}s")
    return "".join(parts)
