"""Whole runs by seed, from the bytes of pages and answers to the written size: no fault of a source takes pods away.

One seed is one run in virtual time, of a policy with any types of metrics, with and without `behavior`. Each decision
is held against a second writing of upstream's rules (tests/faults/upstream.py), and a size is lowered only by what was
heard. What fails names its seed; `replay(seed)` runs it again.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.seeded import replay
from tests.faults.wishes import METRICS

pytestmark = pytest.mark.fuzz


def test_the_first_runs_scale_down_often_by_every_type_and_never_for_a_fault() -> None:
    """A run in which nothing is ever taken away, or nothing ever fails, would show nothing."""
    lowered, held = Counter[str](), Counter[str]()
    ways = Counter[bool]()
    for seed in range(150):
        run = replay(seed)
        ways[run.policy.behavior is None] += run.lowered
        for spec in run.policy.metrics:
            lowered[spec.type] += run.lowered
            held[spec.type] += run.held
    assert min(ways.values()) > 50, ways
    assert lowered.keys() == held.keys() == METRICS.keys()
    assert min(lowered.values()) > 30, lowered
    assert min(held.values()) > 50, held


@given(st.integers(0, 2**32))
def test_no_fault_of_a_source_takes_away_what_the_hpa_would_leave(seed: int) -> None:
    replay(seed)
