"""Where an axis has its ticks, and what stands at them."""

from __future__ import annotations

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86_400
STEPS = (
    *(each * MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOUR for each in (1, 2, 3, 6, 12)),
    *(each * DAY for each in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
)
"""Seconds between ticks of time that a person can count in."""


def time_step(span: float, most: int) -> int:
    """The shortest of `STEPS` with which so many seconds have no more than `most` ticks."""
    return next((step for step in STEPS if span / step <= most), STEPS[-1])


def time_ticks(since: float, until: float, most: int) -> list[tuple[float, str]]:
    """Times (UTC) and their labels: the day at midnight and at the first tick, else the time of day."""
    step = time_step(until - since, most)
    found: list[tuple[float, str]] = []
    at = -(-since // step) * step
    while at <= until:
        moment = datetime.fromtimestamp(at, UTC)
        if moment.hour == moment.minute == 0:
            label = f"{moment:%a %d %b}"
        else:
            label = f"{moment:%H:%M}" if found else f"{moment:%d %b %H:%M}"
        found.append((at, label))
        at += step
    return found


def count_ticks(top: int, most: int) -> list[int]:
    """Whole numbers from 0 up to `top`, at most so many steps of 1, 2 or 5 times a power of ten."""
    step = 1
    while top / step > most:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return list(range(0, top + 1, step))
