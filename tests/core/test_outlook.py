"""What is told of the future is planned anew: at that time, with that usage, under that policy."""

import re
from collections import Counter

import pytest
from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.future import MOMENT
from autoscaler.core.outlook import OTHER, Outlook, outlook
from autoscaler.model.decision import Outcome
from autoscaler.model.instant import micros_after, parse_instant
from autoscaler.model.metrics import MetricValue
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import Behavior, Deviations, MetricSpec, Pause, ScalingPolicy, ScalingRules
from tests.audit.samples import decision
from tests.core.chance import evaluations
from tests.core.evaluations import CPU, NOW, evaluation, policy, scale, usage
from tests.core.recording import recorded
from tests.core.story import Story, usages_with

FREE = ScalingRules(stabilization=0, policies=(ScalingPolicy("Percent", 100, 15),))
FOUR = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 4, 15),))
SHUT = ScalingRules(stabilization=0, select="Disabled", policies=(ScalingPolicy("Pods", 4, 15),))
SLOW_UP = ScalingRules(stabilization=60, policies=(ScalingPolicy("Pods", 4, 15),))
BUSY, CALM, IDLE = ((usage(0, cpu), usage(1, cpu)) for cpu in (500, 100, 10))
NOTHING, LONG_AGO = History(recommendations=()), History(recommendations=(Recommendation(2, NOW - 900),))
QUEUE = MetricSpec(type="External", name="queue", average_value=10_000)


def queue(length):
    return {QUEUE: (MetricValue(length),)}


def behaving(up=FREE, down=FREE, **fields):
    return policy(behavior=Behavior(up, down), **fields)


def told(given, outcome=Outcome.HELD):
    """The outlook of this evaluation, and how the planner goes on from it."""
    plan = planner.plan(given)
    found = outlook(replace(recorded(given), outcome=outcome))
    written = outcome is Outcome.WRITTEN
    after = planner.settled(plan, given.policy, written=written, error="", now=given.now)
    size = plan.desired if written else plan.current
    return found, replace(given, history=after.history, scale=scale(size), period_start_replicas=size)


def number(given, at=NOW + MOMENT, **changes):
    return planner.plan(replace(given, now=at, **changes)).desired


def seconds(way):
    return parse_instant(way.at)


def test_capped_by_the_maximum():
    found, then = told(evaluation(policy=policy(max_replicas=3), pod_metrics=BUSY, history=LONG_AGO))
    assert found.decides.stage == "limited"
    assert found.decides.sentence == "spec.maxReplicas is 3; 10 would be wanted"
    assert (found.more.field, found.more.sentence) == ("spec.maxReplicas", "none while spec.maxReplicas is 3")
    assert number(then) == 3
    assert number(then, policy=policy(max_replicas=4)) == 4


def test_held_by_the_window():
    past = History(recommendations=(Recommendation(5, NOW - 170.5),))
    found, then = told(evaluation(scale=scale(5), pod_metrics=IDLE, history=past))
    assert found.decides.stage == "stabilized"
    assert found.by_itself == found.fewer
    assert found.fewer.replicas == 1
    assert found.fewer.sentence == ("1 from 03:48:50Z on, when the 5 of 03:43:49Z expires, while the metrics ask for 1")
    assert found.fewer.at == "1970-01-02T03:48:49.500001Z"
    assert (number(then, NOW + 129.5), number(then, seconds(found.fewer)), number(then, NOW + 130)) == (5, 1, 1)


def test_a_number_that_is_gone_by_the_next_whole_second_is_told_with_a_fraction():
    past = History(recommendations=(Recommendation(5, NOW - 170.8), Recommendation(4, NOW - 170.5)))
    found, then = told(evaluation(scale=scale(5), pod_metrics=IDLE, history=past))
    assert found.fewer.sentence == (
        "4 from 03:48:49.200001Z on, when the 5 of 03:43:49Z expires, while the metrics ask for 1"
    )
    assert found.fewer.at == "1970-01-02T03:48:49.200001Z"
    assert (number(then, NOW + 129.2), number(then, seconds(found.fewer)), number(then, NOW + 130)) == (5, 4, 1)


def test_limited_by_a_rate():
    past = History(recommendations=(), scale_ups=(ScaleEvent(2, NOW - 11.5),))
    found, then = told(evaluation(policy=behaving(FOUR), pod_metrics=BUSY, history=past), Outcome.WRITTEN)
    assert found.decides.sentence == "not above 4 for now: Pods 4 per 15 s, from 0; 10 would be wanted"
    assert found.more.sentence == "6 from 03:46:44Z on, when Pods 4 per 15 s allows it, while the metrics ask for 10"
    assert seconds(found.more) == NOW + 3.5
    assert (number(then, micros_after(NOW + 3.5, -1)), number(then, NOW + 3.5)) == (4, 6)


def test_limited_to_a_doubling_in_a_sync_period():
    found, then = told(evaluation(pod_metrics=BUSY, history=LONG_AGO), Outcome.WRITTEN)
    assert (
        found.more.sentence == "8 from 03:46:55Z on, when the next sync period has begun, while the metrics ask for 10"
    )
    assert number(then, NOW + 14, period_start_replicas=2) == 4
    assert number(then, NOW + 15, period_start_replicas=None) == 8


def test_the_smallest_change_of_a_metric_and_when():
    found, then = told(evaluation(pod_metrics=CALM))
    assert found.decides.sentence == "cpu asks for it: within tolerance of the target"
    assert found.by_itself is None
    assert found.more.sentence == "3 with cpu from 111 % on (222m in 2 pods)"
    assert found.more.at == ""
    assert number(then, pod_metrics=(usage(0, 111), usage(1, 110))) == 2
    assert number(then, pod_metrics=(usage(0, 111), usage(1, 111))) == 3
    assert found.fewer.sentence == (
        "1 with cpu at 50 % or less (101m in 2 pods) from 03:51:41Z on, when the 2 of 03:46:40Z expires"
    )
    less, enough = (usage(0, 50), usage(1, 51)), (usage(0, 51), usage(1, 51))
    at = seconds(found.fewer)
    assert [number(then, when, pod_metrics=less) for when in (micros_after(at, -1), at)] == [2, 1]
    assert number(then, at, pod_metrics=enough) == 2


def test_more_must_be_asked_for_all_through_the_window():
    found, then = told(evaluation(policy=behaving(SLOW_UP), pod_metrics=CALM, history=NOTHING))
    assert found.more.sentence == (
        "3 with cpu from 111 % on (222m in 2 pods) from 03:47:40Z on, when the 2 of 03:46:40Z expires"
    )
    loaded = (usage(0, 111), usage(1, 111))
    assert [number(then, at, pod_metrics=loaded) for at in (micros_after(NOW + 60, -1), NOW + 60)] == [2, 3]
    assert seconds(found.more) == NOW + 60


def test_one_of_several_metrics_is_enough_for_more_and_all_have_to_fall_for_fewer():
    both = policy(metrics=(CPU, QUEUE), max_replicas=20)
    found, then = told(evaluation(policy=both, pod_metrics=CALM, values=queue(20_000)))
    assert found.more.sentence == (
        "3 with external metric queue from a total of 22.001 on, or 3 with cpu from 111 % on (222m in 2 pods)"
    )
    assert number(then, values=queue(22_000)) == 2
    assert number(then, values=queue(22_001)) == 3
    assert found.fewer.sentence.startswith(
        "1 with cpu at 50 % or less (101m in 2 pods) and external metric queue at a total of 10 or less from 03:51:41Z"
    )
    at, calm = seconds(found.fewer), (usage(0, 50), usage(1, 51))
    assert number(then, at, pod_metrics=calm, values=queue(10_000)) == 1
    assert number(then, at, pod_metrics=calm, values=queue(10_001)) == 2
    assert number(then, at, values=queue(10_000)) == 2


def test_at_the_minimum():
    found, then = told(evaluation(policy=policy(min_replicas=2), pod_metrics=IDLE, history=NOTHING))
    assert found.decides.sentence == "spec.minReplicas is 2; 1 would be wanted"
    assert found.fewer.field == "spec.minReplicas"
    assert number(then, NOW + 301) == 2
    assert number(then, NOW + 301, policy=policy(min_replicas=1)) == 1


@pytest.mark.parametrize(("metrics", "way", "field"), [(BUSY, "more", "scaleUp"), (IDLE, "fewer", "scaleDown")])
def test_a_direction_that_is_shut(metrics, way, field):
    found, then = told(evaluation(policy=behaving(SHUT, SHUT), pod_metrics=metrics, history=NOTHING))
    assert found.decides.sentence.startswith(f"spec.behavior.{field}.selectPolicy is Disabled; ")
    assert getattr(found, way).field == f"spec.behavior.{field}.selectPolicy"
    assert number(then, NOW + 3600) == 2
    assert number(then, NOW + 3600, policy=behaving()) != 2


def test_a_pause_ends_by_itself():
    pause = Pause(until=NOW + 60.5, reason="load test", actor="sam")
    found, then = told(evaluation(policy=policy(deviations=Deviations(pause=pause)), pod_metrics=BUSY))
    assert found.decides.stage == "paused"
    assert found.decides.sentence == "spec.pause: 4 is wanted; sam holds it until 1970-01-02T03:47:40Z: load test"
    assert found.by_itself.sentence == "4 from 03:47:41Z on, when spec.pause is over, while the metrics ask for 10"
    assert seconds(found.by_itself) == NOW + 60.5
    assert [number(then, at) for at in (micros_after(NOW + 60.5, -1), NOW + 60.5)] == [2, 4]


def test_a_pause_that_is_long_says_the_day():
    pause = Pause(until=NOW + 3 * 86400, reason="load test", actor="sam")
    found, _ = told(evaluation(policy=policy(deviations=Deviations(pause=pause)), pod_metrics=BUSY))
    assert found.by_itself.sentence.startswith("4 from 1970-01-05T03:46:40Z on, when spec.pause is over")


def test_whose_the_target_is_comes_first():
    found, then = told(evaluation(claims=("HorizontalPodAutoscaler shop/web",), pod_metrics=BUSY))
    assert found.decides.stage == "contested"
    assert found.more.sentence == "none while somebody else scales the target, or may"
    assert number(then, NOW + 3600) == 2
    assert number(then, claims=()) == 4


def test_a_number_that_is_not_written_does_not_move_on():
    """In Shadow, and of an HPA, each evaluation is as the one before."""
    found, then = told(evaluation(pod_metrics=BUSY, history=LONG_AGO), Outcome.SHADOWED)
    assert found.more.sentence == "none while it is not written: not above 4 for now: at most doubled from 2, or to 4"
    assert number(then, NOW + 3600) == 4


def test_a_metric_that_failed_forbids_fewer_and_another_may_want_more():
    two = policy(metrics=(MetricSpec(type="Pods", name="qps", average_value=1), CPU), max_replicas=20)
    found, then = told(evaluation(policy=two, pod_metrics=IDLE, history=NOTHING))
    assert found.decides.sentence == "pods metric qps failed, so it stays as it is"
    assert found.fewer.sentence == "none while pods metric qps cannot be had"
    assert found.more.any_of[0].metric == "cpu"
    assert number(then, pod_metrics=(usage(0, 111), usage(1, 110))) == 2
    assert number(then, pod_metrics=(usage(0, 111), usage(1, 111))) == 3 == found.more.replicas


def test_nothing_asked_nothing_foreseen():
    found, _ = told(evaluation(scale=scale(0)))
    assert found.decides.stage == "forced"
    assert (found.by_itself, found.more, found.fewer) == (None, None, None)


def test_pods_without_a_sample_may_leave_no_way_down():
    """The one that is missing is taken to use all it requests."""
    lower = policy(metrics=(replace(CPU, utilization=90),))
    found, then = told(evaluation(policy=lower, pod_metrics=(usage(0, 90),)))
    assert found.fewer.sentence == "none: with these pods no usage makes cpu ask for 1 or fewer"
    assert number(then, NOW + 301, pod_metrics=(usage(0, 0),)) == 2


def test_at_nothing_there_is_no_less():
    asleep = policy(min_replicas=0, metrics=(QUEUE,))
    found, _ = told(evaluation(policy=asleep, values=queue(0), history=NOTHING))
    assert found.fewer.sentence == "none: 0 is the least"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"desired": 6}, OTHER, id="its number is not that of its sums"),
        pytest.param({"stages": ()}, OTHER, id="it has no sums"),
        pytest.param({"truncated": ("proposals",)}, "the record was too long and lost what this needs", id="cut"),
        pytest.param({"basis": None}, "", id="nothing was evaluated"),
        pytest.param({"current": None}, "", id="the target could not be read"),
        pytest.param({"reason": "InvalidSpec"}, "", id="the policy is no good"),
    ],
)
def test_there_may_be_none(changes, why):
    assert outlook(decision(**changes)) == why


def spoken(way):
    """The time of day in the sentence."""
    at = parse_instant(way.at[:11] + re.search(r" from (\S+Z) on", way.sentence)[1])
    assert seconds(way) <= at < seconds(way) + 1
    return at


def test_whatever_is_told_comes_true():
    """Of all kinds of metrics, policies and failures, to the microsecond; half of them depart from the HPA."""
    seen = Counter()
    for given in evaluations(11, 2500, deviating=0.5):
        found = recorded(given)
        told = outlook(found)
        if not isinstance(told, Outlook) or len({each.name for each in given.policy.metrics}) < len(
            given.policy.metrics
        ):
            continue  # of two metrics of one name it could not be said which is meant
        soon = given.now + MOMENT
        if itself := told.by_itself:
            at = seconds(itself) if itself.at else soon
            assert Story(found).number(at) == itself.replicas != found.desired, given
            assert at == soon or Story(found).number(max(soon, micros_after(at, -1))) == found.desired, given
            assert at == soon or Story(found).number(spoken(itself)) == itself.replicas, (given, itself)
            seen["by itself"] += 1
        for word, way in (("more", told.more), ("fewer", told.fewer)):
            if way is None or way == told.by_itself:
                continue
            sign = 1 if word == "more" else -1
            at = seconds(way) if way.at else soon
            for needs in [[need] for need in way.any_of] or ([way.all_of] if way.all_of else []):
                there = Story(found).number(at, usages_with(found, needs))
                assert (there - found.desired) * sign > 0, (given, way)
                seen[word] += 1
                near = Story(found).number(at, usages_with(found, needs, nearer=1))
                assert len(needs) > 1 or (near - found.desired) * sign <= 0, (given, way)
                early = Story(found).number(max(soon, micros_after(at, -1)), usages_with(found, needs))
                assert at == soon or (early - found.desired) * sign <= 0, (given, way)
                assert at == soon or Story(found).number(spoken(way), usages_with(found, needs)) == there, (given, way)
            seen[way.field] += way.replicas is None
    assert min(seen[word] for word in ("by itself", "more", "fewer", "spec.maxReplicas", "spec.minReplicas")) > 50
