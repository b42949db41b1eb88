import pytest
from msgspec.structs import replace

from autoscaler.core.basis import spec_of
from autoscaler.core.lane import Turn
from autoscaler.core.leaps import LEAP, MOST, Held, Leaps
from autoscaler.core.strand import BEHIND, FORERUN, Strand
from autoscaler.model.instant import micro_text
from bench import week
from tests.core.strands import KEY, led, strand, turns, wild

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


@pytest.fixture(scope="module")
def forty():
    return list(week.decisions(wild, 600))


@pytest.mark.parametrize("wrong", [range(35, 36), range(20, 23), range(1)], ids=["one", "three", "the first"])
def test_what_a_clock_ran_years_ahead_with_is_judged_and_spoils_nothing_else(forty, wrong):
    """It is left out of the sums and says so; the period is that of the others, and candidates are led through them."""
    made = [(1, seq, each) for seq, each in enumerate(forty, 1)]
    for number in wrong:
        ahead = micro_text(week.START + 9 * 365 * 86_400 + number * 15)
        made[number] = (1, number + 1, replace(forty[number], time=ahead))
    found, same = led(made)
    assert (found.evaluations, found.identical + found.differing, same) == (40, 40, True)
    assert week.START <= found.first <= week.START + 15
    assert found.last == week.START + 39 * 15
    for left in (found.left_out(), found.untold(0)):
        assert [(each.evaluations, each.reason) for each in left] == [(len(wrong), FORERUN)]
        assert all(each.time <= found.last for each in left)
    others = [each for each in made if each[1] - 1 not in wrong]
    assert found.recorded.summary() == turns(*others).recorded.summary()


def test_a_clock_that_was_ahead_counts_for_a_span_by_the_record_after_it(forty):
    far = replace(forty[35], time=micro_text(week.START + 86_400))
    for until, count in ((week.START + 34 * 15, 35), (week.START + 36 * 15, 37)):
        found = strand([*forty[:35], far, *forty[36:]], since=week.START, until=until)
        assert found.evaluations == count
    assert strand([*forty[:35], far, *forty[36:]], since=week.START + 80_000).evaluations == 0


def test_a_record_that_nobody_can_read_and_a_clock_ran_ahead_with_leads_nobody_astray(forty):
    found = Strand(KEY, [spec_of(week.policy())], ready_after=30, since=float("-inf"), until=float("inf"))
    for seq, each in enumerate(forty, 1):
        if seq == 20:
            found.pass_over(1, seq, week.START + 86_400, "of a later release")
        else:
            found.take(1, seq, each)
    found.end()
    assert (found.evaluations, found.last) == (40, week.START + 39 * 15)
    assert [(each.evaluations, each.reason) for each in found.unanswerable()] == [(1, "of a later release")]
    assert [(each.evaluations, each.reason) for each in found.untold(0)] == [(1, FORERUN)]


def test_a_clock_that_was_set_back_by_minutes_leaves_what_follows_out_of_the_sums_and_says_so(forty):
    """Nobody can tell which of both was right; all are judged."""
    made = [(1, seq, each) for seq, each in enumerate(forty, 1)]
    made[35] = (1, 36, replace(forty[35], time=micro_text(week.START + 3600)))
    found = turns(*made)
    assert found.evaluations == 40
    assert found.identical + found.differing == 40
    for left in (found.left_out(), found.untold(0)):
        assert [(each.evaluations, each.reason) for each in left] == [(4, BEHIND)]


def test_a_gap_of_a_day_is_one(forty):
    """As the last 20 tell, and as the last one alone does."""
    for first in (20, 39):
        late = [replace(each, time=micro_text(week.START + 86_400 + at * 15)) for at, each in enumerate(forty)]
        found = strand([*forty[:first], *late[first:]])
        assert (found.evaluations, found.last) == (40, week.START + 86_400 + 39 * 15)
        assert list(found.left_out()) == []
