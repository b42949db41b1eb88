"""One line of the doctor's report."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """`WARN` does not stand in the way of running; `BAD` does."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


class Finding(Struct, frozen=True):
    """What was looked at, how it is, what was seen, and what to do when it is not good."""

    check: str
    state: State
    detail: str
    todo: str = ""


def good(check: str, detail: str) -> Finding:
    """Nothing to do."""
    return Finding(check, State.OK, detail)


def doubtful(check: str, detail: str, todo: str) -> Finding:
    """Worth a look."""
    return Finding(check, State.WARN, detail, todo)


def bad(check: str, detail: str, todo: str) -> Finding:
    """Must be mended."""
    return Finding(check, State.BAD, detail, todo)
