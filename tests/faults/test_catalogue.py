"""Every row of the catalogue of faults has a test that bears its name; docs/faults.md says which row is tested where.

Rows A01 to A33 are inbound, and a test has them in its name or in an id.

A row is one way a client, the aggregator or the API server can surprise us: no certificate, a rotated CA, two users in
the headers, a review that stalls, two thousand slow connections. `pytest -k a05` runs the tests of row A05.
"""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"def test_((?:a\d\d_(?:to_)?)+)|id=\"(A\d\d):")


def rows() -> set[str]:
    """The rows that are named somewhere."""
    found = [match for path in TESTS.rglob("test_*.py") for match in NAMED.finditer(path.read_text())]
    return {row.upper() for match in found for row in re.findall(r"[aA]\d\d", match[1] or match[2])}


@pytest.mark.parametrize("number", range(1, 34))
def test_the_row_has_a_test(number: int) -> None:
    assert f"A{number:02}" in rows()


PAGE = TESTS.parent / "docs/faults.md"
ROW = re.compile(r"^\| ([A-Z]\d\d) \|.*\| ([^|]*) \|$", re.MULTILINE)


LEADERSHIP = tuple(f"L{number:02}" for number in range(1, 13))


def test_the_page_names_every_row_of_kubelets_and_leadership_and_the_files_of_its_tests() -> None:
    told = {row: tuple(files.split(", ")) for row, files in ROW.findall(PAGE.read_text())}
    tested: dict[str, set[str]] = {f"K{number:02}": set() for number in range(1, 36)} | {
        row: set() for row in LEADERSHIP
    }
    for path in TESTS.rglob("test_*.py"):
        for names in re.findall(r"def test_((?:[kl]\d\d_)+)", path.read_text()):
            for row in re.findall(r"[kl]\d\d", names):
                tested[row.upper()].add(str(path.relative_to(TESTS)))
    assert told == {row: tuple(sorted(files)) for row, files in tested.items()}
    assert all(tested.values())
