import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.totals import Level, Tolerance, Totals, level, wanted

TENTH = Tolerance(0.1, 0.1)


@pytest.mark.parametrize(
    ("usage", "requests", "count", "target", "expected"),
    [
        pytest.param(509, 1000, 5, 50, Level(50, 1.0), id="a percentage is cut before it is compared"),
        pytest.param(-509, 1000, 5, 50, Level(-50, -1.0), id="towards zero, below it too"),
        pytest.param(301, None, 2, 100, Level(150, 1.5), id="a mean is cut too"),
        pytest.param(100, 0, 1, 50, None, id="no requests, no percentage"),
        pytest.param(100, None, 0, 50, None, id="no pods, no mean"),
        pytest.param(100, None, 1, 0, Level(100, math.inf), id="a target of nothing"),
    ],
)
def test_level(usage, requests, count, target, expected):
    assert level(usage, requests, count, target) == expected


FOUR = {"samples": 4, "values": 4, "ready": 4}


@pytest.mark.parametrize(
    ("sums", "target", "current", "replicas"),
    [
        pytest.param({"usage": 400, "requests": 400}, 50, 4, 8, id="all pods told"),
        pytest.param({"usage": 400, "requests": 400, "missing": 2, "missing_requests": 200}, 50, 6, 8,
                     id="missing pods use nothing on the way up"),
        pytest.param({"usage": 40, "requests": 400, "missing": 2, "missing_requests": 200, "assumed": 200}, 50, 6, 5,
                     id="and all they request on the way down"),
        pytest.param({"usage": 400, "requests": 400, "unready": 2, "unready_requests": 200}, 50, 6, 8,
                     id="unready pods use nothing on the way up"),
        pytest.param({"usage": 40, "requests": 400, "unready": 2, "unready_requests": 200}, 50, 6, 1,
                     id="and are left out on the way down"),
        pytest.param({"usage": 200, "requests": 400, "missing": 2, "missing_requests": 200, "assumed": 200}, 50, 6, 6,
                     id="nothing is assumed exactly on target"),
        pytest.param({"usage": 400, "missing": 1, "assumed": 50}, 50, 5, 8, id="an amount a pod"),
        pytest.param({"usage": 400, "missing": 1}, 0, 5, 2**31 - 1, id="a target of nothing asks for everything"),
    ],
)  # fmt: skip
def test_wanted(sums, target, current, replicas):
    assert wanted(Totals(**FOUR | sums), target, current, TENTH).replicas == replicas


def test_no_samples_no_number():
    for requests in (None, 0, 400):
        assert wanted(Totals(usage=5, samples=0, values=0, ready=0, requests=requests), 50, 3, TENTH) is None


def test_no_requests_no_number():
    assert wanted(Totals(**FOUR, usage=1, requests=0), 50, 4, TENTH) is None


@given(
    usage=st.integers(0, 10_000),
    more=st.integers(0, 10_000),
    target=st.integers(1, 200),
    current=st.integers(1, 20),
)
def test_more_usage_never_asks_for_fewer_when_every_pod_told(usage, more, target, current):
    few, many = (
        wanted(
            Totals(samples=current, values=current, ready=current, usage=each, requests=1000), target, current, TENTH
        )
        for each in (usage, usage + more)
    )
    assert few.replicas <= many.replicas


@pytest.mark.parametrize("percent", [18, 42, 43, 58, 59, 71, 84, 85, 96, 97, 98, 99])
def test_the_lower_edge_that_doubles_put_outside(percent):
    assert not Tolerance(percent * 10 * 1e-3, 0.0).holds((100 - percent) / 100)
