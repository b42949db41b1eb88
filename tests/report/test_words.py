from __future__ import annotations

import pytest
from msgspec.structs import replace

from autoscaler.model.whatif import Report, Summary, Track, Unanswerable
from autoscaler.report import words
from tests.report.samples import HOSTILE, MONDAY, candidate, partial, small, track, troubled


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
    [
        (100.0, 81.8, "-18.2 %"),
        (100.0, 100.01, "+0.010 %"),
        (0.1935, 0.2352, "+21.6 %"),
        (0.3, 0.1 + 0.2, "="),
        (0.0, 0.0, "="),
        (0.0, 3.0, "+3.00"),
        (1000.0, 3000.0, "+200.0 %"),
    ],
)
def test_a_share(before: float, after: float, expected: str) -> None:
    assert words.share(before, after) == expected


@pytest.mark.parametrize(
    ("of", "expected"),
    [(0.0, "0"), (0.2352, "0.235"), (0.1935, "0.194"), (0.00417, "0.00417"), (5.5, "5.50"), (212.94, "212.9"),
     (12345.6, "12,345.6")],
)  # fmt: skip
def test_a_small_figure_has_more_digits(of: float, expected: str) -> None:
    assert words.number(of) == expected


def test_minutes_that_differ_by_little_are_not_the_same() -> None:
    assert [words.signed(0.4, after) for after in (0.4, 0.3, 0.36, 2.4)] == ["=", "-0.10", "-0.040", "+2.0"]


def ran(hours: float, changes: int, replicas: int | None = 1, *, recorded: Track | None = None) -> Track:
    summary = Summary(pod_hours=hours, changes=changes, minutes_under_target=1.5)
    beside = recorded.summary if recorded else None
    return replace(track("a/D/b", [MONDAY], [replicas]), summary=summary, recorded=beside)


def test_of_what_never_ran_there_is_no_sum_to_compare() -> None:
    something = ran(10, 5)
    nothing = ran(0, 0, None, recorded=something)
    assert words.figures(nothing, something.summary) == [("-", "")] * 3
    assert words.figures(ran(0, 5, 0, recorded=something), something.summary)[0] == ("0", "-100.0 %"), "0 is a size"
    assert words.shortage(nothing) == "not known"
    assert words.shortage(something) == "never short"
    assert not words.known(candidate("new", [nothing]))
    assert words.known(candidate("new", [nothing, something]))


def test_figures_beside_those_of_before() -> None:
    before = ran(10, 5)
    after = ran(12, 1205, recorded=before)
    assert words.figures(after, before.summary) == [("12.0", "+20.0 %"), ("1,205", "+1,200"), ("1.50", "=")]
    assert words.figures(before, before.summary) == [("10.0", ""), ("5", ""), ("1.50", "")]


def test_what_a_figure_is_compared_with_is_said_where_it_does_not_stand_beside_it() -> None:
    after = ran(12, 1205, recorded=ran(10, 5))
    told = [apart for _, apart in words.figures(after, ran(100, 5000).summary)]
    assert told == ["+20.0 % from 10.0", "+1,200 from 5", "= 1.50"]


def test_what_a_run_is_compared_with() -> None:
    report = small()
    (whole,), (half,) = report.candidates, partial().candidates
    assert words.compared(whole, report) == ""
    assert words.compared(half, report) == (
        "half tells of 1 of 2 targets: it is compared with what was recorded of just these"
    )
    late = replace(whole, recorded=half.recorded, unanswerable=(Unanswerable(HOSTILE, MONDAY, 2, "late"),))
    assert words.compared(late, report) == (
        "new.yaml is not known all the time: it is compared with what was recorded while it is known"
    )


def test_one_is_no_plural() -> None:
    assert words.verdict(small(evaluations=1, identical=1)).startswith("1 evaluation replayed by their own policy")
    lost = replace(small().recorded, unanswerable=(Unanswerable("t", 0, 1, "late"),))
    assert " in no sum for 1 evaluation, " in words.uncounted(lost)
    assert " not known for 1 evaluation, " in words.unknown(lost)
    assert words.sentence(ran(2.5, 1)) == "2.50 pod-hours, 1 change, 1.50 minutes under target"
    assert ", 2 changes, " in words.sentence(ran(2.5, 2))


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
    report = small(
        recorded=candidate("recorded", [lean, fat]), candidates=(candidate("x", [grown, lean], recorded=[lean, fat]),)
    )
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
