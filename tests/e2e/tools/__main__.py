"""`python -m tests.e2e.tools`: build what the real run needs, or say what will be skipped without it.

Exit code 0 when the tests can start; 1 when the build failed, or cannot be and HPA_COMPANION_REQUIRE_ALL=1.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TextIO

from tests.e2e.kafka import jars
from tests.e2e.tools import inventory
from tests.e2e.tools.build import BuildError, build


def main() -> int:
    """Build and say where."""
    say = sys.stdout
    missing = inventory.missing_compiler()
    if missing:
        names = ", ".join(tool.name for tool in inventory.TOOLS)
        say.write(f"e2e tools: {missing}. Tests that need one of these will be skipped:\n  {names}\n")
        return required()
    try:
        folder = build(say)
    except BuildError as exc:
        say.write(f"e2e tools: {exc}\n")
        return 1
    say.write(f"e2e tools: ready in {folder.relative_to(inventory.CACHE.parent.parent)}\n")
    return _fetch_broker(say)


def _fetch_broker(say: TextIO) -> int:
    maven = shutil.which("mvn")
    if maven is None:
        say.write("e2e kafka: the command `mvn` is not on the PATH. Tests on the real broker will be skipped\n")
        return required()
    try:
        jars.build(Path(maven), say)
    except jars.JarsError as exc:
        say.write(f"e2e kafka: {exc}\n")
        return 1
    return 0


def required() -> int:
    """The exit code of something missing."""
    return 1 if os.environ.get("HPA_COMPANION_REQUIRE_ALL") == "1" else 0


if __name__ == "__main__":
    sys.exit(main())
