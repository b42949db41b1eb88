from __future__ import annotations

import subprocess
import sys

TOLD = """
import sys
from importlib.abc import MetaPathFinder
class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "autoscaler.core._native":
            raise error
error = {
    "absent": ModuleNotFoundError("as if it had not been built"), "broken": ImportError("of another machine")
}.get(sys.argv[1])
if error:
    sys.meta_path.insert(0, Finder())
from autoscaler.core import compiled
print(compiled.COMPILED, compiled.native is None, compiled.FAULT)
"""


def told(word: str) -> str:
    done = subprocess.run([sys.executable, "-c", TOLD, word], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_without_the_compiled_part_there_is_none_and_no_failure() -> None:
    assert told("absent") == "False True"


def test_one_that_does_not_load_is_none_and_why_is_known() -> None:
    assert told("broken") == "False True of another machine"


def test_what_is_told_is_what_is_there() -> None:
    assert told("whatever") in {"True False", "False True"}
