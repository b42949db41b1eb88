"""Which event loop runs it all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import structlog

log = structlog.get_logger(__name__)


def runner() -> Callable[[Coroutine[object, object, None]], None]:
    """uvloop's, or asyncio's own where that is missing or of another build (P12)."""
    try:
        import uvloop  # noqa: PLC0415 - `demo` and the tests bring their own loop
    except ImportError as exc:
        log.warning("Runs on asyncio's own event loop, which takes more CPU", why=str(exc), hint="reinstall uvloop")
        return asyncio.run
    return uvloop.run
