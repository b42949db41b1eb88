"""Files that are made from something else: written by their script, or compared by its `--check`, as the tests do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def main(made: Mapping[Path, str]) -> int:
    """Write each file, or with `--check` name those that are not as `made`; the exit code, 1 when there are any."""
    stale = [place for place, text in made.items() if not place.exists() or place.read_text() != text]
    if "--check" not in sys.argv[1:]:
        for place in stale:
            place.write_text(made[place])
        return 0
    for place in stale:
        print(f"{place.parent.name}/{place.name} is not up to date: run `python scripts/{Path(sys.argv[0]).name}`")
    return int(bool(stale))
