"""The report as lines for a terminal, or for a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoscaler.core.table import aligned, plain
from autoscaler.model.instant import seconds_text
from autoscaler.model.whatif import Candidate, Report, Summary, Track, Unanswerable
from autoscaler.report import words

LISTED = 10
"""Of targets, of differences and of what could not be replayed; the page and JSON have more."""

BOLD, GOOD, BAD, PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[0m"


def lines(report: Report, *, colour: bool = False) -> Iterator[str]:
    """Top down: what was replayed, the runs beside each other, the targets with most at stake, what went wrong.

    `colour`: with the escape sequences of a terminal; without, every line is plain text.
    """
    standing = words.Standing(report)
    names = standing.ranked()
    yield plain(f"Record    {report.source}")
    yield f"Time      {_period(report)}, {words.targets(len(names))}"
    yield _painted(f"Replayed  {words.verdict(report)}", GOOD if report.sound else BAD, colour)
    for number, told in enumerate(words.left_out(report)):
        yield plain(f"{'' if number else 'Left out':<9} {told}")
    if numbered := words.numbers(report.numbers):
        told = f"Numbers   {numbered}"
        yield told if report.numbers.whole else _painted(told, BAD, colour)
    yield ""
    rows: list[tuple[str, ...]] = [
        ("Run", "Targets", "Pod-hours", "", "Changes", "", "Minutes under target", "", "Worst moment")
    ]
    for run in standing.runs:
        worst = run.summary.worst
        told = words.shortage(run) + (f", {worst.target} at {seconds_text(worst.time)}" if worst else "")
        rows.append((run.name, words.cover(run, report), *_figures(run, report.recorded.summary), told))
    yield from _table(rows, range(1, 8), colour)
    yield from (plain(told) for told in (words.compared(run, report) for run in report.candidates) if told)
    yield ""
    yield from _targets(standing, names, colour)
    yield from _troubles(report, colour)


def _targets(standing: words.Standing, names: list[str], colour: bool) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [
        ("Target", "Run", "Pod-hours", "", "Changes", "", "Minutes under target", "", "Worst moment")
    ]
    for name in names[:LISTED]:
        first = standing.track(0, name)
        for index, run in enumerate(standing.runs):
            track = standing.track(index, name)
            if track is None:
                continue
            figures = _figures(track, first.summary if first else None)
            worst = track.summary.worst
            told = words.shortage(track) + (f" at {seconds_text(worst.time)}" if worst else "")
            rows.append((name if track is first or first is None else "", run.name, *figures, told))
    yield from _table(rows, range(2, 8), colour)
    if len(names) > LISTED:
        yield f"and {words.targets(len(names) - LISTED)} for which less is at stake"


def _troubles(report: Report, colour: bool) -> Iterator[str]:
    rows: list[tuple[str, ...]]
    if report.differences:
        yield ""
        rows = [("Another decision", "Target", "Recorded", "Replayed", "At which step")]
        rows += [
            (
                seconds_text(each.time),
                each.target,
                words.replicas(each.recorded),
                words.replicas(each.replayed),
                each.reason,
            )
            for each in report.differences[:LISTED]
        ]
        yield from _table(rows, (2, 3), colour)
        if report.differing > LISTED:
            yield f"and {report.differing - min(LISTED, len(report.differences)):,} more"
    yield from _unknown("Not replayed", report.unanswerable, colour)
    yield from _numbered(report, colour)
    if report.recorded.unanswerable:
        yield ""
        yield words.uncounted(report.recorded)
        yield from _unknown("Not counted", report.recorded.unanswerable, colour)
    for run in report.candidates:
        if run.unanswerable:
            yield ""
            yield plain(f"What {words.unknown(run)}")
            yield from _unknown("Not known", run.unanswerable, colour)


def _unknown(title: str, found: Sequence[Unanswerable], colour: bool) -> Iterator[str]:
    if not found:
        return
    yield ""
    rows: list[tuple[str, ...]] = [(title, "Evaluations", "Since", "Why")]
    rows += [(each.target, f"{each.evaluations:,}", seconds_text(each.time), each.reason) for each in found[:LISTED]]
    yield from _table(rows, (1,), colour)
    if len(found) > LISTED:
        yield f"and {len(found) - LISTED:,} more"


def _numbered(report: Report, colour: bool) -> Iterator[str]:
    if report.numbers.whole:
        return
    yield ""
    rows: list[tuple[str, ...]] = [("Numbers", *words.NUMBERS)]
    rows += [(each.target, *words.counts(each)) for each in report.numbered[:LISTED]]
    yield from _table(rows, (1, 2, 3, 4), colour)
    if len(report.numbered) > LISTED:
        yield f"and {words.targets(len(report.numbered) - LISTED)} of which there is less to say"


def _figures(run: Candidate | Track, whole: Summary | None) -> tuple[str, ...]:
    return tuple(each for pair in words.figures(run, whole) for each in pair)


def _period(report: Report) -> str:
    length = words.length(report.until - report.since)
    return f"{seconds_text(report.since)} to {seconds_text(report.until)} ({length})"


def _table(rows: list[tuple[str, ...]], right: range | tuple[int, ...], colour: bool) -> Iterator[str]:
    head, *others = aligned(rows, right)
    yield _painted(head, BOLD, colour)
    yield from others


def _painted(line: str, style: str, colour: bool) -> str:
    return f"{style}{line}{PLAIN}" if colour else line
