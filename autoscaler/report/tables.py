"""The tables of the page: runs beside each other, every target, the numbers of a plot, what could not be replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autoscaler.model.whatif import Candidate, Difference, Numbers, Report, Summary, Track, Unanswerable
from autoscaler.report import words
from autoscaler.report.axes import time_step
from autoscaler.report.markup import Markup, element, joined
from autoscaler.report.steps import Cell, Steps, Window, cells

ROWS = 28
"""Of the numbers of a plot."""
RUNS = "The runs, each summed over the targets it tells of, and compared with what was recorded of just these"
LISTED = 200
"""Of differences, and of what could not be replayed."""


def runs(report: Report, anchors: Sequence[str]) -> Markup:
    """A row for every run, the recorded one first; `anchors` are where the worst moment of each is seen."""
    rows = []
    for index, (run, anchor) in enumerate(zip((report.recorded, *report.candidates), anchors, strict=True)):
        worst = run.summary.worst
        seen: str = words.shortage(run)
        if worst is not None:
            told = f"{words.moment(worst.time)}: {worst.target}, {words.shortage(run)}"
            seen = element("a", told, href=anchor) if anchor else told
        figures = _figures(run, report.recorded.summary, span=1 if index else 2)
        cover = element("td", words.cover(run, report), class_="n")
        rows.append(element("tr", element("th", run.name, scope="row"), cover, figures, element("td", seen)))
    heads = (element("th", each, colspan=2, scope="col") for each in words.FIGURES)
    return table(RUNS, ("run", "targets", *heads, "worst moment (UTC)"), rows)


def targets(standing: words.Standing, names: Sequence[str], anchors: dict[str, str]) -> Markup:
    """A row for every target, three figures for every run; `anchors`: where a target is plotted."""
    rows = []
    for name in names:
        first = standing.track(0, name)
        figures = []
        for run in range(len(standing.runs)):
            track, span = standing.track(run, name), 2 if run else 1
            if track is None:
                figures.append(element("td", "not in this run", colspan=3 * span))
            else:
                apart = track.recorded is not None
                figures.append(_figures(track, first.summary if first else None, span=1 if apart else span))
        label = element("a", name, href=f"#{anchors[name]}") if name in anchors else name
        rows.append(element("tr", element("th", label, scope="row"), *figures))
    spans = [2 if run else 1 for run in range(len(standing.runs))]
    groups = element(
        "tr",
        element("td"),
        *(
            element("th", run.name, colspan=3 * span, scope="colgroup")
            for run, span in zip(standing.runs, spans, strict=True)
        ),
    )
    heads = (element("th", each, colspan=span, scope="col") for span in spans for each in words.FIGURES)
    return table("Every target, first those for which most is at stake", ("target", *heads), rows, groups)


def numbers(recorded: Track, candidate: Track | None, window: Window) -> Markup:
    """What a plot shows, for who cannot see it: lowest and highest of every part of the time."""
    step = time_step(window.until - window.since, ROWS)
    first = window.since // step * step
    count = max(1, int(-(-(window.until - first) // step)))
    parts = Window(since=first, until=first + count * step, columns=count)
    shown = candidate or recorded
    columns = [
        _ranges(recorded, lambda track: track.replicas, parts),
        *([_ranges(candidate, lambda track: track.replicas, parts)] if candidate else []),
        *(_ranges(shown, each, parts) for each in (lambda t: t.demand, lambda t: t.lower, lambda t: t.upper)),
    ]
    rows = [
        element(
            "tr", element("th", words.moment(first + index * step), scope="row"), *(element("td", each) for each in row)
        )
        for index, row in enumerate(zip(*columns, strict=True))
    ]
    heads = ("from (UTC)", "recorded", *(("candidate",) if candidate else ()), "demand", "min", "max")
    return table(f"Lowest and highest in every {words.length(step)}", heads, rows)


def differences(found: Sequence[Difference], count: int) -> Markup:
    """Evaluations that came to another number with their own policy; `count` of them there are in all."""
    rows = [
        element(
            "tr",
            element("td", words.moment(each.time)),
            element("td", each.target),
            *(element("td", words.replicas(number), class_="n") for number in (each.recorded, each.replayed)),
            element("td", each.reason),
        )
        for each in found[:LISTED]
    ]
    told = f"The first {len(rows):,} of {count:,} evaluations that came to another decision"
    return table(told, ("time (UTC)", "target", "recorded", "replayed", "at which step"), rows)


def unanswerable(found: Sequence[Unanswerable]) -> Markup:
    """What could not be replayed, and why."""
    rows = [
        element(
            "tr",
            element("td", each.target),
            element("td", f"{each.evaluations:,}", class_="n"),
            element("td", words.moment(each.time)),
            element("td", each.reason),
        )
        for each in found[:LISTED]
    ]
    more = f", the first {LISTED} of {len(found):,} rows" if len(found) > LISTED else ""
    return table(f"By target{more}", ("target", "evaluations", "since (UTC)", "why"), rows)


def numbered(found: Sequence[Numbers]) -> Markup:
    """What the numbers of each target's records say."""
    rows = [
        element(
            "tr",
            element("th", each.target, scope="row"),
            *(element("td", count, class_="n") for count in words.counts(each)),
        )
        for each in found[:LISTED]
    ]
    more = f", the first {LISTED} of {len(found):,}" if len(found) > LISTED else ""
    return table(f"Records by target, the worst first{more}", ("target", *map(str.lower, words.NUMBERS)), rows)


def table(caption: str, heads: Sequence[str], rows: Sequence[Markup], groups: Markup = Markup("")) -> Markup:  # noqa: B008 - a frozen value
    """In a box of its own that can be scrolled sideways, by keyboard too; a head may be a cell already."""
    head = element(
        "thead",
        groups,
        element("tr", *(each if isinstance(each, Markup) else element("th", each, scope="col") for each in heads)),
    )
    body = element("table", element("caption", caption), head, element("tbody", *rows))
    return element("div", body, class_="wide", tabindex=0, role="region", aria_label=caption)


def _figures(run: Candidate | Track, whole: Summary | None, span: int = 1) -> Markup:
    """A cell for every figure, and behind it one for what is different, if that can be."""
    return joined(
        *(
            joined(
                element("td", figure, class_="n", colspan=span if span > 1 else None),
                element("td", apart, class_="by") if run.recorded is not None else "",
            )
            for figure, apart in words.figures(run, whole)
        )
    )


def _ranges(track: Track, of: Callable[[Track], Sequence[int | None]], parts: Window) -> list[str]:
    return [_range(cell) for cell in cells(of(track), Steps(track.times, of(track), track.end).spans(parts))]


def _range(cell: Cell | None) -> str:
    if cell is None:
        return "not known"
    return f"{cell.low:,}" if cell.low == cell.high else f"{cell.low:,} to {cell.high:,}"
