"""Times as a person types them: RFC 3339, a date, or how long ago (`-15m`, `2h`)."""

from __future__ import annotations

import re

from autoscaler.errors import ConfigError, MalformedError
from autoscaler.model.instant import parse_instant

_AGO = re.compile(r"-?(\d{1,9})([smhd])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def moment(flag: str, text: str, now: float) -> float:
    """Seconds since 1970; a date is its first instant in UTC. ConfigError names the flag."""
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        return parse_instant(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
    except MalformedError as exc:
        raise ConfigError(f"{flag}: {exc}, no date and no time ago such as 15m or 2h") from exc
