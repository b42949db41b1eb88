"""Every case of the data is run by some test of this folder: a new suite in the file fails here until one runs it."""

from pathlib import Path

import pytest

from tests import script
from tests.conformance import conftest, upstream

HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def every_module():
    """pytest may have been asked for this file alone, and what a module runs is known once it was imported."""
    for path in sorted(HERE.glob("test_*.py")):
        if path != Path(__file__):
            script.module(path, f"coverage_{path.stem}")


def test_no_suite_is_left_out():
    assert {case["suite"] for case in upstream.all_cases()} <= upstream.CLAIMED


def test_no_case_is_left_out():
    assert len(upstream.cases(*upstream.CLAIMED)) == len(upstream.all_cases())


def test_a_suite_nobody_runs_is_noticed(monkeypatch):
    more = [*upstream.all_cases(), {"suite": "new", "name": "a case"}]
    monkeypatch.setattr(upstream, "all_cases", lambda: more)
    with pytest.raises(AssertionError):
        test_no_suite_is_left_out()


def test_a_file_without_cases_is_no_agreement(monkeypatch, tmp_path):
    (tmp_path / "cases.json").write_text('{"cases": []}')
    monkeypatch.setattr(upstream, "CASES", tmp_path / "cases.json")
    with pytest.raises(AssertionError, match="has no case"):
        upstream.cases("calc_resource")


@pytest.mark.parametrize(
    ("look", "unread"),
    [
        pytest.param(lambda expected: None, ["a", "b"], id="at nothing"),
        pytest.param(lambda expected: expected["a"], ["b"], id="at one"),
        pytest.param(lambda expected: "b" in expected, ["a", "b"], id="whether it is there"),
        pytest.param(lambda expected: (expected["b"], expected.get("a")), [], id="at both"),
    ],
)
def test_an_expectation_that_nobody_looks_at_is_noticed(look, unread):
    case = {"suite": "x", "expect": upstream.Expectation({"a": 1, "b": 2, "note": "for people"})}
    look(case["expect"])
    assert conftest.left_unread({"case": case, "going_up": True}) == unread


def test_who_runs_a_case_for_itself_has_nothing_to_look_at():
    """`inputs` hands out cases without what is expected, `cases` with it."""
    assert all("expect" not in each.values[0] for each in upstream.inputs("reconcile"))
    assert all(isinstance(each.values[0]["expect"], upstream.Expectation) for each in upstream.cases("reconcile"))
