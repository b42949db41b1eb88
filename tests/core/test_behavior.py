import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.behavior import (
    Bounds,
    change,
    limited,
    limited_by_behavior,
    rate_limit,
    recorded,
    stabilized,
    stabilized_by_behavior,
)
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import Behavior, ControllerSettings, ScalingPolicy, ScalingRules

NOW = 10_000.0
WIDE = Bounds(1, 1000)
DOWN = ScalingRules(policies=(ScalingPolicy("Percent", 100, 15),))


def rules(*policies, select="Max", window=None):
    return ScalingRules(policies=tuple(ScalingPolicy(*each) for each in policies), select=select, stabilization=window)


def past(*entries):
    return tuple(Recommendation(replicas, NOW - age) for replicas, age in entries)


def test_the_highest_recommendation_of_the_window_stays():
    stage, log = stabilized(3, past((9, 301), (5, 300), (4, 10)), NOW, 300.0)
    assert (stage.replicas, stage.reason) == (5, "ScaleDownStabilized")
    assert stage.by == Recommendation(5, NOW - 300)
    assert [each.replicas for each in log] == [3, 5, 4]


def test_without_a_higher_one_nothing_is_held():
    stage, log = stabilized(7, past((4, 10)), NOW, 300.0)
    assert (stage.replicas, stage.reason, stage.by) == (7, "ReadyForNewScale", None)
    assert [each.replicas for each in log] == [4, 7]


@pytest.mark.parametrize(
    ("raw", "entries", "expected", "reason", "by"),
    [
        pytest.param(9, [(3, 50)], 5, "ScaleUpStabilized", 3, id="one low recommendation holds it back"),
        pytest.param(9, [(7, 50)], 7, "ScaleUpStabilized", 7, id="as far as the window agrees"),
        pytest.param(9, [(3, 60)], 9, "ReadyForNewScale", None, id="at the edge it is too old"),
        pytest.param(1, [(9, 110)], 5, "ScaleDownStabilized", 9, id="one high recommendation holds it up"),
        pytest.param(1, [(9, 120)], 1, "ReadyForNewScale", None, id="an old high one does not"),
    ],
)
def test_both_windows_have_to_agree(raw, entries, expected, reason, by):
    behavior = Behavior(rules(window=60), rules(window=120))
    stage, _ = stabilized_by_behavior(raw, 5, past(*entries), NOW, behavior=behavior, window=300.0)
    assert (stage.replicas, stage.reason) == (expected, reason)
    assert (stage.by and stage.by.replicas) == by


def test_going_down_takes_the_controllers_window_when_it_has_none():
    behavior = Behavior(rules(window=0), rules())
    stage, _ = stabilized_by_behavior(1, 5, past((4, 299)), NOW, behavior=behavior, window=300.0)
    assert (stage.replicas, stage.down_window) == (4, 300.0)


@pytest.mark.parametrize(
    ("wanted", "current", "base", "expected", "reason"),
    [
        pytest.param(50, 10, None, 20, "ScaleUpLimit", id="doubled"),
        pytest.param(50, 1, None, 4, "ScaleUpLimit", id="at least four"),
        pytest.param(2000, 600, None, 1000, "TooManyReplicas", id="the maximum is nearer"),
        pytest.param(0, 600, None, 1, "TooFewReplicas", id="down at once"),
        pytest.param(15, 10, None, 15, "DesiredWithinRange", id="within"),
        pytest.param(50, 20, 10, 20, "ScaleUpLimit", id="doubled already in this period"),
        pytest.param(50, 15, 10, 20, "ScaleUpLimit", id="the rest of the doubling"),
        pytest.param(50, 10, 40, 20, "ScaleUpLimit", id="gone down in this period"),
        pytest.param(50, 30, 10, 30, "ScaleUpLimit", id="somebody else raised it"),
    ],
)
def test_legacy_limits(wanted, current, base, expected, reason):
    stage = limited(wanted, current, WIDE, ControllerSettings(), base)
    assert (stage.replicas, stage.reason) == (expected, reason)


@pytest.mark.parametrize(
    ("start", "percent", "going_up", "expected"),
    [
        (50, 10, True, 56),
        (100, 10, True, 111),
        (90, 10, True, 100),
        (25, 12, True, 29),
        (90, 30, False, 62),
        (100, 55, False, 44),
        (75, 32, False, 50),
        (5, 10, False, 4),
    ],
)
def test_doubles_show_through_percentages(start, percent, going_up, expected):
    assert rate_limit(start, rules(("Percent", percent, 60)), History(), NOW, going_up=going_up).replicas == expected


def test_the_deciding_rule_is_named():
    both = (("Pods", 4, 15), ("Percent", 100, 60))
    history = History(scale_ups=(ScaleEvent(3, NOW - 30),), scale_downs=(ScaleEvent(1, NOW - 5),))
    largest = rate_limit(10, rules(*both), history, NOW, going_up=True)
    smallest = rate_limit(10, rules(*both, select="Min"), history, NOW, going_up=True)
    off = rate_limit(10, rules(*both, select="Disabled"), history, NOW, going_up=True)
    assert (largest.replicas, largest.policy, largest.start) == (16, "Percent 100 per 60 s", 8)
    assert (smallest.replicas, smallest.policy, smallest.start) == (15, "Pods 4 per 15 s", 11)
    assert (off.replicas, off.policy) == (10, "selectPolicy Disabled")


@pytest.mark.parametrize(
    ("wanted", "up", "down", "expected", "reason"),
    [
        pytest.param(10, DOWN, DOWN, 10, "DesiredWithinRange", id="nothing to do"),
        pytest.param(50, rules(("Pods", 5, 60)), DOWN, 15, "ScaleUpLimit", id="five more"),
        pytest.param(2000, rules(("Pods", 5000, 60)), DOWN, 1000, "TooManyReplicas", id="the maximum is nearer"),
        pytest.param(50, rules(("Pods", 2**31 - 1, 60)), DOWN, 10, "ScaleUpLimit", id="a limit beyond 32 bits wraps"),
        pytest.param(2, DOWN, rules(("Pods", 3, 60)), 7, "ScaleDownLimit", id="three fewer"),
        pytest.param(0, DOWN, DOWN, 1, "TooFewReplicas", id="the minimum is nearer"),
        pytest.param(2, DOWN, rules(("Pods", 3, 60), select="Disabled"), 10, "ScaleDownLimit", id="down is off"),
        pytest.param(12, DOWN, DOWN, 12, "DesiredWithinRange", id="within"),
    ],
)
def test_limits_by_behavior(wanted, up, down, expected, reason):
    stage = limited_by_behavior(wanted, 10, WIDE, Behavior(up, down), history=History(), now=NOW)
    assert (stage.replicas, stage.reason) == (expected, reason)


def test_a_spent_period_allows_nothing_and_takes_nothing_back():
    history = History(scale_ups=(ScaleEvent(9, NOW - 1),))
    stage = limited_by_behavior(50, 10, WIDE, Behavior(rules(("Pods", 5, 60)), DOWN), history=history, now=NOW)
    assert (stage.replicas, stage.start) == (10, 1)


def test_changes_count_after_the_cutoff_only():
    assert change((ScaleEvent(1, NOW - 60), ScaleEvent(2, NOW - 59), ScaleEvent(4, NOW, outdated=True)), 60, NOW) == 6


def test_changes_add_up_in_32_bits_as_upstream_has_them():
    most = tuple(ScaleEvent(2**31 - 1, NOW - age) for age in (30, 1))
    assert change((*most, ScaleEvent(8, NOW - 40)), 60, NOW) == 6
    history = History(scale_downs=(*most, ScaleEvent(8, NOW - 40)))
    assert rate_limit(5, rules(("Percent", 3, 60)), history, NOW, going_up=True).start == 11
    assert rate_limit(5, rules(("Pods", 1, 15)), history, NOW, going_up=True).start == 5 + 2**31 - 1 - 2**32


def test_a_change_takes_the_last_outdated_place():
    behavior = Behavior(rules(("Pods", 1, 60), ("Pods", 1, 100)), DOWN)
    old = tuple(ScaleEvent(size, NOW - age) for size, age in ((1, 200), (2, 101), (3, 100), (4, 5)))
    found = recorded(History(scale_ups=old), behavior, 3, 8, NOW)
    assert [(each.change, each.outdated) for each in found.scale_ups] == [(1, True), (5, False), (3, False), (4, False)]
    assert recorded(History(), behavior, 8, 3, NOW) == History(scale_downs=(ScaleEvent(5, NOW),))
    assert recorded(History(), None, 3, 8, NOW) == History()
    assert recorded(History(), behavior, 3, 3, NOW) == History()


SIZES = st.integers(0, 300)
POLICIES = st.lists(
    st.tuples(st.sampled_from(["Pods", "Percent"]), st.integers(1, 300), st.integers(1, 1800)), min_size=1, max_size=3
)
RULES = st.builds(
    lambda policies, select: rules(*policies, select=select), POLICIES, st.sampled_from(["Max", "Min", "Disabled"])
)


@given(SIZES, SIZES, st.integers(1, 50), st.integers(0, 250), RULES, RULES)
def test_the_result_is_within_the_bounds_unless_the_rate_forbids(wanted, current, low, more, up, down):
    bounds = Bounds(low, low + more)
    stage = limited_by_behavior(wanted, current, bounds, Behavior(up, down), history=History(), now=NOW)
    if bounds.minimum <= current <= bounds.maximum and wanted != current:
        assert bounds.minimum <= stage.replicas <= bounds.maximum
    assert min(wanted, current, bounds.minimum) <= stage.replicas <= max(wanted, current, bounds.maximum)


@given(SIZES, SIZES, SIZES, RULES, RULES)
def test_wanting_more_never_gives_less(wanted, more, current, up, down):
    def replicas(size):
        return limited_by_behavior(size, current, WIDE, Behavior(up, down), history=History(), now=NOW).replicas

    if 1 <= current <= 1000:
        assert replicas(wanted + more) >= replicas(wanted)
