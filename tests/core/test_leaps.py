import pytest
from msgspec.structs import replace

from autoscaler.core.lane import Turn
from autoscaler.core.leaps import LEAP, MOST, Held, Leaps
from bench import week

DAY = 86_400.0
(ONE,) = week.decisions(lambda _: 1200, 15)


def held(start, *, epoch=1, turn=Turn.NEXT, leadership=None):
    made = None if leadership is None else replace(ONE, leadership=leadership)
    return Held(epoch=epoch, start=start, turn=turn, decision=made, why="unread")


def judged(starts, reached=0.0):
    """By their starts: those that were set apart, and those that were due, in their order."""
    leaps, ahead, due = Leaps(), [], []
    for start in starts:
        taken = leaps.take(start if isinstance(start, Held) else held(start), reached)
        ahead += [each.start for each in taken.ahead]
        due += [each.start for each in taken.due]
        reached = max([reached, *due])
    return ahead, due, [each.start for each in leaps.rest()]


@pytest.mark.parametrize(
    ("starts", "ahead", "due", "left"),
    [
        pytest.param([15, 30, LEAP + 30], [], [15, 30, LEAP + 30], [], id="an hour is no leap"),
        pytest.param([15, DAY, 30, 45], [DAY], [15, 30, 45], [], id="one a day ahead"),
        pytest.param([15, DAY, DAY + 15, 30], [DAY, DAY + 15], [15, 30], [], id="two of them"),
        pytest.param([15, 9 * DAY, DAY, 30], [9 * DAY, DAY], [15, 30], [], id="each further back"),
        pytest.param([15, DAY, DAY + 15], [], [15], [DAY, DAY + 15], id="nothing tells"),
        pytest.param([15, DAY, held(30, turn=Turn.LATE)], [], [15], [DAY, 30], id="one out of order tells nothing"),
        pytest.param([15, DAY, held(30, epoch=2)], [], [15], [DAY, 30], id="nor does one of another spool"),
        pytest.param(
            [15, held(DAY, leadership=7), held(30, epoch=2, leadership=6)], [], [15], [DAY, 30], id="or a former leader"
        ),
        pytest.param(
            [15, held(DAY, leadership=7), held(30, epoch=2, leadership=8)], [DAY], [15, 30], [], id="a later one does"
        ),
    ],
)
def test_what_a_clock_ran_ahead_with_is_set_apart(starts, ahead, due, left):
    assert judged(starts) == (ahead, due, left)


def test_of_the_first_record_nobody_knows():
    for starts in ([DAY, 15, 30], [15, DAY, 30], [15, 30, DAY, 2 * DAY]):
        ahead, due, left = judged([*starts, 45], float("-inf"))
        assert (ahead, due, left) == ([each for each in starts if each >= DAY], [], [15, 30, 45])


def test_a_clock_that_is_set_back_by_less_than_it_leapt_tells_nothing():
    for starts in ([15, 30, 25, 40], [16, 15, 40], [15, DAY, DAY - 60, DAY + 15]):
        ahead, due, left = judged(starts, float("-inf"))
        assert (ahead, due, left) == ([], [], starts)


def test_a_gap_is_confirmed_by_those_that_follow():
    starts = [DAY + each for each in range(MOST + 2)]
    ahead, due, left = judged(starts)
    assert (ahead, due, left) == ([], starts, [])
