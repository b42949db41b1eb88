from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.report.steps import Cell, Steps, Window, cells, changes, difference, shortfall
from tests.report.samples import track

WINDOW = Window(since=0, until=40, columns=4)


def drawn(steps: Steps, window: Window = WINDOW) -> list[Cell | None]:
    return cells(steps.values, steps.spans(window))


@pytest.mark.parametrize(
    ("times", "values", "end", "expected"),
    [
        pytest.param([0], [3], 40, [Cell(3, 3, 3, 3)] * 4, id="what never changes is the same everywhere"),
        pytest.param(
            [0, 12, 13, 14], [1, 9, 2, 1], 40,
            [Cell(1, 1, 1, 1), Cell(1, 9, 1, 1), Cell(1, 1, 1, 1), Cell(1, 1, 1, 1)],
            id="a peak within a column stays",
        ),
        pytest.param([10], [2], 20, [None, Cell(2, 2, 2, 2), None, None], id="nothing is known before and after"),
        pytest.param(
            [0, 10, 25], [1, None, 4], 40,
            [Cell(1, 1, 1, 1), None, Cell(4, 4, 4, 4), Cell(4, 4, 4, 4)],
            id="of a column that is known in part that part is told",
        ),
        pytest.param([35], [7], 36, [None, None, None, Cell(7, 7, 7, 7)], id="a moment fills its column"),
        pytest.param([], [], 0, [None] * 4, id="an empty track"),
    ],
)  # fmt: skip
def test_columns_keep_lowest_highest_and_last(
    times: list[float], values: list[int | None], end: float, expected: list[Cell | None]
) -> None:
    assert drawn(Steps(times, values, end)) == expected


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 9)), min_size=1, max_size=60))
def test_no_value_within_the_window_is_lost(steps: list[tuple[int, int]]) -> None:
    times, at = [], 0
    for length, _ in steps:
        times.append(float(at))
        at += length
    values = [value for _, value in steps]
    found = drawn(Steps(times, values, float(at)), Window(since=0, until=float(at), columns=7))
    assert max(cell.high for cell in found if cell) == max(values)
    assert min(cell.low for cell in found if cell) == min(values)


def test_changes_leave_out_what_is_the_same() -> None:
    assert changes([1, 2, 3, 4], [5, 5, None, 5], 9) == Steps([1, 3, 4], [5, None, 5], 9)


def test_the_difference_is_told_at_the_times_of_both() -> None:
    recorded = track("a/D/b", [0, 10, 20], [2, 4, None], end=30)
    candidate = track("a/D/b", [5, 15], [3, 4], end=40)
    assert difference(recorded, candidate) == Steps([0, 5, 10, 15, 20], [None, 1, -1, 0, None], 30)


def test_short_is_a_demand_above_the_replicas() -> None:
    given_ = track("a/D/b", [0, 1, 2, 3], [2, 2, None, 2], demand=[2, 3, 3, None])
    assert shortfall(given_) == [0, 1, None, None]


def test_a_time_has_its_column() -> None:
    assert [WINDOW.column(at) for at in (-5, 0, 10, 40, 99)] == [0, 0, 1, 4, 4]
