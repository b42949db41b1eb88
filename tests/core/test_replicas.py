import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.arithmetic import INT32_MAX, INT64_MAX, INT64_MIN
from autoscaler.core.replicas import (
    MOST,
    NO_METRICS,
    average_of,
    average_per_replica,
    by_average,
    by_value,
    external_total,
    external_total_per_pod,
    per_pod,
    utilization_of,
)
from autoscaler.core.requests import Failure
from autoscaler.core.samples import Sorted
from autoscaler.core.totals import Tolerance
from autoscaler.model.metrics import MetricValue
from autoscaler.model.objects import Pod, Ready

TENTH = Tolerance(0.1, 0.1)


def samples(*values):
    return {f"p{index}": MetricValue(value, f"p{index}") for index, value in enumerate(values)}


def utilization(values, current, target, *, unready=(), missing=(), ignored=(), request=100, tolerance=TENTH):
    names = [f"p{index}" for index in range(len(values))]
    ready = len(values) - len(set(unready) & set(names)) - len(ignored)
    requests = dict.fromkeys([*names, *missing, *unready, *ignored], request)
    return per_pod(
        samples(*values),
        Sorted(ready, unready, missing, ignored),
        current,
        tolerance,
        utilization_of(requests, target),
    )


@pytest.mark.parametrize(
    ("values", "current", "target", "others", "expected"),
    [
        pytest.param([100, 100], 2, 50, {}, 4, id="up"),
        pytest.param([10, 10, 10, 10], 4, 50, {}, 1, id="down"),
        pytest.param([55, 55], 2, 50, {}, 2, id="exactly 110 % of target is within tolerance"),
        pytest.param([45, 45], 2, 50, {}, 2, id="exactly 90 % of target is within tolerance"),
        pytest.param([56, 56], 2, 50, {}, 3, id="the next percent is not"),
        pytest.param([14] * 25, 25, 50, {}, 8, id="a double's last bit makes 8 of 7"),
        pytest.param([176] * 25, 25, 80, {}, 56, id="a double's last bit makes 56 of 55"),
        pytest.param([100, 100], 5, 50, {}, 4, id="ready pods are multiplied, not the size"),
        pytest.param([10, 10], 4, 50, {"missing": ["m0", "m1"]}, 4, id="missing pods are full going down and turn it"),
        pytest.param([5, 5, 5, 5], 5, 80, {"missing": ["m0"]}, 2, id="missing pods damp going down"),
        pytest.param([100, 100], 4, 50, {"missing": ["m0", "m1"]}, 4, id="missing pods use nothing going up"),
        pytest.param([200, 200], 4, 50, {"missing": ["m0", "m1"]}, 8, id="missing pods damp going up"),
        pytest.param([200, 900], 2, 50, {"unready": ["p1"]}, 4, id="unready pods use nothing going up"),
        pytest.param([10, 900], 2, 50, {"unready": ["p1"]}, 1, id="unready pods are left out going down"),
        pytest.param([200, 900], 2, 50, {"ignored": ["p1"]}, 4, id="ignored pods never come back"),
        pytest.param([50, 50], 4, 50, {"missing": ["m0", "m1"]}, 4, id="exactly on target nothing is filled in"),
    ],
)
def test_utilization(values, current, target, others, expected):
    assert utilization(values, current, target, **others).replicas == expected


def test_the_record_has_the_sums():
    answer = utilization([200, 150], 3, 50, missing=["m0"])
    assert (answer.current, answer.average, answer.usage, answer.requests, answer.samples) == (175, 175, 350, 200, 2)
    assert (answer.ratio, answer.damped_ratio) == (3.5, 116 / 50)
    assert answer.pods.missing == ("m0",)


def test_samples_of_unknown_pods_count_in_averages_only():
    found = samples(100, 100) | {"stranger": MetricValue(400, "stranger")}
    pods = Sorted(2, (), (), ())
    average = per_pod(found, pods, 2, TENTH, average_of(100))
    percent = per_pod(found, pods, 2, TENTH, utilization_of({"p0": 100, "p1": 100}, 100))
    assert (average.average, average.replicas) == (200, 4)
    assert (percent.average, percent.replicas) == (100, 2)


def test_no_usable_sample_is_no_number():
    assert utilization([100], 1, 50, unready=["p0"]) is NO_METRICS
    assert isinstance(utilization([100], 1, 50, request=0), Failure)


@pytest.mark.parametrize(
    ("ratio", "inside"), [(0.9, True), (1.1, True), (1.11, False), (math.nan, False), (math.inf, False)]
)
def test_tolerance_includes_its_edges(ratio, inside):
    assert TENTH.holds(ratio) is inside


@pytest.mark.parametrize(("percent", "inside"), [(36, False), (59, False), (35, True), (10, True)])
def test_some_upper_edges_fall_outside(percent, inside):
    assert Tolerance(0.0, percent * 10 * 1e-3).holds((100 + percent) / 100) is inside


def running(count, ready=True):
    condition = Ready("True" if ready else "False", 0.0)
    return [Pod(namespace="shop", name=f"p{index}", ready=condition) for index in range(count)]


@pytest.mark.parametrize(
    ("total", "current", "pods", "expected"),
    [
        pytest.param(20_000, 3, running(3), 6, id="twice the target"),
        pytest.param(10_500, 3, running(3), 3, id="within tolerance"),
        pytest.param(20_000, 3, running(1), 2, id="only ready pods are multiplied"),
        pytest.param(20_000, 3, running(3, ready=False), 0, id="none ready gives nothing"),
        pytest.param(10_500, 0, [], 2, id="from zero there is no tolerance"),
        pytest.param(INT64_MAX, 3, running(3), INT32_MAX, id="it saturates"),
    ],
)
def test_one_value_for_all(total, current, pods, expected):
    assert by_value(total, 10_000, current, pods, TENTH).replicas == expected


def test_one_value_needs_pods_when_something_is_to_be_done():
    assert isinstance(by_value(20_000, 10_000, 3, [], TENTH), Failure)


@pytest.mark.parametrize(
    ("total", "observed", "expected"),
    [
        pytest.param(40_000, 3, 4, id="up"),
        pytest.param(31_000, 3, 3, id="within tolerance it stays at what is observed"),
        pytest.param(40_000, 0, 4, id="nothing observed"),
        pytest.param(0, 0, 0, id="nothing at all"),
        pytest.param(INT64_MAX, 1, INT32_MAX, id="it saturates"),
    ],
)
def test_an_average_per_replica(total, observed, expected):
    assert by_average(total, 10_000, observed, TENTH, 0).replicas == expected


@pytest.mark.parametrize(
    ("total", "observed", "guarded", "saturated", "expected"),
    [
        (20_000, 3, False, False, 6667),
        (20_000, 0, False, False, INT64_MIN),
        (20_000, 0, True, False, 0),
        (INT64_MAX, 1, False, False, INT64_MIN),
        (INT64_MAX, 1, False, True, INT64_MAX),
    ],
)
def test_the_average_reported(total, observed, guarded, saturated, expected):
    assert average_per_replica(total, observed, guarded=guarded, saturated=saturated) == expected


@pytest.mark.parametrize(
    ("values", "total", "per_pod_total"),
    [
        ([1, 2, 3], 6, 6),
        ([INT64_MAX, 1], INT64_MAX, INT64_MAX),
        ([5, -7, 10], 8, INT64_MAX),
        ([], 0, 0),
    ],
    ids=["a sum", "too much is capped", "negative sums count as too much per pod", "nothing"],
)
def test_series_are_added(values, total, per_pod_total):
    assert external_total(values) == total
    assert external_total_per_pod(values) == per_pod_total


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([20_000, 20_000], "total over target (4), rounded up"),
        ([-1], MOST),
        ([5, -7, 10], MOST),
        ([INT64_MAX, 1], MOST),
    ],
    ids=["a sum", "a value below 0", "a sum that was below 0 on its way", "too much"],
)
def test_a_sum_that_the_hpa_takes_for_an_overflow_is_told_as_that(values, why):
    assert by_average(external_total_per_pod(values), 10_000, 2, TENTH, 0).why == why


LOADS = st.lists(st.integers(0, 10_000), min_size=1, max_size=30)


@given(LOADS, st.integers(1, 300), st.integers(0, 30), st.integers(1, 5000))
def test_more_load_never_lowers_the_number(values, target, place, more):
    """With every pod ready and sampled. With missing or unready pods upstream's own jumps are part of the contract."""
    before = utilization(values, len(values), target)
    values[place % len(values)] += more
    assert utilization(values, len(values), target).replicas >= before.replicas


@given(LOADS, st.integers(1, 300), st.integers(1, 40), st.integers(0, 5), st.integers(0, 5))
def test_assumptions_never_turn_the_direction(values, target, current, missing, unready):
    found = utilization(
        values,
        current,
        target,
        missing=[f"m{index}" for index in range(missing)],
        unready=[f"u{index}" for index in range(unready)],
    )
    if found.damped_ratio is not None and found.replicas != current:
        assert (found.replicas > current) == (found.ratio > 1.0)
