"""One target through time as SVG: recorded and candidate replicas, demand, bounds, what is short and what differs.

Every line keeps the lowest and the highest value of its column of pixels (`steps`). It reads without colours: recorded
is broad and pale, the candidate thin and strong on top of it, so that where they agree one sees both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from msgspec import Struct

from autoscaler.model.whatif import Track, Worst
from autoscaler.report.axes import count_ticks, time_ticks
from autoscaler.report.markup import Markup, element, joined
from autoscaler.report.steps import Cell, Steps, Window, cells, difference, shortfall

COLUMNS = 960
LEFT, RIGHT, TOP = 112, 10, 8
HEIGHT = 190
LANE, LANE_GAP = 9, 5
AXIS = 20
CLIPPED_AT = 3
"""A demand above so many times the replicas does not flatten all else: it leaves the plot at the top, and is told."""

Drawn = Sequence[Cell | None]


class Plot(Struct, frozen=True):
    """`svg`, and `highest` demand when it left the plot at the top, else None."""

    svg: Markup
    highest: int | None


def plot(name: str, recorded: Track, candidate: Track | None, window: Window, label: str) -> Plot:
    """The picture of a target; `name` is an id of the page, `label` says what is seen for who cannot see it."""
    shown = candidate or recorded
    base, mine = _spans(recorded, window), _spans(shown, window)
    sizes, demand = cells(recorded.replicas, base), cells(shown.demand, mine)
    other = cells(candidate.replicas, mine) if candidate else []
    bounds = cells(shown.lower, mine), cells(shown.upper, mine)
    tallest = max((cell.high for cell in (*sizes, *other) if cell), default=0)
    wanted = max((cell.high for cell in demand if cell), default=0)
    top = max(1, tallest, min(wanted, CLIPPED_AT * max(1, tallest)))

    @cache
    def y(value: float) -> float:
        return round(TOP + HEIGHT * (1 - min(value / (top * 1.06), 1.0)), 1)

    lanes = [("recorded short", "short", cells(shortfall(recorded), base))]
    if candidate:
        apart = difference(recorded, candidate)
        lanes += [
            ("candidate short", "short", cells(shortfall(candidate), mine)),
            ("more / fewer", "apart", cells(apart.values, apart.spans(window))),
        ]
    content = joined(
        _band(bounds, y),
        _grid(window, top, y, lanes=len(lanes)),
        _path("demand high", _area([cell and cell.high for cell in demand], y)),
        _path("demand low", _area([cell and cell.low for cell in demand], y)),
        _path("demand edge", _line(demand, y)),
        _path("recorded", _line(sizes, y)),
        _path("candidate", _line(other, y)),
        *(_lane(index, words, kind, drawn) for index, (words, kind, drawn) in enumerate(lanes)),
        _worst(recorded.summary.worst, "recorded", window, y),
        _worst(candidate.summary.worst if candidate else None, "candidate", window, y),
    )
    height = TOP + HEIGHT + len(lanes) * (LANE + LANE_GAP) + LANE_GAP + AXIS
    svg = element(
        "svg",
        element("title", recorded.target, id=f"{name}t"),
        element("desc", label, id=f"{name}d"),
        content,
        viewBox=f"0 0 {LEFT + window.columns + RIGHT} {height}",
        role="img",
        aria_labelledby=f"{name}t {name}d",
    )
    return Plot(svg, wanted if wanted > top else None)


def _spans(track: Track, window: Window) -> list[tuple[int, int]]:
    return Steps(track.times, track.replicas, track.end).spans(window)


def _path(kind: str, drawn: Iterator[str]) -> Markup:
    found = "".join(drawn)
    return element("path", class_=kind, d=found) if found else Markup("")


def _line(drawn: Drawn, y: Callable[[float], float]) -> Iterator[str]:
    """A step line; in each column it goes through the lowest and the highest value and leaves at the last."""
    pen: float | None = None
    for column, cell in enumerate(drawn, LEFT):
        if cell is None:
            if pen is not None:
                yield f"H{column}"
            pen = None
            continue
        if pen is None:
            pen = y(cell.first)
            yield f"M{column} {pen:g}"
        if cell.low == cell.high and y(cell.last) == pen:
            continue
        yield f"H{column}"
        for visit in (y(cell.low), y(cell.high), y(cell.last)):
            if visit != pen:
                yield f"V{visit:g}"
            pen = visit
    if pen is not None:
        yield f"H{LEFT + len(drawn)}"


def _area(heights: Sequence[int | None], y: Callable[[float], float]) -> Iterator[str]:
    """From 0 up to the heights."""
    floor, pen = y(0), None
    for column, height in enumerate((*heights, None), LEFT):
        level = None if height is None else y(height)
        if level == pen:
            continue
        if pen is None:
            yield f"M{column} {floor:g}V{level:g}"
        else:
            yield f"H{column}" + (f"V{floor:g}Z" if level is None else f"V{level:g}")
        pen = level


def _band(bounds: tuple[Drawn, Drawn], y: Callable[[float], float]) -> Markup:
    """Between the bounds, with their edges; a bound above the plot has none."""
    inside: list[tuple[int, int, tuple[float, float]]] = []
    for column, (lower, upper) in enumerate(zip(*bounds, strict=True), LEFT):
        if lower is None or upper is None:
            continue
        box = (y(upper.high), y(lower.low))
        if inside and inside[-1][1] == column and inside[-1][2] == box:
            inside[-1] = (inside[-1][0], column + 1, box)
        else:
            inside.append((column, column + 1, box))
    boxes = "".join(f"M{begin} {high:g}H{stop}V{low:g}H{begin}Z" for begin, stop, (high, low) in inside)
    edges = (
        _path("bound", _line([cell if cell and y(cell.low) > TOP else None for cell in each], y)) for each in bounds
    )
    return joined(element("path", class_="band", d=boxes) if boxes else "", *edges)


def _grid(window: Window, top: int, y: Callable[[float], float], lanes: int) -> Markup:
    bottom = TOP + HEIGHT + lanes * (LANE + LANE_GAP) + LANE_GAP
    parts = []
    for tick in count_ticks(top, 5):
        parts.append(element("path", class_="grid", d=f"M{LEFT} {y(tick):g}h{window.columns}"))
        parts.append(element("text", f"{tick:,}", x=LEFT - 6, y=y(tick) + 4, class_="end"))
    for at, label in time_ticks(window.since, window.until, 9):
        x = round(LEFT + window.column(at), 1)
        parts.append(element("path", class_="grid", d=f"M{x:g} {TOP}V{bottom}"))
        if x < LEFT + window.columns - 30:
            parts.append(element("text", label, x=x, y=bottom + 14, class_="start" if x < LEFT + 30 else "middle"))
    parts.append(element("text", "replicas", x=0, y=TOP + 12))
    return joined(*parts)


def _lane(index: int, words: str, kind: str, drawn: Drawn) -> Markup:
    """A strip below the plot: filled where it holds; of what differs, above the middle more and below it fewer."""
    top = TOP + HEIGHT + LANE_GAP + index * (LANE + LANE_GAP)
    half = LANE / 2
    above = [cell is not None and cell.high > 0 for cell in drawn]
    marks = [(kind, float(top), float(LANE), above)]
    if kind == "apart":
        below = [cell is not None and cell.low < 0 for cell in drawn]
        marks = [("more", top, half, above), ("fewer", top + half, half, below)]
    parts = [element("path", class_="lane", d=f"M{LEFT} {top}h{len(drawn)}v{LANE}h-{len(drawn)}z")]
    for each, at, height, filled in marks:
        boxes = "".join(f"M{begin} {at:g}h{width}v{height:g}h-{width}z" for begin, width in _runs(filled))
        parts.append(element("path", class_=each, d=boxes) if boxes else Markup(""))
    return joined(*parts, element("text", words, x=LEFT - 6, y=top + 8, class_="end lanename"))


def _runs(filled: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where columns that are filled begin, and how many there are."""
    begin = None
    for column, each in enumerate((*filled, False), LEFT):
        if each and begin is None:
            begin = column
        elif not each and begin is not None:
            yield begin, column - begin
            begin = None


def _worst(worst: Worst | None, run: str, window: Window, y: Callable[[float], float]) -> Markup:
    """From what was there up to what was needed; a ring for the candidate, a square for the record."""
    if worst is None:
        return Markup("")
    x, there = round(LEFT + window.column(worst.time), 1), y(worst.replicas)
    shape = (
        element("circle", cx=x, cy=there, r=5)
        if run == "candidate"
        else element("path", d=f"M{x - 4.5:g} {there - 4.5:g}h9v9h-9z")
    )
    told = f"worst moment, {run}: {worst.replicas} of {worst.demand} replicas needed"
    line = element("path", d=f"M{x:g} {there:g}V{y(worst.demand):g}")
    return element("g", element("title", told), line, shape, class_=f"worst {run}s")
