from msgspec.structs import replace

from autoscaler.control.reverts import FIRST_PAUSE, FORGOTTEN_AFTER, LONGEST_PAUSE, TIMES, Fight, Reverts
from tests.control.shop import policy

WEB = policy()
WALL = 1_800_000_000.0
"""How far the wall clock is ahead of the monotonic one."""


def saw(reverts: Reverts, replicas: int, now: float) -> bool:
    return reverts.saw(WEB, replicas, now, WALL + now)


def fighting(now: float, pause: float = FIRST_PAUSE, writer: str = "", base: int = 3) -> Fight:
    """As it is told at the moment of its last round."""
    return Fight(base, writer, pause, WALL + now + pause)


def fought(reverts: Reverts, rounds: int, base: int = 3, every: float = 15.0, start: float = 0.0) -> float:
    """We write one more each time, and find `base` again."""
    now = start
    for number in range(rounds):
        reverts.wrote(WEB, 5 + number)
        now += every
        saw(reverts, base, now)
    return now


def test_a_number_that_keeps_coming_back_is_told() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES - 1)
    assert reverts.fight(WEB, now) is None
    now = fought(reverts, 1, start=now)
    assert reverts.fight(WEB, now) == fighting(now)


def test_a_manual_change_is_the_new_base_and_no_fight() -> None:
    reverts = Reverts()
    for number, set_by_hand in enumerate((3, 8, 4, 6)):
        reverts.wrote(WEB, 5)
        saw(reverts, set_by_hand, number * 15.0)
    assert reverts.fight(WEB, 60.0) is None


def test_a_write_of_ours_that_stays_is_no_revert() -> None:
    reverts = Reverts()
    for number in range(5):
        reverts.wrote(WEB, 5)
        saw(reverts, 5, number * 15.0)
    assert reverts.fight(WEB, 60.0) is None


def test_one_change_seen_many_times_is_one() -> None:
    reverts = Reverts()
    reverts.wrote(WEB, 5)
    for number in range(10):
        saw(reverts, 3, number * 15.0)
    assert reverts.fight(WEB, 150.0) is None


def test_what_has_stopped_is_forgotten() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES)
    forgotten = now + FIRST_PAUSE + FORGOTTEN_AFTER
    assert reverts.fight(WEB, forgotten - 1) == Fight(3, "", 0.0, WALL + now + FIRST_PAUSE)
    assert reverts.fight(WEB, forgotten) is None


def test_once_in_a_while_is_no_fight() -> None:
    reverts = Reverts()
    now = fought(reverts, 2 * TIMES, every=FORGOTTEN_AFTER)
    assert reverts.fight(WEB, now) is None


def test_without_a_write_of_ours_nobody_reverts_us() -> None:
    reverts = Reverts()
    saw(reverts, 3, 0.0)
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
    assert saw(reverts, 3, now + 15)
    reverts.blame(WEB, "argocd-controller (Apply)")
    reverts.wrote(WEB, 5)
    assert not saw(reverts, 5, now + 30), "our number stands: no round"
    told = reverts.fight(WEB, now + 30)
    assert told == Fight(3, "argocd-controller (Apply)", FIRST_PAUSE - 15, WALL + now + 15 + FIRST_PAUSE)
    assert not saw(reverts, 7, now + 45), "another number: no fight"
    assert reverts.fight(WEB, now + 45) is None


def test_every_further_round_is_twice_as_long_off_up_to_the_longest_pause() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES)
    pauses = []
    for _ in range(6):
        told = reverts.fight(WEB, now)
        assert told is not None
        pauses.append(told.left)
        now = fought(reverts, 1, every=told.left + 180, start=now)  # Argo CD looks every three minutes
    assert pauses == [60, 120, 240, 480, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_number_set_by_hand_ends_the_wait() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES)
    assert not saw(reverts, 3, now + 1)
    assert reverts.fight(WEB, now + 1) is not None
    assert not saw(reverts, 8, now + 2)
    assert reverts.fight(WEB, now + 2) is None
    assert not saw(reverts, 3, now + 3), "nothing of ours was there to be taken back"


def test_a_policy_that_went_while_its_target_was_looked_at_has_nobody_to_blame() -> None:
    reverts = Reverts()
    now = fought(reverts, TIMES)
    reverts.forget_all_but(set())
    reverts.blame(WEB, "argocd-controller (Apply)")
    assert reverts.fight(WEB, now) is None
