"""Upstream's tables of stabilization, rate limits and scale events."""

import pytest

from autoscaler.core import behavior
from autoscaler.core.behavior import Bounds
from autoscaler.model.plan import History, ScaleEvent
from autoscaler.model.policy import Behavior, ControllerSettings, ScalingRules
from tests.conformance.upstream import DEFAULT_DOWN, NOW, cases, events_of, recommendations_of, rules_of


@pytest.mark.parametrize("case", cases("legacy_limits"))
def test_legacy_limits(case):
    stage = behavior.limited(case["desired"], case["current"], Bounds(case["min"], case["max"]), ControllerSettings())
    assert (stage.replicas, stage.reason) == (case["expect"]["replicas"], case["expect"]["reason"])


@pytest.mark.parametrize("case", cases("legacy_stabilize"))
def test_legacy_stabilization(case):
    past = recommendations_of(case["recommendations"])
    stage, log = behavior.stabilized(case["desired"], past, NOW, case["window_s"])
    assert stage.replicas == case["expect"]["stabilized"]
    assert len(log) == case["expect"]["log_len"]
    assert case["desired"] in [each.replicas for each in log]


@pytest.mark.parametrize("case", cases("behavior_stabilize"))
def test_stabilization(case):
    rules = Behavior(ScalingRules(stabilization=case["up_window_s"]), ScalingRules(stabilization=case["down_window_s"]))
    past = recommendations_of(case["recommendations"])
    stage, log = behavior.stabilized_by_behavior(
        case["desired"], case["current"], past, NOW, behavior=rules, window=300.0
    )
    assert stage.replicas == case["expect"]["stabilized"]
    if "log" in case["expect"]:
        assert [each.replicas for each in log] == case["expect"]["log"]


@pytest.mark.parametrize("case", cases("behavior_rate"))
def test_rate(case):
    rules = Behavior(rules_of(case["scale_up"]), rules_of(case["scale_down"]))
    history = History(scale_ups=events_of(case["up_events"]), scale_downs=events_of(case["down_events"]))
    stage = behavior.limited_by_behavior(
        case["desired"], case["current"], Bounds(case["min"], case["max"]), rules, history=history, now=NOW
    )
    assert (stage.replicas, stage.reason) == (case["expect"]["replicas"], case["expect"]["reason"])


@pytest.mark.parametrize("case", cases("policy_limit"))
def test_policy_limit(case):
    history = History(scale_ups=events_of(case["up_events"]), scale_downs=events_of(case["down_events"]))
    limit = behavior.rate_limit(
        case["current"], rules_of(case["rules"]), history, NOW, going_up=case["direction"] == "up"
    )
    assert limit.replicas == case["expect"]["limit"]


@pytest.mark.parametrize("case", cases("store_scale_event"))
@pytest.mark.parametrize("going_up", [True, False], ids=["up", "down"])
def test_scale_event_is_stored(case, going_up):
    rules = None if case["rules"] is None else rules_of(case["rules"])
    both = None if rules is None else Behavior(*((rules, DEFAULT_DOWN) if going_up else (DEFAULT_DOWN, rules)))
    events = events_of(case["previous"])
    before = History(scale_ups=events) if going_up else History(scale_downs=events)
    period = max((each.period for each in rules.policies), default=0) if rules else 60
    assert behavior.change(events, period, NOW) == case["expect"]["sum_60s_before"]
    change = case["change"] if going_up else -case["change"]
    after = behavior.recorded(before, both, 10, 10 + change, NOW)
    stored = after.scale_ups if going_up else after.scale_downs
    assert [[each.change, each.outdated] for each in stored] == case["expect"]["stored"]
    if rules is not None:
        assert ScaleEvent(case["change"], NOW) in stored
