from autoscaler.core.rates import NANO, Bounds, Gap
from autoscaler.engine.series import Row, Series, gap_of, usage_of
from autoscaler.model.metrics import Sample, Usage

BOUNDS = Bounds(fresh_ns=30 * NANO)
BOUND = 45 * NANO


def sample(at: int, cpu: int | None, memory: int = 7, start: int | None = None) -> Sample:
    return Sample(at * NANO, None if cpu is None else cpu * NANO, memory, None if start is None else start * NANO)


def test_rows_stand_in_the_order_of_the_names_and_unknown_ones_behind() -> None:
    series = Series(["a", "b"])
    assert series.take("new", sample(100, 1), 100 * NANO, BOUNDS) is Gap.FIRST
    assert series.take("b", sample(100, 1), 101 * NANO, BOUNDS) is Gap.FIRST
    assert series.names == ("a", "b", "new")
    assert series.row(0) == Row()
    assert series.row(1).seen == 101 * NANO
    assert series.row(2).seen == 100 * NANO


def test_a_usage_stays_readable_until_it_is_too_old() -> None:
    series = Series(["a"])
    series.take("a", sample(100, 1), 100 * NANO, BOUNDS)
    assert series.take("a", sample(110, 6, memory=9), 112 * NANO, BOUNDS) is None
    usage = usage_of(series.row(0), 112 * NANO, BOUND)
    assert usage == Usage(NANO // 2, 9, 110 * NANO, 10 * NANO)
    assert usage_of(series.row(0), 155 * NANO, BOUND) == usage
    assert usage_of(series.row(0), 155 * NANO + 1, BOUND) is None
    assert gap_of(series.row(0)) is None


def test_a_kubelet_whose_clock_is_ahead_does_not_live_longer() -> None:
    series = Series(["a"])
    series.take("a", sample(140, 1), 100 * NANO, BOUNDS)
    series.take("a", sample(150, 6), 110 * NANO, BOUNDS)
    assert usage_of(series.row(0), 155 * NANO, BOUND)
    assert usage_of(series.row(0), 155 * NANO + 1, BOUND) is None


def test_a_repeated_sample_keeps_the_usage_but_does_not_renew_it() -> None:
    series = Series(["a"])
    series.take("a", sample(100, 1), 100 * NANO, BOUNDS)
    assert series.take("a", sample(110, 6), 110 * NANO, BOUNDS) is None
    usage = usage_of(series.row(0), 110 * NANO, BOUND)
    assert series.take("a", sample(110, 6), 125 * NANO, BOUNDS) is Gap.REPEATED
    row = series.row(0)
    assert (row.seen, row.received, gap_of(row)) == (125 * NANO, 110 * NANO, Gap.REPEATED)
    assert usage_of(row, 125 * NANO, BOUND) == usage
    assert series.take("a", sample(120, 6), 130 * NANO, BOUNDS) is None
    assert usage_of(series.row(0), 130 * NANO, BOUND) == Usage(0, 7, 120 * NANO, 10 * NANO)


def test_a_counter_that_fell_voids_what_was_known_and_the_next_pair_counts() -> None:
    series = Series(["a"])
    series.take("a", sample(100, 10), 100 * NANO, BOUNDS)
    series.take("a", sample(110, 20), 110 * NANO, BOUNDS)
    assert series.take("a", sample(120, 5), 120 * NANO, BOUNDS) is Gap.COUNTER_FELL
    assert usage_of(series.row(0), 120 * NANO, BOUND) is None
    assert series.take("a", sample(130, 6), 130 * NANO, BOUNDS) is None
    assert usage_of(series.row(0), 130 * NANO, BOUND) == Usage(NANO // 10, 7, 130 * NANO, 10 * NANO)


def test_a_start_time_is_remembered() -> None:
    series = Series(["a"])
    series.take("a", sample(100, 1, start=95), 100 * NANO, BOUNDS)
    assert series.take("a", sample(110, 6, start=94), 110 * NANO, BOUNDS) is Gap.START_MOVED


def test_usages_are_those_of_all_rows_or_none() -> None:
    series = Series(["a", "b", "whole"])
    for at in (100, 110):
        for name in ("a", "b"):
            series.take(name, sample(at, at), at * NANO, BOUNDS)
    found = [(name, usage_of(series.row(index), 110 * NANO, BOUND)) for index, name in enumerate("ab")]
    for instant, wanted in ((110 * NANO, found), (155 * NANO, found), (155 * NANO + 1, [])):
        assert series.usages(instant, BOUND, but="whole") == wanted
    assert series.usages(110 * NANO, BOUND, but="") == [], "one has none"
    assert series.ends(BOUND) == [155 * NANO, 155 * NANO]
    series.take("b", sample(120, 5), 120 * NANO, BOUNDS)
    assert series.usages(120 * NANO, BOUND, but="whole") == [], "its counter fell"
