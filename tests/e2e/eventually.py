"""Waiting for what another process does: ask until it is so, fail with the last answer when the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

BETWEEN = 0.1
"""Seconds from one question to the next."""


def eventually(deadline: float, probe: Callable[[], T], what: str = "") -> T:
    """The first truthy answer of `probe`, which may also assert, or look for what is not there yet.

    AssertionError after `deadline` seconds.
    """
    end = time.monotonic() + deadline
    while True:
        try:
            answer = probe()
            why: object = answer
        except (AssertionError, LookupError) as exc:
            answer, why = None, exc
        if answer:
            return answer
        if time.monotonic() >= end:
            raise AssertionError(f"not within {deadline:g} s: {what or probe.__name__}; last: {why!s:.2000}")
        time.sleep(BETWEEN)
