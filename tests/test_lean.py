from __future__ import annotations

import os
import subprocess
import sys

LEAN = """
import os, sys
from autoscaler.lean import lean
before = dict(os.environ)
lean()
import autoscaler.app, aiohttp.connector
brought = {"rich", "pygments", "kubernetes", "aiokafka", "yaml"} & sys.modules.keys()
assert not brought, brought
assert not aiohttp.connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509"]
assert dict(os.environ) == before
import rich.console
"""
LATE = """
import rich, structlog, sys
from autoscaler.lean import lean
lean()
assert sys.modules["rich"] is rich
"""


def ended(program: str, **environ: str) -> str:
    """What it said on stderr, in a process of its own, which has imported nothing yet."""
    environment = {**os.environ, **environ}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
    ).stderr


def test_the_program_comes_without_what_it_does_not_use() -> None:
    assert ended(LEAN) == ""
    assert ended(LEAN, SSL_CERT_FILE="/somewhere/else") == "", "what was set stays so"


def test_what_is_there_already_stays() -> None:
    assert ended(LATE) == ""
