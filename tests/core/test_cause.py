import pytest

from autoscaler.core import planner
from autoscaler.core.cause import cause, ending, holders
from autoscaler.model.plan import History, Limited, Paused, Recommendation
from autoscaler.model.policy import Behavior, Deviations, Pause, ScalingPolicy, ScalingRules
from tests.core.evaluations import NOW, evaluation, policy, scale, usage

BUSY, CALM, IDLE = ((usage(0, cpu), usage(1, cpu)) for cpu in (500, 100, 10))
RULES = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 1, 15),))
SHUT = ScalingRules(stabilization=0, select="Disabled", policies=(ScalingPolicy("Pods", 4, 15),))
PAUSE = Deviations(pause=Pause(until=NOW + 60, reason="load test", actor="sam"))
PAST = History(recommendations=(Recommendation(2, NOW - 60),))


@pytest.mark.parametrize(
    ("changes", "stage", "sentence", "end"),
    [
        pytest.param({"pod_metrics": CALM}, "chosen",
                     "cpu asks for it: within tolerance of the target", "", id="metric"),
        pytest.param({"pod_metrics": IDLE, "history": PAST}, "stabilized",
                     "2, recommended 60 s before, counts until 03:50:40Z (scale-down window of 5 min)",
                     ", when the 2 of 03:45:40Z expires", id="window"),
        pytest.param({"pod_metrics": BUSY}, "limited",
                     "not above 4 for now: at most doubled from 2, or to 4; 10 would be wanted",
                     ", when the next sync period has begun", id="doubling"),
        pytest.param({"pod_metrics": BUSY, "policy": policy(behavior=Behavior(RULES, RULES))}, "limited",
                     "not above 3 for now: Pods 1 per 15 s, from 2; 10 would be wanted",
                     ", when Pods 1 per 15 s allows it", id="rate"),
        pytest.param({"pod_metrics": BUSY, "policy": policy(behavior=Behavior(SHUT, SHUT))}, "limited",
                     "spec.behavior.scaleUp.selectPolicy is Disabled; 10 would be wanted",
                     "", id="shut"),
        pytest.param({"pod_metrics": BUSY, "policy": policy(max_replicas=3)}, "limited",
                     "spec.maxReplicas is 3; 10 would be wanted", "", id="bound"),
        pytest.param({"pod_metrics": BUSY, "policy": policy(deviations=PAUSE)}, "paused",
                     "spec.pause: 4 is wanted; sam holds it until 1970-01-02T03:47:40Z: load test",
                     ", when spec.pause is over", id="pause"),
        pytest.param({"pod_metrics": BUSY, "claims": ("ScaledObject shop/web",)}, "contested",
                     "4 is wanted; scaled by ScaledObject shop/web too, so nobody of ours writes", "", id="claim"),
        pytest.param({"scale": scale(12)}, "forced", "12 is above spec.maxReplicas, 10; no metric is asked", "",
                     id="outside the bounds"),
        pytest.param({"pod_metrics": ()}, "proposal", "cpu failed, so it stays as it is", "", id="failure"),
    ],
)  # fmt: skip
def test_what_decides_and_what_ends_it(changes, stage, sentence, end):
    given = evaluation(**({"history": History(recommendations=())} | changes))
    plan = planner.plan(given)
    metrics = [("cpu", each) for each in plan.stages if type(each).__name__ == "Proposal"]
    found = cause(plan, metrics, NOW, given.policy)
    assert (found.stage, found.sentence) == (stage, sentence)
    assert ending(next(holders(plan), None), given.policy) == end


def test_the_last_stage_that_changed_the_number_comes_first():
    plan = planner.plan(evaluation(pod_metrics=BUSY, policy=policy(deviations=PAUSE)))
    assert [type(each) for each in holders(plan)] == [Paused, Limited]
