import asyncio

import pytest
from msgspec.structs import replace

from autoscaler.control.allowance import WriteRates
from autoscaler.errors import ConflictError, ForbiddenError, UnreachableError
from autoscaler.model.decision import Outcome
from autoscaler.model.objects import Milli
from autoscaler.model.plan import Action, Chosen, Proposal
from autoscaler.model.policy import Behavior, Condition, MetricSpec, Mode, ScalingPolicy, ScalingRules, TargetRef
from autoscaler.model.status import PolicyStatus
from tests.control.shop import Shop, policy


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_load_above_target_is_written_with_the_version_that_was_read_and_told_everywhere(shop: Shop) -> None:
    decision = shop.evaluate()
    assert shop.written == [(4, "7")]
    assert (decision.outcome, decision.current, decision.desired) == (Outcome.WRITTEN, 2, 4)
    assert shop.records == [decision]
    assert decision.key == "shop/Deployment/web"
    assert decision.sample_age == pytest.approx(4.0)
    proposal = next(stage for stage in decision.stages if isinstance(stage, Proposal))
    assert (proposal.usage, proposal.requests, proposal.current, proposal.ratio) == (240, 200, 120, 2.0)
    assert any(isinstance(stage, Chosen) for stage in decision.stages)
    status = shop.statuses[-1]
    assert (status.current_replicas, status.desired_replicas, status.observed_generation) == (2, 4, 3)
    assert status.last_scale is not None
    assert status.last_decision == decision.id
    assert shop.condition("Ready").status == "True"
    assert shop.condition("AbleToScale").reason == "SucceededRescale"
    assert [note.reason for note in shop.notes] == ["SuccessfulRescale"]


def test_a_load_at_target_writes_nothing_and_is_recorded_all_the_same(shop: Shop) -> None:
    shop.used = 60
    decision = shop.evaluate()
    assert shop.written == []
    assert (decision.outcome, decision.action) == (Outcome.HELD, Action.HOLD)
    assert shop.records == [decision]
    assert shop.statuses[-1].last_scale is None


def test_a_shadow_decides_and_writes_nothing(shop: Shop) -> None:
    decision = shop.evaluate(policy(mode=Mode.SHADOW))
    assert shop.written == []
    assert (decision.outcome, decision.desired) == (Outcome.SHADOWED, 4)


def test_a_write_over_the_limit_is_left_to_the_next_evaluation() -> None:
    shop = Shop(WriteRates(cluster=0.1, namespace=0.1))
    asked = policy(behavior=Behavior(AT_ONCE, AT_ONCE))
    assert shop.evaluate(asked).outcome is Outcome.WRITTEN
    shop.used = 300
    decision = shop.evaluate(asked)
    assert (decision.outcome, decision.action, len(shop.written)) == (Outcome.DEFERRED, Action.RESIZE, 1)
    assert "scale writes a second in namespace shop" in decision.error
    asyncio.run(shop.clock.advance(15))
    assert shop.evaluate(asked).outcome is Outcome.WRITTEN


def test_a_target_that_changed_meanwhile_is_decided_anew_once(shop: Shop) -> None:
    shop.refusals = [ConflictError("the object has been modified", status=409)]
    decision = shop.evaluate()
    assert [outcome.outcome for outcome in shop.records] == [Outcome.CONFLICTED, Outcome.WRITTEN]
    assert decision.outcome is Outcome.WRITTEN
    assert len(shop.written) == 2


def test_a_target_that_keeps_changing_is_left_to_the_next_pass(shop: Shop) -> None:
    shop.refusals = [ConflictError("modified", status=409)] * 2
    assert shop.evaluate().outcome is Outcome.CONFLICTED
    assert len(shop.written) == 2
    assert shop.condition("AbleToScale").reason == "FailedUpdateScale"


def test_a_forbidden_write_is_this_targets_condition_and_nobody_elses_exception(shop: Shop) -> None:
    shop.refusals = [ForbiddenError("deployments.apps is forbidden in namespace shop", status=403)]
    decision = shop.evaluate()
    assert decision.outcome is Outcome.FAILED
    assert "forbidden" in decision.error
    assert shop.condition("AbleToScale").status == "False"


AT_ONCE = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 10, 15),))
IDLE = policy(
    min_replicas=0,
    metrics=(MetricSpec(type="External", name="queue", target_type="AverageValue", average_value=Milli(10_000)),),
    behavior=Behavior(AT_ONCE, AT_ONCE),
)


def to_zero(status: PolicyStatus) -> str:
    return next((each.status for each in status.conditions if each.type == "ScaledToZero"), "")


def test_a_target_goes_to_zero_once_its_status_says_so(shop: Shop) -> None:
    shop.answers = {"queue": 0}
    assert shop.evaluate(IDLE).outcome is Outcome.WRITTEN
    assert shop.written == [(0, "7")]
    assert [to_zero(status) for status in (*shop.promises, *shop.statuses)] == ["True", "True"]
    assert shop.promises[0].pending is not None


def test_a_target_whose_status_cannot_say_so_is_not_left_at_zero(shop: Shop) -> None:
    shop.answers, shop.status_fault = {"queue": 0}, ForbiddenError("status is forbidden", status=403)
    decision = shop.evaluate(IDLE)
    assert (decision.outcome, shop.written) == (Outcome.FAILED, [])
    assert "status is forbidden" in decision.error


def test_a_write_to_zero_that_failed_is_not_said_to_be_done(shop: Shop) -> None:
    shop.answers, shop.refusals = {"queue": 0}, [ForbiddenError("no", status=403)]
    shop.evaluate(IDLE)
    assert [to_zero(status) for status in (*shop.promises, *shop.statuses)] == ["True", "False"]


def test_a_target_we_scaled_to_zero_wakes(shop: Shop) -> None:
    shop.replicas, shop.answers = 0, {"queue": 25_000}
    told = Condition(type="ScaledToZero", status="True", reason="ScaledToZero", message="")
    assert shop.evaluate(replace(IDLE, conditions=(told,))).desired == 3
    assert to_zero(shop.statuses[-1]) == "False"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"max_replicas": 1, "min_replicas": 5}, "maxReplicas", id="min above max"),
        pytest.param({"target": TargetRef("apps/v1", "Deployment", "")}, "scaleTargetRef", id="no target"),
        pytest.param(
            {"metrics": (MetricSpec(type="Weather", name="rain"),)}, "metrics[0].type", id="a metric type nobody knows"
        ),
        pytest.param(
            {"unreadable": "spec.maxReplicas: Expected `int`, got `str`"},
            "spec.maxReplicas: Expected",
            id="a spec that cannot be read",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_holds_and_names_the_field(
    shop: Shop, changes: dict[str, object], said: str
) -> None:
    decision = shop.evaluate(policy(**changes))
    assert shop.written == []
    assert (decision.outcome, decision.reason) == (Outcome.HELD, "InvalidSpec")
    assert shop.records == [decision]
    assert said in shop.condition("Ready").message
    assert shop.condition("Ready").status == "False"


def test_where_the_status_is_refused_an_event_still_tells(shop: Shop) -> None:
    """A rule of the definition that cannot even be evaluated on the stored spec refuses every status."""
    shop.status_fault = UnreachableError("spec: invalid data, expected int, got string", status=422)
    shop.evaluate(policy(unreadable="spec.maxReplicas: Expected `int`, got `str`"))
    assert [(note.reason, note.message) for note in shop.notes] == [
        ("InvalidSpec", "spec.maxReplicas: Expected `int`, got `str`")
    ]


def test_the_history_of_one_evaluation_is_the_input_of_the_next(shop: Shop) -> None:
    shop.evaluate()
    shop.used = 10
    decision = shop.evaluate()
    assert decision.reason == "ScaleDownStabilized"
    assert shop.replicas == 4


def test_a_target_without_behavior_doubles_once_per_sync_period_however_often_it_is_evaluated(shop: Shop) -> None:
    shop.used = 10_000
    shop.evaluate()
    shop.evaluate()
    assert shop.replicas == 4
    asyncio.run(shop.clock.advance(15))
    shop.evaluate()
    assert shop.replicas == 8


def reverted(shop: Shop, seconds: float = 15, to: int = 2) -> Outcome:
    """What comes of an evaluation; then GitOps sets the number back and so much time goes by."""
    outcome = shop.evaluate().outcome
    shop.replicas, shop.manager = to, "argocd-controller"
    asyncio.run(shop.clock.advance(seconds))
    return outcome


def test_who_keeps_taking_our_number_back_is_named_with_the_fix_and_scaling_goes_on(shop: Shop) -> None:
    assert [reverted(shop) for _ in range(3)] == [Outcome.WRITTEN] * 3
    decision = shop.evaluate()
    told = shop.condition("Conflicted")
    assert (told.status, told.reason) == ("True", "Reverted")
    assert told.message == (
        "argocd-controller (Apply) keeps setting spec.replicas of Deployment web to 2: "
        "remove spec.replicas from the manifest it applies, or let it ignore that field"
    )
    assert shop.condition("Ready").reason == "Reverted"
    assert (decision.outcome, decision.desired, decision.error) == (Outcome.WRITTEN, 4, "")


def test_who_keeps_taking_our_number_back_is_written_against_as_often_as_by_the_hpa(shop: Shop) -> None:
    """Two hours of a GitOps controller that is at once there, and evaluations every 15 s."""
    assert {reverted(shop) for _ in range(2 * 60 * 4)} == {Outcome.WRITTEN}


@pytest.mark.parametrize("apart", [15, 540], ids=["at once", "deployments nine minutes apart"])
def test_the_conflict_is_over_when_nobody_takes_the_number_back_any_more(shop: Shop, apart: int) -> None:
    for _ in range(4):
        assert (shop.evaluate().outcome, shop.replicas) == (Outcome.WRITTEN, 4), "never smaller than by the HPA"
        asyncio.run(shop.clock.advance(apart))
        shop.replicas = 2
    shop.evaluate()
    assert shop.condition("Conflicted").reason == "Reverted"
    asyncio.run(shop.clock.advance(apart + 60))
    shop.used = 60
    assert shop.evaluate().outcome is Outcome.HELD
    assert shop.condition("Conflicted").status == "False"
    assert shop.condition("Ready").status == "True"


def test_s14_a_number_set_by_hand_in_a_fight_is_the_new_base_and_no_conflict(shop: Shop) -> None:
    assert [reverted(shop) for _ in range(4)][-1] is Outcome.WRITTEN
    assert shop.condition("Conflicted").reason == "Reverted"
    shop.replicas, shop.manager = 3, "kubectl-scale"
    decision = shop.evaluate()
    assert (decision.current, decision.outcome) == (3, Outcome.WRITTEN)
    assert shop.condition("Conflicted").status == "False"


def test_s14_a_manual_change_is_the_base_of_the_next_decision(shop: Shop) -> None:
    shop.evaluate()
    assert shop.replicas == 4
    shop.replicas, shop.used = 6, 60
    decision = shop.evaluate()
    assert (decision.current, decision.outcome) == (6, Outcome.HELD)
    assert shop.condition("Conflicted").status == "False"


def test_c09_nothing_is_scaled_in_a_protected_namespace(shop: Shop) -> None:
    decision = shop.evaluate(policy(namespace="kube-system"))
    assert (shop.written, decision.reason) == ([], "InvalidSpec")
    assert "nothing is scaled in kube-system (--protected-namespaces)" in shop.condition("Ready").message
    assert shop.evaluate(policy(namespace="kube-system", mode=Mode.SHADOW)).outcome is Outcome.SHADOWED


def test_who_does_not_lead_any_more_writes_nothing_and_says_so(shop: Shop) -> None:
    shop.refused = "this process does not lead"
    decision = shop.evaluate()
    assert (decision.outcome, decision.error, decision.desired) == (Outcome.DEFERRED, "this process does not lead", 4)
    assert shop.written == []
    shop.refused = ""
    assert shop.evaluate().outcome is Outcome.WRITTEN


def test_the_record_says_whose_decision_it_is(shop: Shop) -> None:
    assert shop.evaluate().leadership == 5


@pytest.mark.parametrize("step", [3600.0, -3600.0], ids=["forward", "back"])
def test_p09_a_wall_clock_that_is_set_neither_voids_a_window_nor_freezes_the_target(shop: Shop, step: float) -> None:
    """An hour either way, in the middle of five minutes of stabilization, counted on the monotonic clock."""
    four = policy(max_replicas=4)
    shop.used = 240
    shop.evaluate(four)
    assert shop.replicas == 4
    shop.used, passed = 20, 0.0
    while shop.replicas == 4:
        asyncio.run(shop.clock.advance(15))
        passed += 15
        if passed == 150:
            shop.clock.set(step)
        shop.evaluate(four)
    assert 300 <= passed <= 315


@pytest.mark.parametrize("step", [3600.0, -3600.0], ids=["forward", "back"])
def test_p09_a_wall_clock_that_is_set_changes_no_rate_limit(shop: Shop, step: float) -> None:
    up = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 1, 60),))
    given = policy(behavior=Behavior(up=up, down=AT_ONCE))
    shop.used = 240
    shop.evaluate(given)
    assert shop.replicas == 3
    asyncio.run(shop.clock.advance(30))
    shop.clock.set(step)
    shop.evaluate(given)
    assert shop.replicas == 3
    asyncio.run(shop.clock.advance(31))
    shop.evaluate(given)
    assert shop.replicas == 4
