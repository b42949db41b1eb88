"""Writes docs/reasons.md from autoscaler/core/reasons.py; `--check` only says whether it is up to date.

A test compares the two, so the page cannot drift.
"""

from __future__ import annotations

import sys
from pathlib import Path

import generated

from autoscaler.core.reasons import MEANINGS, Meaning

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reasons.md"
_HEAD = """# Reasons

<!-- Made by scripts/reasons_doc.py from autoscaler/core/reasons.py: change that table, then run
     `python scripts/reasons_doc.py`. -->

Every evaluation ends for one of these reasons. The word stands in the record, in the log line, in the label `reason`
of `autoscaler_evaluations_total` and in what `explain` tells; where the HorizontalPodAutoscaler has a word, it is that
one. The list is closed: a program may match on it.

| reason | what it means | what to do |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = (
        f"| `{reason}` | {meaning.means} | {meaning.todo}{_bare(meaning)} |\n" for reason, meaning in MEANINGS.items()
    )
    return _HEAD + "".join(rows)


def _bare(meaning: Meaning) -> str:
    return f" Where there is no `spec.behavior`: {meaning.bare[0].lower()}{meaning.bare[1:]}" if meaning.bare else ""


if __name__ == "__main__":
    sys.exit(generated.main({PAGE: page()}))
