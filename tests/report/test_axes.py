from __future__ import annotations

import pytest

from autoscaler.report.axes import DAY, HOUR, count_ticks, time_step, time_ticks
from tests.report.samples import MONDAY


@pytest.mark.parametrize(
    ("top", "expected"),
    [(1, [0, 1]), (5, [0, 1, 2, 3, 4, 5]), (11, [0, 5, 10]), (54, [0, 20, 40]), (1000, [0, 200, 400, 600, 800, 1000])],
)
def test_counts_are_round(top: int, expected: list[int]) -> None:
    assert count_ticks(top, 5) == expected


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        pytest.param(
            MONDAY, MONDAY + 7 * DAY,
            ["Mon 16 Nov", "Tue 17 Nov", "Wed 18 Nov", "Thu 19 Nov", "Fri 20 Nov", "Sat 21 Nov", "Sun 22 Nov",
             "Mon 23 Nov"],
            id="a week has its days",
        ),
        pytest.param(
            MONDAY - 7000, MONDAY + 7000, ["15 Nov 22:30", "23:00", "23:30", "Mon 16 Nov", "00:30", "01:00", "01:30"],
            id="hours over midnight",
        ),
        pytest.param(MONDAY + 30, MONDAY + 31, [], id="a second has none"),
    ],
)  # fmt: skip
def test_times_are_labelled(since: float, until: float, expected: list[str]) -> None:
    assert [label for _, label in time_ticks(since, until, 9)] == expected


def test_a_step_is_never_too_short() -> None:
    assert time_step(7 * DAY, 28) == 6 * HOUR
    assert time_step(1e12, 9) == 500 * DAY
