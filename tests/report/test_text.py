from __future__ import annotations

from msgspec.structs import replace

from autoscaler.model.whatif import Difference, Numbers, Unanswerable
from autoscaler.report.text import BAD, GOOD, PLAIN, lines
from tests.report.samples import MONDAY, candidate, partial, small, track, troubled


def test_a_report_in_full() -> None:
    told = [" ".join(line.split()) for line in lines(troubled())]
    name = r'shop/Deployment/<script>alert("x")</script>\u202e\x1b[2J'
    assert told == [
        "Record /var/lib/hpa-companion/spool",
        "Time 2026-11-16T00:00:00Z to 2026-11-16T00:10:00Z (10 min), 2 targets",
        "Replayed 18 evaluations replayed by their own policy: 17 came to the recorded decision, 1 to another one; "
        "2 not replayed; 1,203 records missing",
        "Left out 2 not replayed: the record was truncated: proposals",
        "7 passed over: events of other types, no records of ours",
        "Numbers 1,203 missing, 1 out of order, 4 came again, and counted once, 2 not kept, for want of room: "
        "see `autoscaler audit verify`",
        "",
        "Run Targets Pod-hours Changes Minutes under target Worst moment",
        "recorded 2 of 2 1.00 3 3.00 2 of 6 needed, shop/Deployment/web at 2026-11-16T00:02:00Z",
        "new.yaml 2 of 2 0.983 -1.7 % 4 +1 1.00 -2.0 4 of 6 needed, shop/Deployment/web at 2026-11-16T00:02:00Z",
        "",
        "Target Run Pod-hours Changes Minutes under target Worst moment",
        "shop/Deployment/web recorded 0.667 3 3.00 2 of 6 needed at 2026-11-16T00:02:00Z",
        "new.yaml 0.650 -2.5 % 4 +1 1.00 -2.0 4 of 6 needed at 2026-11-16T00:02:00Z",
        f"{name} recorded 0.333 0 0 never short",
        "new.yaml 0.333 = 0 = 0 = never short",
        "",
        "Another decision Target Recorded Replayed At which step",
        "2026-11-16T00:01:00Z shop/Deployment/web 2 3 Stabilized: by another recommendation",
        "",
        "Not replayed Evaluations Since Why",
        f"{name} 2 2026-11-16T00:02:00Z the record was truncated: proposals",
        "",
        "Numbers Missing Out of order Came again Not kept",
        f"{name} 1,203 0 3 0",
        "shop/Deployment/web 0 1 1 2",
    ]


def test_a_run_of_some_targets_is_compared_with_the_record_of_these() -> None:
    told = [" ".join(line.split()) for line in lines(partial())]
    at = told.index("Run Targets Pod-hours Changes Minutes under target Worst moment")
    assert told[at + 1 : at + 4] == [
        "recorded 2 of 2 1.00 3 3.00 2 of 6 needed, shop/Deployment/web at 2026-11-16T00:02:00Z",
        "half 1 of 2 0.333 = 0.333 0 = 0 0 = 0 never short",
        "half tells of 1 of 2 targets: it is compared with what was recorded of just these",
    ]


def test_a_decision_that_came_to_no_number_is_told_in_words() -> None:
    missed = Difference("shop/Deployment/web", MONDAY + 60, 2, None, "no metrics")
    told = list(lines(small(differing=1, differences=(missed,))))
    assert told[-1].split() == ["2026-11-16T00:01:00Z", "shop/Deployment/web", "2", "none", "no", "metrics"]


def test_columns_stand_below_each_other() -> None:
    head, *runs = [line for line in lines(small()) if line.startswith(("Run", "recorded", "new.yaml"))]
    assert {line.index("of 6 needed") - 2 for line in runs} == {head.index("Worst moment")}


def test_what_is_not_known_of_a_candidate_is_told() -> None:
    lost = [Unanswerable(f"a/D/{index:02}", MONDAY, 2, "too old") for index in range(12)]
    told = list(lines(small(candidates=(replace(small().candidates[0], unanswerable=lost),))))
    assert "What new.yaml would have done is not known for 24 evaluations, which its sums leave out" in told
    assert told[-2].split() == ["a/D/09", "2", "2026-11-16T00:00:00Z", "too", "old"]
    assert told[-1] == "and 2 more"


def test_what_counts_in_no_sum_of_the_recorded_run_is_told() -> None:
    run = replace(small().recorded, unanswerable=[Unanswerable("a/D/b", MONDAY, 1234, "late")])
    told = list(lines(small(recorded=run)))
    assert "What was recorded counts in no sum for 1,234 evaluations, out of the order of time" in told
    assert told[-1].split() == ["a/D/b", "1,234", "2026-11-16T00:00:00Z", "late"]


def test_a_hostile_name_does_not_steer_the_terminal() -> None:
    assert "\x1b" not in "".join(lines(troubled()))
    assert "\u202e" not in "".join(lines(troubled()))


def test_colours_are_only_for_who_asked() -> None:
    assert f"{GOOD}Replayed" in "".join(lines(small(), colour=True))
    told = list(lines(troubled(), colour=True))
    assert told[2].startswith(f"{BAD}Replayed")
    assert told[2].endswith(PLAIN)


def test_not_more_targets_than_fit() -> None:
    tracks = [track(f"a/D/{index:02}", [MONDAY], [1]) for index in range(15)]
    told = list(lines(small(recorded=candidate("recorded", tracks), candidates=())))
    assert told[-1] == "and 5 targets for which less is at stake"
    assert sum(line.startswith("a/D/") for line in told) == 10


def test_numbers_are_of_the_worst_targets_and_a_word_where_they_are_whole() -> None:
    numbered = [Numbers(target=f"a/D/{index:02}", missing=20 - index) for index in range(12)]
    told = list(lines(small(numbers=Numbers(missing=174), numbered=numbered)))
    assert told[-1] == "and 2 targets of which there is less to say"
    assert told[-2].split() == ["a/D/09", "11", "0", "0", "0"]
    told = list(lines(small(numbers=Numbers(duplicates=3), numbered=[Numbers(target="a/D/x", duplicates=3)])))
    assert "Numbers   3 came again, and counted once" in told
    assert not any("audit verify" in line or "a/D/x" in line for line in told)
