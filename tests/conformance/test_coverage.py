"""Every case of the data is run by some test of this folder: a new suite in the file fails here until one runs it."""

from pathlib import Path

import pytest

from tests import script
from tests.conformance import upstream

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
