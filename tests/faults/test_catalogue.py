"""Every row of the catalogue of inbound faults (A01 to A33) has a test that bears its name, in its name or in an id.

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
