"""Reading the pages of the documentation: their blocks, and the command lines in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELLS = {"sh", "console", "bash"}


def prose(page: Path) -> str:
    """The text without its blocks."""
    return FENCE.sub("", page.read_text())


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """What stands in the blocks of these languages."""
    for language, block in FENCE.findall(page.read_text()):
        if language in languages:
            yield block


def typed(page: Path) -> Iterator[Sequence[str]]:
    """The command lines of a page as words, in order; in a block of a console those behind `$`, the rest is answers."""
    for language, block in FENCE.findall(page.read_text()):
        if language not in SHELLS:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            if language == "console" and not line.startswith("$ "):
                continue
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words:
                yield words
