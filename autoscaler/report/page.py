"""The report as one page of HTML: nothing is loaded from anywhere and nothing is run, so it can be mailed and archived.

Its policy (CSP) forbids scripts and every address but its own; names and texts of the record are escaped (`markup`).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from autoscaler import __version__
from autoscaler.model.whatif import Candidate, Report, Track
from autoscaler.report import tables, words
from autoscaler.report.markup import Markup, element, joined
from autoscaler.report.plot import COLUMNS, plot
from autoscaler.report.steps import Window

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
PLOTTED = 200
"""Targets with a plot: a page of more opens slowly. All of them are in the table."""
SHORTEST = 1.0
"""Seconds that a plot shows at least: a record of one evaluation has a page too."""


def page(report: Report) -> str:
    """The whole document."""
    standing = words.Standing(report)
    names = standing.ranked()
    anchors = {name: f"t{index}" for index, name in enumerate(names[:PLOTTED])}
    window = Window(report.since, max(report.until, report.since + SHORTEST), COLUMNS)
    title = (
        f"What if: {', '.join(run.name for run in report.candidates)}" if report.candidates else "Replay of the record"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} · HPA Companion"),
        element("style", Markup(_style())),
    )
    body = element(
        "body",
        element("header", element("h1", title), _about(report, len(names))),
        element(
            "main",
            _verdict(report),
            element("h2", "Runs", id="runs"),
            tables.runs(report, [_worst_anchor(run, standing, anchors) for run in range(len(standing.runs))]),
            *(element("p", told, class_="note") for run in report.candidates if (told := words.compared(run, report))),
            _uncounted(report.recorded),
            *(_behind(run) for run in report.candidates),
            element("h2", "Targets", id="targets"),
            tables.targets(standing, names, anchors),
            element("h2", "Plots", id="plots"),
            _legend(window, bool(report.candidates), len(names)),
            *(_target(name, anchors[name], standing, window) for name in anchors),
        ),
        element("footer", element("p", f"Made by HPA Companion {__version__}. Times are UTC.")),
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en") + "\n"


@cache
def _style() -> str:
    return (files("autoscaler.report") / "page.css").read_text(encoding="utf-8")


def _about(report: Report, targets: int) -> Markup:
    told = (
        ("Record", report.source),
        ("From", words.moment(report.since)),
        ("To", words.moment(report.until)),
        ("Length", words.length(report.until - report.since)),
        ("Targets", f"{targets:,}"),
    )
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in told))


def _verdict(report: Report) -> Markup:
    mark = element("strong", "✓ " if report.sound else "! ")
    parts = [element("p", mark, words.verdict(report), ".", class_="verdict")]
    told = [*words.left_out(report), *filter(None, (words.numbers(report.numbers),))]
    if told:
        parts.append(element("ul", *(element("li", _with_code(each)) for each in told), class_="left"))
    if report.differences:
        parts.append(
            _folded("Which came to another decision", tables.differences(report.differences, report.differing))
        )
    if report.unanswerable:
        parts.append(_folded("What could not be replayed", tables.unanswerable(report.unanswerable)))
    if report.numbered:
        parts.append(_folded("What is missing, out of order or twice, by target", tables.numbered(report.numbered)))
    return joined(*parts)


def _with_code(told: str) -> Markup:
    """What stands between backticks as code."""
    return joined(*(element("code", each) if place % 2 else each for place, each in enumerate(told.split("`"))))


def _uncounted(recorded: Candidate) -> Markup:
    left = recorded.unanswerable
    return _folded(words.uncounted(recorded), tables.unanswerable(left)) if left else Markup("")


def _behind(run: Candidate) -> Markup:
    """What a candidate was, and what of it is not known."""
    return joined(
        _folded(f"Policy of {run.name}", element("pre", run.policy)) if run.policy else "",
        _folded(f"What {words.unknown(run)}", tables.unanswerable(run.unanswerable)) if run.unanswerable else "",
    )


def _folded(title: str, content: Markup) -> Markup:
    return element("details", element("summary", title), content)


def _worst_anchor(run: int, standing: words.Standing, anchors: dict[str, str]) -> str:
    """Where the worst moment of a run is marked; "": in no plot."""
    worst = standing.runs[run].summary.worst
    if worst is None or worst.target not in anchors:
        return ""
    return f"#{anchors[worst.target]}-{max(run, 1)}"


def _legend(window: Window, compared: bool, targets: int) -> Markup:
    keys = [
        ("recorded", "broad: replicas as recorded"),
        *([("candidate", "thin: replicas of the candidate, over the recorded ones")] if compared else []),
        ("demand", "demand: the replicas that the recorded load needs at exactly the target; darker up to its lowest"),
        ("band", "between min and max replicas, dashed edges"),
        ("short", "short: demand above replicas, tolerance not counted"),
        *(
            [("apart", "candidate has more (upper half) or fewer (lower half) replicas than recorded")]
            if compared
            else []
        ),
    ]
    swatch = {
        "recorded": element("path", class_="recorded", d="M0 9h30"),
        "candidate": element("path", class_="candidate", d="M0 9h10v-5h20"),
        "demand": joined(
            element("path", class_="demand high", d="M0 2h30v14h-30z"),
            element("path", class_="demand low", d="M0 8h30v8h-30z"),
        ),
        "band": joined(
            element("path", class_="band", d="M0 3h30v12h-30z"), element("path", class_="bound", d="M0 3h30M0 15h30")
        ),
        "short": element("path", class_="short", d="M0 5h18v8h-18z"),
        "apart": joined(
            element("path", class_="more", d="M0 5h12v4h-12z"), element("path", class_="fewer", d="M14 9h14v4h-14z")
        ),
    }
    items = (
        element("li", element("svg", swatch[kind], viewBox="0 0 30 18", width=30, height=18, aria_hidden="true"), told)
        for kind, told in keys
    )
    left = f" Plotted are the {PLOTTED} targets for which most is at stake." if targets > PLOTTED else ""
    told = (
        f"Every plot has {window.columns} columns of {words.length(window.width)} each. A line goes through the lowest "
        "and the highest value in a column, a strip is filled where anything in it holds: no peak is lost, and what "
        f"was shorter than a column is as wide as one. A gap is time of which the record knows nothing.{left}"
    )
    return joined(element("ul", *items, class_="legend"), element("p", told, class_="note"))


def _target(name: str, anchor: str, standing: words.Standing, window: Window) -> Markup:
    recorded = standing.track(0, name)
    figures = []
    for run in range(1, len(standing.runs)) if len(standing.runs) > 1 else (0,):
        track = standing.track(run, name)
        if track is None and recorded is None:
            continue
        figures.append(
            _figure(f"{anchor}-{max(run, 1)}", standing.runs[run].name, recorded, track if run else None, window)
        )
    top = element("a", "all targets", href="#targets", class_="up")
    return element("section", element("h3", name, top, id=anchor), *figures)


def _figure(anchor: str, run: str, recorded: Track | None, candidate: Track | None, window: Window) -> Markup:
    base = recorded or candidate
    if base is None:
        return Markup("")
    other = candidate if recorded else None
    lines = [_sentence("recorded" if recorded else run, base), *([_sentence(run, other)] if other else [])]
    drawn = plot(anchor, base, other, window, " ".join(lines))
    notes = [*lines]
    if drawn.highest is not None:
        notes.append(f"The demand leaves the plot at the top; it was up to {drawn.highest:,}.")
    return element(
        "figure",
        element("figcaption", *(element("span", each) for each in notes)),
        element("div", drawn.svg, class_="wide plot", tabindex=0, role="group", aria_label=f"plot of {base.target}"),
        _folded("The same in numbers", tables.numbers(base, other, window)),
        id=anchor,
    )


def _sentence(run: str, track: Track) -> str:
    worst = track.summary.worst
    told = f"{run}: {words.sentence(track)}"
    return told + (f", worst {words.shortage(track)} at {words.moment(worst.time)}." if worst else ".")
