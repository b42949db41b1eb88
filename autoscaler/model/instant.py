"""Instants as Kubernetes writes them: RFC 3339 in UTC, for seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime

from autoscaler.errors import MalformedError


def seconds_text(at: float) -> str:
    """Whole seconds (metav1.Time): `2026-11-23T09:54:21Z`; the fraction is cut."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_text(at: float) -> str:
    """Microseconds (metav1.MicroTime): `2026-11-23T09:54:21.123456Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def micros_after(at: float, count: int) -> float:
    """So many microseconds after the one nearest to `at`, or before it; `micro_text` loses nothing of it."""
    return (round(at * 1e6) + count) / 1e6


def parse_instant(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 text; MalformedError when it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise MalformedError(f"{text!r} is no RFC 3339 time such as 2026-11-23T09:54:21Z") from exc
    if at.tzinfo is None:
        raise MalformedError(f"{text!r} has no time zone: write {at.isoformat()}Z")
    return at.timestamp()
