from msgspec.structs import replace

from autoscaler.control.memory import Memory, identity
from autoscaler.model.plan import History, Recommendation
from autoscaler.model.policy import Deviations, Policy, TargetRef


def policy(uid: str = "1") -> Policy:
    return Policy(
        kind="HorizontalPodScaler",
        namespace="shop",
        name="web",
        uid=uid,
        target=TargetRef("apps/v1", "Deployment", "web"),
    )


def test_a_policy_never_seen_has_no_recommendations_rather_than_an_empty_list() -> None:
    assert Memory(15).history(policy()).recommendations is None


def test_a_policy_made_anew_under_the_same_name_starts_empty() -> None:
    memory = Memory(15)
    memory.keep(policy(), History(recommendations=(Recommendation(3, 1.0),)))
    assert memory.history(policy()).recommendations == (Recommendation(3, 1.0),)
    assert memory.history(policy(uid="2")).recommendations is None


def test_the_base_of_the_legacy_ceiling_stays_for_one_sync_period() -> None:
    memory = Memory(15)
    assert memory.period_start(policy(), 4, 100.0) == 4
    assert memory.period_start(policy(), 8, 105.0) == 4
    assert memory.period_start(policy(), 8, 115.0) == 8


def test_a_clock_set_back_begins_a_new_period() -> None:
    memory = Memory(15)
    memory.period_start(policy(), 4, 100.0)
    assert memory.period_start(policy(), 6, 50.0) == 6


def test_what_belongs_to_policies_that_are_gone_is_dropped() -> None:
    memory = Memory(15)
    memory.keep(policy("1"), History(recommendations=()))
    memory.keep(policy("2"), History(recommendations=()))
    memory.forget_all_but({identity(policy("2"))})
    assert memory.history(policy("1")).recommendations is None
    assert memory.history(policy("2")).recommendations == ()


def test_a_policy_may_have_a_sync_period_of_its_own() -> None:
    memory = Memory(15)
    slow = replace(policy(), deviations=Deviations(sync_period=60.0))
    assert memory.period_start(slow, 4, 100.0) == 4
    assert memory.period_start(slow, 8, 159.0) == 4
    assert memory.period_start(slow, 8, 160.0) == 8
