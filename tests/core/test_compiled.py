from __future__ import annotations

import subprocess
import sys

BOTH = """
import sys
if sys.argv[1] == "absent":
    sys.modules["autoscaler.core._native"] = None  # as if it had not been built
from autoscaler.core import compiled
print(compiled.COMPILED, compiled.native is None)
"""


def told(word: str) -> str:
    done = subprocess.run([sys.executable, "-c", BOTH, word], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_without_the_compiled_part_there_is_none_and_no_failure() -> None:
    assert told("absent") == "False True"


def test_what_is_told_is_what_is_there() -> None:
    assert told("whatever") in {"True False", "False True"}
