from autoscaler.core import planner
from autoscaler.model.plan import Action, Contested, Final
from autoscaler.model.reason import Reason
from tests.core.evaluations import evaluation, usage

OTHERS = ("HorizontalPodAutoscaler shop/web", "ScaledObject shop/web")


def test_what_others_scale_too_is_not_written_and_they_are_named():
    plan = planner.plan(evaluation(claims=OTHERS))
    assert (plan.action, plan.desired, plan.reason) == (Action.HOLD, 2, Reason.CONFLICTED)
    assert plan.stages[-2] == Contested(wanted=4, replicas=2, claims=OTHERS)
    assert isinstance(plan.stages[-1], Final)
    assert plan.stages[-1].why == "scaled by HorizontalPodAutoscaler shop/web, ScaledObject shop/web too"


def test_what_may_be_scaled_by_others_is_not_written_either():
    plan = planner.plan(evaluation(unseen="HPAs: forbidden"))
    assert (plan.desired, plan.reason) == (2, Reason.CONFLICTED)
    assert plan.stages[-2] == Contested(wanted=4, replicas=2, unseen="HPAs: forbidden")


def test_a_number_that_would_not_change_anyway_keeps_its_reason():
    calm = (usage(0, 100), usage(1, 100))
    assert planner.plan(evaluation(claims=OTHERS, pod_metrics=calm)).reason is Reason.ON_TARGET
