"""What a test of the real run needs on this machine: found, or the test is skipped by the name of what is missing.

With HPA_COMPANION_REQUIRE_ALL=1, as in CI, nothing is skipped: what is missing fails the test.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.tools import inventory


def need(name: str) -> Path:
    """The program: one of the tools built here, else one on the PATH. Skips, or fails, when there is none."""
    if name in {tool.name for tool in inventory.TOOLS}:
        why = inventory.missing_compiler()
        if why:
            missing(name, why)
        program = inventory.folder() / name
        if not program.exists():
            missing(name, "it is not built: run `python -m tests.e2e.tools` (about 8 minutes, once)")
        return program
    found = shutil.which(name)
    if found is None:
        missing(name, "it is not on the PATH")
    return Path(found or "")


def missing(name: str, why: str) -> None:
    """Skip the test that calls, or fail it where everything is required."""
    sentence = f"{name}: {why}"
    if os.environ.get("HPA_COMPANION_REQUIRE_ALL") == "1":
        pytest.fail(f"required, but missing: {sentence}", pytrace=False)
    pytest.skip(f"missing {sentence}")
