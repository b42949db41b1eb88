import math

import pytest

from autoscaler.core.arithmetic import (
    INT32_MAX,
    INT32_MIN,
    INT64_MAX,
    INT64_MIN,
    ceil32,
    ceil64,
    quotient,
    ratio,
    trunc32,
    wrapped32,
    wrapped64,
)


@pytest.mark.parametrize(
    ("value", "expected"), [(5, 5), (INT64_MAX, INT64_MAX), (INT64_MAX + 1, INT64_MIN), (INT64_MIN - 1, INT64_MAX)]
)
def test_64_bits_wrap(value, expected):
    assert wrapped64(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(-5, -5), (2**31, INT32_MIN), (2**32 + 7, 7)])
def test_32_bits_wrap(value, expected):
    assert wrapped32(value) == expected


@pytest.mark.parametrize(
    ("dividend", "divisor", "expected"),
    [(7, 2, 3), (-7, 2, -3), (7, -2, -3), (-7, -2, 3), (INT64_MIN, -1, INT64_MIN), (10**18 + 1, 10, 10**17)],
)
def test_division_goes_toward_zero(dividend, divisor, expected):
    assert quotient(dividend, divisor) == expected


@pytest.mark.parametrize(
    ("dividend", "divisor", "expected"),
    [(1, 2, 0.5), (1, 0, math.inf), (-1, 0, -math.inf), (2**63 - 1, 2**63 - 2, 1.0)],
)
def test_ratios_are_of_doubles(dividend, divisor, expected):
    assert ratio(dividend, divisor) == expected


def test_nothing_over_nothing_is_no_number():
    assert math.isnan(ratio(0, 0))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.2, 2), (-1.2, -1), (14 / 50 * 25.0, 8), (1e12, INT32_MAX), (-math.inf, INT32_MIN), (math.nan, INT32_MIN)],
)
def test_rounding_up_ends_at_the_edge(value, expected):
    assert ceil32(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(1.9, 1), (-1.9, -1), (1e12, INT32_MAX)])
def test_cutting_ends_at_the_edge(value, expected):
    assert trunc32(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(1.2, 2), (2.0**63, INT64_MIN), (math.nan, INT64_MIN)])
def test_beyond_64_bits_is_the_smallest(value, expected):
    assert ceil64(value) == expected
