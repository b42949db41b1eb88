from autoscaler.core.leaders import AHEAD, Leaders


def taken(*records):
    """Whether each (leadership, minute) is of a former leader."""
    leaders, led, found = Leaders(), float("-inf"), []
    for leadership, minute in records:
        former = leaders.former(leadership, minute * 60.0, led)
        found.append(former)
        led = led if former else max(led, minute * 60.0)
    return found


def test_the_tail_of_a_former_leader_is_told_by_its_number_whatever_its_time():
    assert taken((5, 10), (6, 11), (5, 10), (5, 12), (6, 12)) == [False, False, True, True, False]


def test_without_an_election_nobody_is_a_former_leader():
    assert taken((None, 10), (None, 9)) == [False, False]


def test_a_number_that_no_leader_can_have_outdoes_nobody_who_comes_later():
    absurd = 10 + AHEAD + 5
    assert taken((5, 10), (absurd, 11), (6, 12), (6, 13)) == [False, False, False, False]
    assert taken((5, 10), (absurd, 11), (6, 9)) == [False, False, True], "but by its time"
