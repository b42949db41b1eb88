"""The numbers of one target's records, as they come."""

from random import Random

import pytest

from autoscaler.audit.verify import Number, verify
from autoscaler.core.lane import Lane, Tally, Turn

EVERY = 15.0
ALWAYS = (float("-inf"), float("inf"))
NEXT, LATE, AGAIN = Turn.NEXT, Turn.LATE, Turn.AGAIN
ABSURD = 1 << 62


def taken(*seqs, shed=(), span=ALWAYS, start=1_800_000_000.0):
    """One record a period; `shed` are what each says, where any says something."""
    lane = Lane(*span)
    told = dict(shed)
    turns = [lane.take(seq, told.get(seq, 0), start + number * EVERY) for number, seq in enumerate(seqs)]
    return turns, lane.tally


@pytest.mark.parametrize(
    ("seqs", "turns", "tally"),
    [
        pytest.param((1, 2, 3), [NEXT] * 3, Tally(), id="whole"),
        pytest.param((501, 502), [NEXT] * 2, Tally(), id="begun before the first record that is kept"),
        pytest.param((1, 2, 5), [NEXT] * 3, Tally(missing=2), id="two are missing"),
        pytest.param((1, 1, 2), [NEXT, AGAIN, NEXT], Tally(duplicates=1), id="one came again"),
        pytest.param((1, 3, 2, 4), [NEXT, NEXT, LATE, NEXT], Tally(out_of_order=1), id="two changed places"),
        pytest.param(
            (1, 5, 3, 3, 6), [NEXT, NEXT, LATE, AGAIN, NEXT], Tally(2, 1, 1), id="one of a hole is late, and once more"
        ),
        pytest.param((7, 8, 5, 9), [NEXT, NEXT, LATE, NEXT], Tally(out_of_order=1), id="one of before the first"),
        pytest.param(
            (1, ABSURD, 2, 3), [NEXT, LATE, NEXT, NEXT], Tally(out_of_order=1), id="an absurd number ends nothing"
        ),
        pytest.param(
            (ABSURD, 2, 3, ABSURD), [LATE, NEXT, NEXT, AGAIN], Tally(0, 1, 1), id="an absurd first one, and once more"
        ),
        pytest.param(
            (1, 900, 2, 3), [NEXT, NEXT, LATE, LATE], Tally(896, 2), id="a number there may have been leaves a hole"
        ),
    ],
)
def test_what_numbers_say(seqs, turns, tally):
    assert taken(*seqs) == (turns, tally)


def test_what_the_record_says_it_has_not_got_is_not_missing():
    assert taken(1, 5, 6, shed={5: 3}) == ([NEXT] * 3, Tally(not_kept=3))
    assert taken(1, 5, 6, shed={5: 2}) == ([NEXT] * 3, Tally(missing=1, not_kept=2))
    assert taken(5, 6, shed={5: 4}) == ([NEXT] * 2, Tally()), "before the first one"
    assert taken(1, 2, shed={2: 9}) == ([NEXT] * 2, Tally()), "there is no room for them"


def test_only_the_span_is_counted():
    numbers = (1, 3, 4, 2, 4, 9)
    assert taken(*numbers)[1] == Tally(4, 1, 1)
    assert taken(*numbers, span=(0.0, 1_800_000_000.0 + 2 * EVERY))[1] == Tally()
    assert taken(*numbers, span=(1_800_000_000.0 + 5 * EVERY, 1_900_000_000.0))[1] == Tally()
    assert taken(*numbers, span=(1_800_000_000.0 + 4.5 * EVERY, 1_900_000_000.0))[1] == Tally(missing=4)
    assert taken(1, 9, span=(1_800_000_001.0, 1_800_000_002.0))[1] == Tally(missing=7), "within the hole"


def test_a_clock_that_is_set_back_makes_no_number_absurd():
    lane = Lane(*ALWAYS)
    assert [lane.take(1, 0, 2e9), lane.take(40, 0, 1.9e9), lane.take(41, 0, 1.9e9)] == [NEXT] * 3
    assert lane.tally == Tally(missing=38)


@pytest.mark.parametrize("seed", range(20))
def test_it_counts_what_audit_verify_lists(seed):
    chance = Random(seed)
    numbers = [1, *sorted(chance.sample(range(2, 60), 45))]
    for _ in range(chance.randrange(12)):
        numbers.insert(chance.randrange(1, len(numbers)), chance.choice(numbers))
    for _ in range(chance.randrange(6)):
        moved = numbers.pop(chance.randrange(1, len(numbers)))
        numbers.insert(chance.randrange(1, len(numbers)), moved)
    sheds = {seq: chance.randrange(3) for seq in numbers[1:]}
    found = verify([Number("a/D/b", 1, seq, sheds.get(seq, 0)) for seq in numbers])
    counts = found.counts
    assert taken(*numbers, shed=sheds)[1] == Tally(counts.missing, counts.late, counts.duplicates, counts.shed)
