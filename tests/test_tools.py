"""The tools of the real run are built for whoever selects a test of it, and for nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAID = "e2e tools: the command `go` is not on the PATH. Tests that need one of these will be skipped:"


@pytest.mark.parametrize(
    ("words", "required", "code", "said", "last"),
    [
        pytest.param([], "", 0, True, "skipped", id="where they cannot be, it is said and skipped"),
        pytest.param([], "1", 1, True, "the tools of the real run are not there", id="or is the end"),
        pytest.param(["-m", "not e2e"], "1", 5, False, "deselected", id="nobody selected one"),
        pytest.param(["--collect-only"], "1", 0, False, "tests collected", id="nothing is to run"),
    ],
)
def test_tools_are_built_for_who_needs_them(
    words: list[str], required: str, code: int, said: bool, last: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/e2e/test_cluster.py", *words]
    environment = {**os.environ, "PATH": str(tmp_path), "HPA_COMPANION_REQUIRE_ALL": required}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert (SAID in done.stdout.splitlines()) is said, done.stdout
    assert last in done.stdout.splitlines()[-1]
