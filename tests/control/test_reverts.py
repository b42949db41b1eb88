import pytest
from msgspec.structs import replace

from autoscaler.control.reverts import FORGOTTEN_AFTER, GRACE, TIMES, Fight, Reverts
from tests.control.shop import policy

WEB = policy()


def fought(reverts: Reverts, rounds: int, base: int = 3, every: float = 15.0, start: float = 0.0) -> float:
    """We write one more each time, and find `base` again."""
    now = start
    for number in range(rounds):
        reverts.wrote(WEB, 5 + number)
        now += every
        reverts.saw(WEB, base, now)
    return now


def test_a_number_that_keeps_coming_back_is_told() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES - 1)
    assert reverts.fight(WEB, now) is None
    now = fought(reverts, 1, start=now)
    assert reverts.fight(WEB, now) == Fight(3, "")


def test_a_manual_change_is_the_new_base_and_no_fight() -> None:
    reverts = Reverts()
    for number, set_by_hand in enumerate((3, 8, 4, 6)):
        reverts.wrote(WEB, 5)
        reverts.saw(WEB, set_by_hand, number * 15.0)
    assert reverts.fight(WEB, 60.0) is None


def test_a_write_of_ours_that_stays_is_no_revert() -> None:
    reverts = Reverts()
    for number in range(5):
        reverts.wrote(WEB, 5)
        reverts.saw(WEB, 5, number * 15.0)
    assert reverts.fight(WEB, 60.0) is None


def test_one_change_seen_many_times_is_one() -> None:
    reverts = Reverts()
    reverts.wrote(WEB, 5)
    for number in range(10):
        reverts.saw(WEB, 3, number * 15.0)
    assert reverts.fight(WEB, 150.0) is None


@pytest.mark.parametrize("every", [15.0, 180.0, 540.0], ids=["at once", "as Argo CD", "deployments"])
def test_a_fight_is_over_when_the_next_round_is_overdue(every: float) -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES, every=every)
    assert reverts.fight(WEB, now + every + GRACE - 1) == Fight(3, "")
    assert reverts.fight(WEB, now + every + GRACE) is None


def test_a_round_that_comes_late_is_one_of_the_same_fight() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES)
    now = fought(reverts, 1, every=300, start=now)
    assert reverts.fight(WEB, now + 300) == Fight(3, ""), "the longest wait counts"


def test_once_in_a_while_is_no_fight() -> None:
    reverts = Reverts()
    now = fought(reverts, 2 * TIMES, every=FORGOTTEN_AFTER)
    assert reverts.fight(WEB, now) is None


def test_without_a_write_of_ours_nobody_reverts_us() -> None:
    reverts = Reverts()
    reverts.saw(WEB, 3, 0.0)
    assert reverts.fight(WEB, 0.0) is None


def test_policies_that_are_gone_are_forgotten() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES)
    reverts.forget_all_but(set())
    assert reverts.fight(WEB, now) is None
    assert reverts.fight(replace(WEB, uid="new"), now) is None


def test_whoever_set_the_number_is_blamed_as_long_as_it_is_the_same_fight() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES - 1)
    reverts.wrote(WEB, 5)
    assert reverts.saw(WEB, 3, now + 15)
    reverts.blame(WEB, "argocd-controller (Apply)")
    reverts.wrote(WEB, 5)
    assert not reverts.saw(WEB, 5, now + 30), "our number stands: no round"
    assert reverts.fight(WEB, now + 30) == Fight(3, "argocd-controller (Apply)")
    assert not reverts.saw(WEB, 7, now + 45), "another number: no fight"
    assert reverts.fight(WEB, now + 45) is None


def test_a_number_set_by_hand_ends_the_fight() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES)
    assert not reverts.saw(WEB, 3, now + 1)
    assert reverts.fight(WEB, now + 1) is not None
    assert not reverts.saw(WEB, 8, now + 2)
    assert reverts.fight(WEB, now + 2) is None
    assert not reverts.saw(WEB, 3, now + 3), "nothing of ours was there to be taken back"


def test_a_policy_that_went_while_its_target_was_looked_at_has_nobody_to_blame() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES)
    reverts.forget_all_but(set())
    reverts.blame(WEB, "argocd-controller (Apply)")
    assert reverts.fight(WEB, now) is None
