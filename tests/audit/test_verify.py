from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.audit.verify import LISTED, Counts, Fault, Number, Numbers, Verdict, verify


def numbers(*seqs: int, key: str = "web", epoch: int = 1) -> list[Number]:
    return [Number(key, epoch, seq) for seq in seqs]


def fault(first: int, last: int | None = None) -> Fault:
    return Fault("web", 1, first, last or first)


def judged(*, records: int, targets: int, **found: tuple[Fault, ...]) -> Verdict:
    counts = {kind: sum(each.last - each.first + 1 for each in faults) for kind, faults in found.items()}
    return Verdict(records=records, targets=targets, counts=Counts(**counts), **found)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param([], judged(records=0, targets=0), id="nothing at all"),
        pytest.param(numbers(1, 2, 3), judged(records=3, targets=1), id="every number once, in order"),
        pytest.param(
            numbers(1, 2, 2, 1, 3),
            judged(records=5, targets=1, duplicates=(fault(2), fault(1))),
            id="a resent round gives duplicates",
        ),
        pytest.param(numbers(1, 4), judged(records=2, targets=1, missing=(fault(2, 3),)), id="a hole in the middle"),
        pytest.param(numbers(2, 3), judged(records=2, targets=1, missing=(fault(1),)), id="the first one is missing"),
        pytest.param(
            numbers(1, 5, 3),
            judged(records=3, targets=1, missing=(fault(2), fault(4)), late=(fault(3),)),
            id="one comes late and splits the hole",
        ),
        pytest.param(
            numbers(1, 3, 2, 2),
            judged(records=4, targets=1, late=(fault(2),), duplicates=(fault(2),)),
            id="what came late can come twice",
        ),
        pytest.param(
            [*numbers(1), Number("web", 1, 4, shed=2)],
            judged(records=2, targets=1, shed=(fault(2, 3),)),
            id="numbers that were dropped on purpose are no loss",
        ),
        pytest.param(
            [*numbers(1), Number("web", 1, 6, shed=2)],
            judged(records=2, targets=1, shed=(fault(4, 5),), missing=(fault(2, 3),)),
            id="what is missing before those is one",
        ),
        pytest.param(
            [*numbers(1, 3), Number("web", 1, 4, shed=2)],
            judged(records=3, targets=1, missing=(fault(2),)),
            id="who says so of numbers that were there is not believed",
        ),
        pytest.param(
            numbers(1, 2) + numbers(1, key="db") + numbers(3) + numbers(2, key="db"),
            judged(records=5, targets=2),
            id="targets do not disturb each other",
        ),
        pytest.param(
            numbers(1, 2) + numbers(1, epoch=2) + numbers(3) + numbers(2, epoch=2),
            judged(records=5, targets=1),
            id="an earlier leader delivers its tail late",
        ),
    ],
)
def test_streams(stream: list[Number], expected: Verdict) -> None:
    assert verify(stream) == expected


def test_a_reader_that_begins_in_the_middle_expects_no_beginning() -> None:
    assert verify(numbers(17, 18), from_start=False).whole


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(numbers(3, 2, 4), {"late": (fault(2),)}, id="one before it"),
        pytest.param(numbers(7, 3, 5, 3), {"late": (fault(3), fault(5)), "missing": (fault(4), fault(6)),
                                           "duplicates": (fault(3),)}, id="some before it, with holes"),
    ],
)  # fmt: skip
def test_what_comes_behind_a_later_one_is_late_also_where_nobody_knows_the_beginning(
    stream: list[Number], expected: dict[str, tuple[Fault, ...]]
) -> None:
    assert verify(stream, from_start=False) == judged(records=len(stream), targets=1, **expected)


def test_it_says_whether_a_number_is_new() -> None:
    found = Numbers(from_start=True)
    assert [found.take(each) for each in numbers(1, 1, 4, 2, 2, 4)] == [True, False, True, True, False, False]


def test_the_largest_numbers_have_room() -> None:
    most = (1 << 63) - 1
    verdict = verify([Number("web", most, most, most), Number("web", most, 1), Number("web", most, most - 1)])
    assert (verdict.counts.shed, verdict.counts.duplicates) == (most - 1, 2)
    verdict = verify([Number("web", 1, each) for each in (most, 1, most - 1)], from_start=False)
    assert (verdict.counts.missing, verdict.counts.late) == (most - 3, 2)


def test_of_very_many_faults_some_are_told_and_all_are_counted() -> None:
    verdict = verify(numbers(*range(1, 4 * LISTED, 2)))
    assert (len(verdict.missing), verdict.counts.missing) == (LISTED, 2 * LISTED - 1)


def test_what_is_kept_of_a_target_does_not_grow_with_its_records() -> None:
    found = Numbers(from_start=True)
    found.take(Number("web", 1, 1))
    tracemalloc.start()
    try:
        for seq in range(2, 20_000):
            found.take(Number("web", 1, seq))
        assert tracemalloc.get_traced_memory()[0] < 10_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("stream", "whole"),
    [
        pytest.param(numbers(1, 1, 2), True, id="duplicates are legal"),
        pytest.param(numbers(1, 3), False, id="a loss is not"),
        pytest.param(numbers(1, 3, 2), False, id="disorder is not"),
    ],
)
def test_whole(stream: list[Number], whole: bool) -> None:
    assert verify(stream).whole is whole


@given(st.integers(1, 60), st.sets(st.integers(1, 59)), st.randoms())
def test_what_is_taken_away_is_what_is_reported(count: int, lost: set[int], rng: random.Random) -> None:
    kept = [seq for seq in range(1, count + 1) if seq not in lost or seq == count]
    stream = [seq for seq in kept for _ in range(rng.choice((1, 1, 2)))]
    verdict = verify(numbers(*stream))
    missing = {seq for hole in verdict.missing for seq in range(hole.first, hole.last + 1)}
    assert missing == set(range(1, count + 1)) - set(kept)
    assert len(verdict.duplicates) == len(stream) - len(kept)
    assert verdict.late == ()


@given(st.permutations(list(range(1, 20))))
def test_any_order_of_everything_is_complete(order: list[int]) -> None:
    verdict = verify(numbers(*order))
    assert verdict.missing == ()
    assert verdict.duplicates == ()
    assert verdict.whole is (order == sorted(order))
