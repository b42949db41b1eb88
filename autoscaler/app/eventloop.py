"""Which event loop runs it all."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine

import structlog

SWITCH_SECONDS = 0.0005
"""How long a thread goes on that the loop waits for. The loop lets Python go with every record of TLS and every page it
unpacks, and beside the thread that makes /metrics of 5,000 nodes it waited Python's usual 5 ms each time.
"""

log = structlog.get_logger(__name__)


def runner() -> Callable[[Coroutine[object, object, None]], None]:
    """uvloop's, or asyncio's own where that is missing or of another build (P12); threads make way for it quickly."""
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        import uvloop  # noqa: PLC0415 - `demo` and the tests bring their own loop
    except ImportError as exc:
        log.warning("Runs on asyncio's own event loop, which takes more CPU", why=str(exc), hint="reinstall uvloop")
        return asyncio.run
    return uvloop.run
