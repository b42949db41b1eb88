"""Every row of the catalogue of faults has a test that bears its name, or a line that says why not.

A row is one way the world can surprise us: a kubelet that floods, a rotated CA, a webhook that denies. `pytest -k a05`
runs the tests of row A05; docs/faults.md, made by scripts/faults_doc.py, says where they are.
"""

from __future__ import annotations

import re

import faults_doc
import pytest

SIZES = {"K": 35, "A": 33, "S": 25, "L": 12, "Q": 16, "C": 22, "P": 13, "D": 15}
"""How many rows of each letter there must be, so that none is lost by taking it out of the catalogue."""


def test_the_catalogue_is_whole() -> None:
    found = {letter: list(chapter.rows) for letter, chapter in faults_doc.chapters().items()}
    for letter, size in SIZES.items():
        assert found[letter] == [f"{letter}{number:02}" for number in range(1, size + 1)]


def test_every_row_has_a_test_or_a_reason_and_no_test_claims_what_is_not_there() -> None:
    assert faults_doc.mistakes() == []


def test_a_reason_is_a_reason() -> None:
    assert all(len(why.split()) > 3 for why in faults_doc.untested().values())


def test_the_rows_that_were_tested_stay_tested() -> None:
    assert set(faults_doc.untested()) <= {"C07"}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("def test_k05_x() -> None:", ["K05"], id="a name"),
        pytest.param("async def test_s01_s04_x() -> None:", ["S01", "S04"], id="two rows in a name"),
        pytest.param("        pytest.param(1, id='A19: create'),".replace("'", '"'), ["A19"], id="a case"),
        pytest.param("    def test_k05_inside() -> None:", [], id="what pytest would not find"),
        pytest.param("def test_the_k05_x() -> None:", [], id="in the middle of a name"),
        pytest.param("# def test_k05_x() -> None:", [], id="a comment"),
    ],
)
def test_what_claims_a_row(text: str, rows: list[str]) -> None:
    assert faults_doc.rows_claimed(text) == rows


def test_a_row_without_test_and_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the first two tests could not fail."""
    monkeypatch.setattr(faults_doc, "claims", lambda: {"K01": ("a.py",), "Z99": ("b.py",)})
    monkeypatch.setattr(faults_doc, "untested", lambda: {"K01": "why", "Y01": "why"})
    told = faults_doc.mistakes()
    for wanted in ("Z99: b.py claims it", "Y01: tests/faults/untested", "K01: a.py claims it: take", "K02: claim it"):
        assert [line for line in told if re.match(wanted, line)], wanted
