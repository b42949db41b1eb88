import pytest

from autoscaler.errors import ForbiddenError, MalformedError, NotFoundError, UnreachableError
from autoscaler.model.decision import Outcome
from autoscaler.model.objects import ObjectKey, Owner
from autoscaler.model.plan import Overridden, Selected
from autoscaler.model.policy import Condition, Deviations, MetricSpec, Mode, TargetRef
from autoscaler.model.reason import Reason
from tests.control.shop import CPU_60, Shop, policy

QUEUE = MetricSpec(type="External", name="queue", target_type="AverageValue", average_value=10_000)
HPA = "HorizontalPodAutoscaler shop/web"
OURS = Deviations(owned_pods_only=True)
REPLICA_SET = Owner("apps/v1", "ReplicaSet", "web-5d8", "rs-1")
QPS = MetricSpec(type="Pods", name="qps", target_type="AverageValue", average_value=10_000)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_pods_that_were_counted_are_followed(shop: Shop) -> None:
    shop.evaluate()
    assert shop.followers.of([ObjectKey("shop", "web-1")]) == {ObjectKey("shop", "web")}


def test_a_selector_that_is_none_is_a_condition(shop: Shop) -> None:
    shop.selector = "(("
    shop.evaluate()
    assert shop.condition("ScalingActive").reason == "InvalidSelector"


def test_a_target_that_is_not_there_holds_and_says_so(shop: Shop) -> None:
    shop.unreadable = NotFoundError('deployments.apps "web" not found', status=404)
    decision = shop.evaluate()
    assert (decision.outcome, decision.current, decision.reason) == (Outcome.HELD, None, "FailedGetScale")
    assert "not found" in shop.condition("AbleToScale").message
    assert shop.statuses[-1].desired_replicas is None


def test_adapters_are_asked_for_all_their_metrics_at_once(shop: Shop) -> None:
    shop.answers = {"queue": 35_000, "qps": 10_000}
    decision = shop.evaluate(policy(metrics=(CPU_60, QUEUE, QPS)))
    assert sorted(shop.questions) == [("shop", "qps", "app=web"), ("shop", "queue", "app=web")]
    assert shop.asked_at_once == 2
    assert decision.desired == 4
    assert decision.sample_age == pytest.approx(9.0)


def test_usage_is_read_over_the_window_the_policy_wants(shop: Shop) -> None:
    shop.evaluate()
    decision = shop.evaluate(policy(deviations=Deviations(usage_window=60.0)))
    assert shop.windows == [0.0, 60.0]
    assert Overridden(usage_window=60.0) in decision.stages


def test_who_needs_no_adapter_asks_none(shop: Shop) -> None:
    shop.evaluate()
    assert shop.questions == []


@pytest.mark.parametrize(
    ("size", "selector"), [(11, "app=web"), (0, "app=web"), (2, "")], ids=["too many", "off at 0", "no selector"]
)
def test_where_metrics_do_not_decide_no_adapter_is_asked(shop: Shop, size: int, selector: str) -> None:
    shop.replicas, shop.selector = size, selector
    shop.evaluate(policy(metrics=(QUEUE,)))
    assert shop.questions == []


def test_at_zero_of_our_own_making_adapters_are_asked(shop: Shop) -> None:
    shop.replicas, shop.answers = 0, {"queue": 35_000}
    ours = Condition(type="ScaledToZero", status="True", reason="ScaledToZero", message="")
    assert shop.evaluate(policy(metrics=(QUEUE,), min_replicas=0, conditions=(ours,))).desired == 4


@pytest.mark.parametrize("fault", [UnreachableError("the adapter is away"), MalformedError("no number")])
def test_an_adapter_that_fails_is_a_reason_and_the_others_still_count(shop: Shop, fault: Exception) -> None:
    shop.answers = {"queue": fault}
    decision = shop.evaluate(policy(metrics=(QUEUE, CPU_60)))
    assert decision.desired == 4
    assert str(fault) in decision.error
    assert shop.evaluate(policy(metrics=(QUEUE,))).reason == "FailedGetExternalMetric"


def test_pods_whose_usage_decides_nothing_wake_nobody(shop: Shop) -> None:
    shop.answers = {"queue": 35_000}
    shop.evaluate(policy(metrics=(QUEUE,)))
    assert shop.followers.of([ObjectKey("shop", "web-1")]) == set()


def test_who_else_scales_the_target_is_asked_at_every_evaluation(shop: Shop) -> None:
    shop.others = (HPA,)
    decision = shop.evaluate()
    assert shop.written == []
    assert (decision.outcome, decision.reason, decision.desired) == (Outcome.HELD, Reason.CONFLICTED, 2)
    assert (shop.condition("Conflicted").status, shop.condition("Ready").reason) == ("True", "ClaimedTwice")
    assert HPA in shop.condition("Conflicted").message
    shop.others = ()
    assert shop.evaluate().outcome is Outcome.WRITTEN
    assert shop.condition("Conflicted").status == "False"


def test_a_shadow_writes_nothing_and_so_is_in_nobodys_way(shop: Shop) -> None:
    shop.others, shop.unseen = (HPA,), "forbidden"
    assert shop.evaluate(policy(mode=Mode.SHADOW)).outcome is Outcome.SHADOWED
    assert shop.condition("Conflicted").status == "False"


def test_not_to_know_who_else_scales_it_holds(shop: Shop) -> None:
    shop.unseen = "horizontalpodautoscalers: forbidden"
    assert shop.evaluate().outcome is Outcome.HELD
    assert shop.condition("Conflicted").status == "Unknown"


def test_owners_are_walked_up_to_the_target(shop: Shop) -> None:
    shop.owner, shop.owners = REPLICA_SET, {"rs-1": "d1"}
    assert shop.evaluate(policy(deviations=OURS)).desired == 4


def test_d11_pods_of_somebody_else_leave_nothing_to_decide_from(shop: Shop) -> None:
    shop.owner, shop.owners = REPLICA_SET, {"rs-1": "another"}
    decision = shop.evaluate(policy(deviations=OURS))
    assert decision.desired == 2
    assert Selected(counted=0, foreign=("web-0", "web-1")) in decision.stages


def test_d10_owners_that_cannot_be_read_hold_only_those_who_ask(shop: Shop) -> None:
    shop.owners_fault = ForbiddenError("replicasets.apps is forbidden", status=403)
    assert shop.evaluate(policy(deviations=OURS)).reason is Reason.FAILED_GET_OWNERS
    assert shop.evaluate().outcome is Outcome.WRITTEN


def test_policies_whose_targets_select_the_same_pods_are_both_refused_as_the_hpa_does(shop: Shop) -> None:
    shop.used = 60
    shop.evaluate()
    second = shop.evaluate(policy(name="second", target=TargetRef("apps/v1", "Deployment", "canary")))
    assert (second.reason, second.outcome) == (Reason.AMBIGUOUS_SELECTOR, Outcome.HELD)
    assert "HorizontalPodScaler shop/web too" in second.error
    assert shop.evaluate().reason is Reason.AMBIGUOUS_SELECTOR


def test_a_shadow_beside_it_makes_no_selector_ambiguous(shop: Shop) -> None:
    shop.used = 60
    shop.evaluate()
    shadow = policy(name="shadow", mode=Mode.SHADOW)
    assert shop.evaluate(shadow).reason is Reason.ON_TARGET
    assert shop.evaluate().reason is Reason.ON_TARGET


def test_another_policy_of_the_same_target_is_a_conflict_and_not_an_ambiguity(shop: Shop) -> None:
    shop.evaluate(policy(name="second"))
    shop.others = ("HorizontalPodScaler shop/second",)
    shop.replicas = 2
    assert shop.evaluate().reason is Reason.CONFLICTED
