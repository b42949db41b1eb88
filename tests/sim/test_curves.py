from __future__ import annotations

import pytest

from autoscaler.sim.curves import Curve, Polyline, Wave, constant, steps


@pytest.mark.parametrize(
    ("curve", "at", "height"),
    [
        pytest.param(constant(3), -5, 3, id="a constant before the beginning"),
        pytest.param(constant(3), 5, 3, id="a constant later"),
        pytest.param(steps(1, (10, 4)), 9.999, 1, id="before a step"),
        pytest.param(steps(1, (10, 4)), 10, 4, id="a step holds from its instant on"),
        pytest.param(steps(1, (10, 4), (20, 2)), 25, 2, id="after the last step"),
        pytest.param(Polyline((0, 0), (10, 5)), 4, 2, id="on a slope"),
        pytest.param(Polyline((0, 0), (10, 5)), 40, 5, id="level after the last point"),
        pytest.param(Wave(2, 1, 40), 10, 3, id="the crest of a wave"),
        pytest.param(Wave(2, 1, 40, phase=10), 10, 2, id="a wave that begins later"),
    ],
)
def test_height(curve: Curve, at: float, height: float) -> None:
    assert curve.at(at) == pytest.approx(height)


CURVES = [
    pytest.param(constant(3), id="constant"),
    pytest.param(steps(1, (10, 4), (20, 2)), id="steps"),
    pytest.param(Polyline((-5, 1), (10, 5), (10, 2), (30, 0)), id="slopes and a step"),
    pytest.param(Wave(2, 1.5, 7, phase=3), id="wave"),
]


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(("begin", "end"), [(-20, -10), (-7, 3), (0, 10), (5, 15), (9.5, 31), (40, 50)])
def test_area_is_the_integral_of_the_height(curve: Curve, begin: float, end: float) -> None:
    width = (end - begin) / 20_000
    numeric = sum(curve.at(begin + (step + 0.5) * width) for step in range(20_000)) * width
    assert curve.area(end) - curve.area(begin) == pytest.approx(numeric, abs=1e-3)


def test_points_must_follow_time() -> None:
    with pytest.raises(ValueError, match="in the order of time"):
        Polyline((5, 1), (4, 1))


def test_a_load_is_never_negative() -> None:
    with pytest.raises(ValueError, match="cannot fall below 0"):
        Wave(1, 2, 10)
