"""The name somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def hint(wrong: str, names: Iterable[str]) -> str:
    """`; did you mean "run"?` for the closest of `names`, or "" when none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it, and it costs start-up time

    close = get_close_matches(wrong, list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
