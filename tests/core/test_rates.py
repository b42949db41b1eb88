import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.rates import CLOCK_NS, KEPT, NANO, Bounds, Gap, bounds_of, next_rate, seconds, usage_between
from autoscaler.model.metrics import Sample, Usage
from autoscaler.model.objects import Milli

ROOMY = Bounds(fresh_ns=120 * NANO)


def sample(at: float, cpu: float | None, memory: int | None = 7, start: float | None = None) -> Sample:
    """`at`, `cpu` and `start` in seconds; 1 core-second is 10^9 of the sample's unit."""
    return Sample(
        int(at * NANO),
        None if cpu is None else int(cpu * NANO),
        memory,
        None if start is None else int(start * NANO),
    )


def usage(cores: float, window: float, at: float, memory: int = 7) -> Usage:
    return Usage(int(cores * NANO), memory, int(at * NANO), int(window * NANO))


CASES: dict[str, tuple[Sample | None, Sample, Usage | Gap]] = {
    "two samples": (sample(110, 1), sample(120, 6), usage(0.5, 10, 120)),
    "an idle container uses nothing": (sample(110, 3), sample(120, 3), usage(0, 10, 120)),
    "never any CPU, no memory": (sample(110, 0, 0), sample(120, 0, 0), usage(0, 10, 120, 0)),
    "the newer memory is served": (sample(110, 1, 5), sample(120, 1, 9), usage(0, 10, 120, 9)),
    "one sample of an old container": (None, sample(500, 6, start=0), Gap.FIRST),
    "one sample without a start time": (None, sample(500, 6), Gap.FIRST),
    "a young container is measured from its start": (None, sample(110, 5, start=100), usage(0.5, 10, 110)),
    "five seconds are enough": (None, sample(105, 5, start=100), usage(1, 5, 105)),
    "less than five seconds are not": (None, sample(104.9, 5, start=100), Gap.YOUNG),
    "twice the resolution is not young any more": (None, sample(220, 5, start=100), Gap.FIRST),
    "just below twice the resolution is": (None, sample(219, 119, start=100), usage(1, 119, 219)),
    "a restart is measured from its start": (sample(10, 1, start=0), sample(25, 5, start=15), usage(0.5, 10, 25)),
    "a restart has to be five seconds old": (sample(10, 1, start=0), sample(19, 2, start=15), Gap.YOUNG),
    "a restart after a long silence": (sample(10, 9, start=0), sample(400, 30, start=100), usage(0.1, 300, 400)),
    "a restart hides a counter that fell": (sample(10, 9, start=0), sample(30, 1, start=20), usage(0.1, 10, 30)),
    "a restart seen by the start time alone": (sample(10, 9), sample(30, 1, start=20), usage(0.1, 10, 30)),
    "an old start time that appears is no restart": (sample(10, 1), sample(20, 2, start=0), usage(0.1, 10, 20)),
    "a start time that is gone is no restart": (sample(10, 1, start=0), sample(20, 2), usage(0.1, 10, 20)),
    "a start time that moved into the past": (sample(10, 1, start=5), sample(20, 2, start=4), Gap.START_MOVED),
    "a start time that moved within the window": (sample(10, 1, start=0), sample(20, 2, start=9), Gap.START_MOVED),
    "a counter that fell": (sample(10, 9), sample(20, 8), Gap.COUNTER_FELL),
    "a counter that fell, same start": (sample(10, 9, start=0), sample(20, 8, start=0), Gap.COUNTER_FELL),
    "the same sample again": (sample(10, 9), sample(10, 9), Gap.REPEATED),
    "the same time, another value": (sample(10, 9), sample(10, 10), Gap.REPEATED),
    "time that goes back": (sample(10, 9), sample(9, 10), Gap.BACKWARDS),
    "sampled before it started": (None, sample(10, 9, start=11), Gap.BEFORE_START),
    "no CPU": (sample(10, 9), sample(20, None), Gap.INCOMPLETE),
    "no memory": (sample(10, 9), sample(20, 9, None), Gap.INCOMPLETE),
}  # fmt: skip


@pytest.mark.parametrize(("previous", "current", "expected"), CASES.values(), ids=CASES)
def test_usage_between(previous: Sample | None, current: Sample, expected: Usage | Gap) -> None:
    assert usage_between(previous, current, current.at_ns, ROOMY) == expected


RECORDED = {  # what metrics-server served, after the work that gives it
    "a container that uses 0.25 core": (2_504_789_525, 10_019_000_000, 250_003_945),
    "the node of the golden list": (5_995_364_065, 11_990_000_000, 500_030_364),
    "a container of the golden list": (2_998_780_600, 11_995_000_000, 250_002_551),
    "300 to 500 ns over 10 ms": (200, 10_000_000, 20_000),
}


@pytest.mark.parametrize(("cpu_ns", "window_ns", "nano"), RECORDED.values(), ids=RECORDED)
def test_the_quotient_is_the_one_metrics_server_gives(cpu_ns: int, window_ns: int, nano: int) -> None:
    first, second = Sample(10**18, 0, 1), Sample(10**18 + window_ns, cpu_ns, 1)
    found = usage_between(first, second, second.at_ns, ROOMY)
    assert isinstance(found, Usage)
    assert (found.cpu, found.window_ns) == (nano, window_ns)


CLOCKS = {
    "an hour behind": -3600,
    "an hour ahead": 3600,
    "61 s behind": -61,
    "61 s ahead": 61,
}


@pytest.mark.parametrize("off", CLOCKS.values(), ids=CLOCKS)
def test_k21_a_sample_time_far_from_ours_is_not_believed(off: int) -> None:
    current = sample(10_000, 9)
    assert usage_between(sample(9_990, 8), current, current.at_ns - off * NANO, ROOMY) is Gap.CLOCK


@pytest.mark.parametrize("at", [0, 253402300800], ids=["1970", "year 9999"])
def test_k21_nor_is_one_from_another_age(at: int) -> None:
    assert usage_between(None, sample(at, 9, start=0), 1_800_000_000 * NANO, ROOMY) is Gap.CLOCK


def test_more_than_the_node_has_is_not_believed() -> None:
    bounds = bounds_of({"cpu": Milli(4000), "memory": Milli(1000 * 1000)}, resolution=15)
    assert bounds == Bounds(fresh_ns=30 * NANO, cpu=5 * NANO, memory=1250)
    assert usage_between(sample(10, 0), sample(20, 50), 20 * NANO, bounds) == usage(5, 10, 20)
    assert usage_between(sample(10, 0), sample(20, 50.1), 20 * NANO, bounds) is Gap.OVER_CAPACITY
    assert usage_between(sample(10, 0), sample(20, 1, 1251), 20 * NANO, bounds) is Gap.OVER_CAPACITY
    assert usage_between(None, sample(20, 99, start=10), 20 * NANO, bounds) is Gap.OVER_CAPACITY


@pytest.mark.parametrize("milli", [2**63 - 1, 10**13, -1000, -(2**63)])
def test_a_capacity_that_nothing_has_bounds_as_none(milli: int) -> None:
    """A kubelet may write into its node's status whatever a quantity is: `cpu: 10G` is 10**13, `memory: 16Ei` -1000."""
    assert bounds_of({"cpu": Milli(milli)}, 15) == bounds_of({}, 15)
    assert 0 < bounds_of({"memory": Milli(milli)}, 15).memory < 2**63


def test_without_a_known_capacity_an_int64_is_the_limit() -> None:
    """Metrics-server divides such values by ten and shifts the scale; we do not believe them."""
    huge = Sample(10**9 + 1, 2**62, 7)
    assert usage_between(Sample(10**9, 0, 7), huge, 10**9, bounds_of({}, 15)) is Gap.OVER_CAPACITY


def test_seconds_are_those_of_go() -> None:
    assert seconds(11_990_000_000) == 11.99
    assert seconds(69_844_205_959) == 69.84420595899999  # not 69.844205959: the parts are converted apart


amounts = st.integers(0, 2**62)


@given(amounts, amounts, st.integers(1, 10**12), st.none() | amounts, st.none() | amounts)
def test_whatever_comes_a_usage_is_positive_with_a_positive_window(
    before: int, after: int, window: int, start_before: int | None, start_after: int | None
) -> None:
    previous = Sample(10**18, before, 1, start_before)
    current = Sample(10**18 + window, after, 1, start_after)
    found = usage_between(previous, current, current.at_ns, ROOMY)
    if isinstance(found, Usage):
        assert found.cpu >= 0
        assert found.window_ns > 0
    else:
        assert found in KEPT or found in set(Gap) - KEPT


@given(amounts, st.integers(0, 2**60), st.integers(0, 2**60), st.integers(1, 10**12))
def test_more_work_is_never_less_usage(before: int, little: int, more: int, window: int) -> None:
    previous = Sample(10**18, before, 1)

    def cpu(work: int) -> int | Gap:
        found = usage_between(previous, Sample(10**18 + window, before + work, 1), 10**18 + window, ROOMY)
        return found.cpu if isinstance(found, Usage) else found

    less, most = sorted((little, more))
    if isinstance(high := cpu(most), int):
        assert cpu(less) <= high


AT = 10**18
near = st.integers(AT - 2 * CLOCK_NS, AT + 2 * CLOCK_NS)
little = st.integers(0, 10 * NANO)
tight = st.builds(Bounds, fresh_ns=st.just(120 * NANO), cpu=st.integers(0, 10 * NANO), memory=st.integers(0, 20))


@given(
    near, little, st.none() | near, st.none() | little, st.none() | st.integers(0, 20), st.none() | near, near, tight
)
def test_the_short_way_gives_what_the_long_one_gives_or_nothing(
    at: int, total: int, start: int | None, cpu: int | None, memory: int | None, begun: int | None, received: int,
    bounds: Bounds,
) -> None:  # fmt: skip
    current = Sample(received - CLOCK_NS // 2, cpu, memory, begun if begun != AT else start)
    rate = next_rate(at, total, start or 0, current, received, bounds)
    if rate >= 0:
        found = usage_between(Sample(at, total, 0, start), current, received, bounds)
        assert found == Usage(rate, memory or 0, current.at_ns, current.at_ns - at)


def test_the_short_way_is_the_ordinary_one() -> None:
    previous, current = sample(110, 1, start=50), sample(120, 6, start=50)
    assert next_rate(previous.at_ns, NANO, 50 * NANO, current, current.at_ns, ROOMY) == NANO // 2
    assert next_rate(previous.at_ns, NANO, 50 * NANO, sample(110, 6, start=50), previous.at_ns, ROOMY) == -1
    assert next_rate(0, 0, 0, current, current.at_ns, ROOMY) == -1
