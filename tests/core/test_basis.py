import msgspec
from msgspec.structs import replace

from autoscaler.core import basis, planner
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import Behavior, Condition, ControllerSettings, ScalingPolicy, ScalingRules
from tests.core.chance import evaluations
from tests.core.evaluations import CPU, NOW, evaluation, policy, scale

PLAIN = evaluation()


def test_the_basis_of_a_usual_policy_is_short():
    found = basis.of(PLAIN)
    assert found.spec == Spec(max_replicas=10, metrics=(CPU,))
    assert len(msgspec.json.encode(found)) < 300
    assert msgspec.json.decode(msgspec.json.encode(found), type=Basis) == found


def test_what_is_as_the_number_of_replicas_is_not_repeated():
    assert (basis.of(PLAIN).observed, basis.of(PLAIN).period_start) == (None, None)
    other = replace(PLAIN, scale=scale(2, observed=5), period_start_replicas=1)
    assert (basis.of(other).observed, basis.of(other).period_start) == (5, 1)


def test_it_has_what_the_world_told():
    zero = Condition(type="ScaledToZero", status="True", reason="", message="")
    settings = ControllerSettings(tolerance=0.2)
    found = basis.of(
        replace(
            PLAIN, policy=policy(conditions=(zero,)), claims=("HPA shop/web",), unseen="forbidden", settings=settings
        )
    )
    assert (found.zeroed, found.claims, found.unseen, found.settings) == (
        True,
        ("HPA shop/web",),
        "forbidden",
        settings,
    )
    assert found.selector == "app=web"


def test_a_target_that_could_not_be_read_has_a_basis_too():
    assert basis.of(replace(PLAIN, scale=None)).observed is None


def test_a_plan_needs_no_more_of_the_history_than_is_kept():
    """Whatever was evaluated; and what no one needs is left out."""
    shorter = 0
    for each in evaluations(7, 20_000, deviating=0.3):
        kept = replace(each, history=basis.used(each.history, each.policy, each.settings, each.now))
        assert told(planner.plan(kept)) == told(planner.plan(each)), each
        shorter += len(msgspec.json.encode(kept.history)) < len(msgspec.json.encode(each.history))
    assert shorter > 5000


def told(plan):
    return replace(plan, history=History())


def test_of_equal_recommendations_the_one_that_a_stage_names_is_kept():
    """It is the first in the order of the slots, in each of two windows, one begun at the very edge."""
    rules = Behavior(
        up=ScalingRules(stabilization=60, policies=(ScalingPolicy("Pods", 4, 15),)),
        down=ScalingRules(stabilization=300, policies=(ScalingPolicy("Pods", 4, 15),)),
    )
    sizes = ((1, 200), (1, 50), (7, 300), (7, 250), (1, 20), (7, 9), (1, 8))
    log = tuple(Recommendation(size, NOW - ago) for size, ago in sizes)
    history = History(recommendations=log, scale_ups=(ScaleEvent(2, NOW - 20), ScaleEvent(1, NOW - 10)))
    whole = evaluation(policy=policy(behavior=rules), history=history)
    kept = basis.used(history, whole.policy, whole.settings, NOW)
    assert kept.recommendations == (log[1], log[3], log[5], log[6])
    assert kept.scale_ups == history.scale_ups[1:]
    assert told(planner.plan(replace(whole, history=kept))) == told(planner.plan(whole))
