"""`python -m tests.e2e.tools`: build what the real run needs, or say what will be skipped without it.

Exit code 0 when the tests can start; 1 when the build failed, or cannot be and HPA_COMPANION_REQUIRE_ALL=1.
"""

from __future__ import annotations

import os
import sys

from tests.e2e.tools import inventory
from tests.e2e.tools.build import BuildError, build


def main() -> int:
    """Build and say where."""
    say = sys.stdout
    missing = inventory.missing_compiler()
    if missing:
        names = ", ".join(tool.name for tool in inventory.TOOLS)
        say.write(f"e2e tools: {missing}. Tests that need one of these will be skipped:\n  {names}\n")
        return 1 if os.environ.get("HPA_COMPANION_REQUIRE_ALL") == "1" else 0
    try:
        folder = build(say)
    except BuildError as exc:
        say.write(f"e2e tools: {exc}\n")
        return 1
    say.write(f"e2e tools: ready in {folder.relative_to(inventory.CACHE.parent.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
