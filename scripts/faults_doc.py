"""Writes docs/faults.md from tests/faults/catalogue.toml and the names of tests; `--check` only compares.

A test claims the rows it shows by its name (`test_k05_...`, `test_q02_q06_...`), or by the id of a case
(`id="K05: ..."`). A row that no test claims stands in tests/faults/untested.toml with the reason.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import generated
import msgspec
from msgspec import Struct

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
CATALOGUE = TESTS / "faults" / "catalogue.toml"
UNTESTED = TESTS / "faults" / "untested.toml"
PAGE = ROOT / "docs" / "faults.md"
_CLAIM = re.compile(r"^(?:async )?def test_((?:[a-z]\d\d_)+)|\bid=\"((?:[A-Z]\d\d(?=[, :]),? ?)+):", re.MULTILINE)
_HEAD = """# Faults

<!-- Made by scripts/faults_doc.py from tests/faults/catalogue.toml and the names of the tests: change those, then run
     `python scripts/faults_doc.py`. -->

What can go wrong outside, what holds then, and which tests show it. A test bears its row in its name or in the id of a
case: `pytest -k k05` runs those of row K05. `tests/faults/test_catalogue.py` holds every row to a test, or to a line of
`tests/faults/untested.toml` with the reason why there is none.
"""


class Chapter(Struct, frozen=True):
    """The rows of one letter: what happens, and what holds then, by id."""

    title: str
    rows: dict[str, tuple[str, str]]
    note: str = ""


def chapters() -> dict[str, Chapter]:
    """The catalogue, by letter, in its order."""
    return msgspec.convert(tomllib.loads(CATALOGUE.read_text()), dict[str, Chapter])


def untested() -> dict[str, str]:
    """The rows no test claims, each with the reason."""
    return msgspec.convert(tomllib.loads(UNTESTED.read_text()), dict[str, str])


def claims() -> dict[str, tuple[str, ...]]:
    """The files below tests/ whose tests claim a row, by row."""
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for row in rows_claimed(path.read_text()):
            found.setdefault(row, set()).add(str(path.relative_to(TESTS)))
    return {row: tuple(sorted(files)) for row, files in found.items()}


def rows_claimed(text: str) -> list[str]:
    """The rows that the tests of a file claim: functions that pytest finds, and ids of their cases."""
    return [row for match in _CLAIM.finditer(text) for row in re.findall(r"[A-Z]\d\d", (match[1] or match[2]).upper())]


def mistakes() -> list[str]:
    """Where catalogue, tests and the list of untested rows disagree; each says what to do."""
    rows = {row for chapter in chapters().values() for row in chapter.rows}
    claimed, left = claims(), untested()
    return [
        *(f"{row}: {files[0]} claims it, and tests/faults/catalogue.toml has no such row"
          for row, files in sorted(claimed.items()) if row not in rows),
        *(f"{row}: tests/faults/untested.toml names it, and tests/faults/catalogue.toml has no such row"
          for row in sorted(left.keys() - rows)),
        *(f"{row}: {claimed[row][0]} claims it: take its line out of tests/faults/untested.toml"
          for row in sorted(left.keys() & claimed.keys())),
        *(f"{row}: claim it in the name of a test, or say in tests/faults/untested.toml why there is none"
          for row in sorted(rows - claimed.keys() - left.keys())),
    ]  # fmt: skip


def page() -> str:
    """The whole page."""
    claimed, left = claims(), untested()
    lines = [line for letter, chapter in chapters().items() for line in _chapter(letter, chapter, claimed, left)]
    return "\n".join([_HEAD, *lines]).rstrip() + "\n"


def _chapter(
    letter: str, chapter: Chapter, claimed: Mapping[str, tuple[str, ...]], left: Mapping[str, str]
) -> Iterator[str]:
    yield f"## {letter}: {chapter.title}"
    yield ""
    if chapter.note:
        yield chapter.note
        yield ""
    yield "| row | what happens | what holds | tests, below tests/ |"
    yield "|---|---|---|---|"
    for row, (happens, holds) in chapter.rows.items():
        shown = ", ".join(claimed[row]) if row in claimed else f"none: {left.get(row, '')}"
        yield f"| {row} | {happens} | {holds} | {shown} |"
    yield ""


if __name__ == "__main__":
    sys.exit(generated.main({PAGE: page()}))
