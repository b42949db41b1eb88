from __future__ import annotations

import pytest
from msgspec.structs import replace

from autoscaler.model.whatif import Report, Summary, Track, Unanswerable
from autoscaler.report import words
from tests.report.samples import HOSTILE, MONDAY, candidate, small, track, troubled


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(
            small(), "20 evaluations replayed by their own policy: every one came to the recorded decision", id="all"
        ),
        pytest.param(
            troubled(),
            "18 evaluations replayed by their own policy: 17 came to the recorded decision, 1 to another one; "
            "2 not replayed; 1,203 records missing",
            id="not all",
        ),
        pytest.param(small(evaluations=0, identical=0), "no evaluation was found to replay", id="none"),
        pytest.param(
            small(evaluations=2, identical=0, unanswerable=(Unanswerable("t", 0, 2, "old"),)),
            "none of 2 evaluations could be replayed",
            id="all unanswerable",
        ),
        pytest.param(
            small(evaluations=21, unanswerable=(Unanswerable("t", 0, 1, "old"),)),
            "20 evaluations replayed by their own policy: every one came to the recorded decision; 1 not replayed",
            id="the same, as far as it goes",
        ),
    ],
)
def test_the_verdict_counts_all(report: Report, expected: str) -> None:
    assert words.verdict(report) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(100.0, 81.8, "-18.2 %"), (100.0, 100.01, "="), (0.0, 3.0, "+3.0"), (1000.0, 3000.0, "+200.0 %")],
)
def test_a_share(before: float, after: float, expected: str) -> None:
    assert words.share(before, after) == expected


def ran(hours: float, changes: int, replicas: int | None = 1) -> Track:
    summary = Summary(pod_hours=hours, changes=changes, minutes_under_target=1.5)
    return replace(track("a/D/b", [MONDAY], [replicas]), summary=summary)


def test_of_what_never_ran_there_is_no_sum_to_compare() -> None:
    nothing, something = ran(0, 0, None), ran(10, 5)
    assert words.figures(nothing, something) == [("-", "")] * 3
    assert [apart for _, apart in words.figures(something, nothing)] == ["", "", ""]
    assert words.figures(ran(0, 5, 0), something)[0] == ("0.0", "-100.0 %"), "a size of 0 is one"
    assert words.shortage(nothing) == "not known"
    assert words.shortage(something) == "never short"
    assert not words.known(candidate("new", [nothing]))
    assert words.known(candidate("new", [nothing, something]))


def test_figures_beside_those_of_before() -> None:
    before, after = ran(10, 5), ran(12, 1205)
    assert words.figures(after, before) == [("12.0", "+20.0 %"), ("1,205", "+1,200"), ("1.5", "=")]
    assert words.figures(before) == [("10.0", ""), ("5", ""), ("1.5", "")]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.625, "0.625 s"), (630, "10 min 30 s"), (7 * 86_400, "7 d"), (90_000, "1 d 60 min")]
)
def test_a_length(seconds: float, expected: str) -> None:
    assert words.length(seconds) == expected


def test_targets_with_most_at_stake_come_first() -> None:
    assert words.Standing(small()).ranked() == ["shop/Deployment/web", HOSTILE]
    times = [MONDAY, MONDAY + 60]
    lean, fat = (track(name, times, [2, 2]) for name in ("a/D/lean", "a/D/fat"))
    report = small(recorded=candidate("recorded", [lean, fat]), candidates=())
    assert words.Standing(report).ranked() == ["a/D/fat", "a/D/lean"]
    grown = replace(fat, summary=replace(fat.summary, pod_hours=9))
    report = small(recorded=candidate("recorded", [lean, fat]), candidates=(candidate("x", [grown, lean]),))
    assert words.Standing(report).ranked() == ["a/D/fat", "a/D/lean"]


def test_a_run_may_lack_a_target() -> None:
    standing = words.Standing(small(candidates=(candidate("x", []),)))
    assert standing.track(1, HOSTILE) is None
    assert len(standing.ranked()) == 2


def test_reasons_are_summed_over_targets_the_commonest_first() -> None:
    lost = [Unanswerable(f"t{number}", 0, number, f"reason {number % 7}") for number in range(1, 15)]
    told = words.left_out(small(unanswerable=lost))
    assert told[:2] == ["21 not replayed: reason 0", "19 not replayed: reason 6"]
    assert (len(told), told[-1]) == (words.REASONS + 1, "and 2 more reasons, below")
