"""Times as a person types them: RFC 3339, a date, or how long ago (`-15m`, `2h`)."""

from __future__ import annotations

import math
import re

from autoscaler.errors import ConfigError, MalformedError
from autoscaler.model.instant import parse_instant

_AGO = re.compile(r"-?([0-9]{1,9})([smhd])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FRACTION = re.compile(r"[.,][0-9]")


def moment(flag: str, text: str, now: float) -> float:
    """Seconds since 1970; a date is its first instant in UTC. ConfigError names the flag."""
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        return parse_instant(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
    except MalformedError as exc:
        raise ConfigError(f"{flag}: {exc}; a date or a time ago such as 15m or 2h does, too") from exc


def last_moment(flag: str, text: str, now: float) -> float:
    """The last of the moments that this text can mean: times are printed without their fraction, so one that is typed
    without is any of its second.
    """
    at = moment(flag, text, now)
    whole = not (_AGO.fullmatch(text) or _DATE.fullmatch(text) or _FRACTION.search(text))
    return math.nextafter(at + 1, at) if whole else at


def between(since: str, until: str, now: float) -> tuple[float, float]:
    """What `--since` and `--until` span, in seconds since 1970; "" for no bound. ConfigError names the flag."""
    first = moment("--since", since, now) if since else -math.inf
    last = last_moment("--until", until, now) if until else math.inf
    if first > last:
        raise ConfigError(f"--since {since} is later than --until {until}: nothing lies between")
    return first, last
