"""Numbers, times and verdicts of a report as people read them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from autoscaler.core.figures import noun, span
from autoscaler.model.whatif import Candidate, Numbers, Report, Summary, Track

DAY = 86_400
REASONS = 5
"""Of what was left out; what could not be replayed is in a table, too."""
SAME = 1e-9
"""Sums of the same numbers in another order are no further apart than this share of them."""


def verdict(report: Report) -> str:
    """What the replay of the unchanged policy says about the record, as far as it was replayed."""
    left = sum(each.evaluations for each in report.unanswerable)
    if not report.evaluations:
        return "no evaluation was found to replay"
    replayed = report.identical + report.differing
    if not replayed:
        return f"none of {evaluations(report.evaluations)} could be replayed"
    told = f"{evaluations(replayed)} replayed by their own policy: "
    if report.identical == replayed:
        told += "every one came to the recorded decision"
    else:
        told += f"{report.identical:,} came to the recorded decision, {report.differing:,} to another one"
    told += f"; {left:,} not replayed" if left else ""
    missing = report.numbers.missing
    return told + (f"; {records(missing)} missing" if missing else "")


def left_out(report: Report) -> list[str]:
    """What was not replayed, and why: over all targets, the most first."""
    reasons: Counter[str] = Counter()
    for each in report.unanswerable:
        reasons[each.reason] += each.evaluations
    told = [f"{count:,} not replayed: {why}" for why, count in reasons.most_common(REASONS)]
    if len(reasons) > REASONS:
        told.append(f"and {len(reasons) - REASONS:,} more reasons, below")
    return [*told, *(f"{each.events:,} passed over: {each.reason}" for each in report.passed_over)]


def numbers(of: Numbers) -> str:
    """What the numbers of the records say, "" when there is nothing to say."""
    counts = (
        (of.missing, "missing"),
        (of.out_of_order, "out of order"),
        (of.duplicates, "came again, and counted once"),
        (of.not_kept, "not kept, for want of room"),
    )
    told = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return told if of.whole else f"{told}: see `autoscaler audit verify`"


NUMBERS = ("Missing", "Out of order", "Came again", "Not kept")


def counts(of: Numbers) -> tuple[str, ...]:
    """`NUMBERS` of a target."""
    return tuple(f"{each:,}" for each in (of.missing, of.out_of_order, of.duplicates, of.not_kept))


def records(count: int) -> str:
    """`1 record`, `12 records`."""
    return f"{count:,} {noun(count, 'record')}"


def evaluations(count: int) -> str:
    """`1 evaluation`, `12 evaluations`."""
    return f"{count:,} {noun(count, 'evaluation')}"


def uncounted(recorded: Candidate) -> str:
    """What the sums of the recorded run leave out."""
    count = sum(each.evaluations for each in recorded.unanswerable)
    return f"What was recorded counts in no sum for {evaluations(count)}, out of the order of time"


def unknown(run: Candidate) -> str:
    """What is not known of a candidate, for which its sums do not count."""
    count = sum(each.evaluations for each in run.unanswerable)
    return f"{run.name} would have done is not known for {evaluations(count)}, which its sums leave out"


def replicas(number: int | None) -> str:
    """The number a decision came to, and a word where it came to none."""
    return "none" if number is None else f"{number:,}"


def targets(count: int) -> str:
    """`1 target`, `100 targets`."""
    return f"{count:,} {noun(count, 'target')}"


def length(seconds: float) -> str:
    """How long: whole days as such, and less than a minute to three digits."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    days, rest = divmod(round(seconds), DAY)
    if not days:
        return span(seconds)
    return f"{days} d" if rest < 60 else f"{days} d {span(rest)}"


def moment(at: float) -> str:
    """`Wed 18 Nov 2026 14:32:00`, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%a %d %b %Y %H:%M:%S}"


def share(before: float, after: float) -> str:
    """`-18.2 %`, `=` when it is the same; where there was none before, how much there is now."""
    if _same(before, after):
        return "="
    if not before:
        return f"+{number(after)}"
    part = (after - before) / before * 100
    return f"{part:+,.{_decimals(part, 2)}f} %"


def signed(before: float, after: float) -> str:
    """`+12.0`, `-0.25`, `=` when it is the same."""
    apart = after - before
    return "=" if _same(before, after) else f"{apart:+,.{_decimals(apart, 2)}f}"


def number(of: float) -> str:
    """With three significant digits at least and one behind the point: `212.9`, `0.235`; `0` is none at all."""
    return f"{of:,.{_decimals(of, 3)}f}" if of else "0"


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME, abs_tol=SAME)


def _decimals(of: float, significant: int) -> int:
    """Digits behind the point, one at least."""
    return max(1, significant - 1 - math.floor(math.log10(abs(of)))) if of else 1


FIGURES = ("pod-hours", "changes", "minutes under target")


def known(run: Candidate | Track) -> bool:
    """Whether it is known of any moment how many there were: of nothing, the sums are 0."""
    tracks = [run] if isinstance(run, Track) else run.tracks
    return any(size is not None for track in tracks for size in track.replicas)


def figures(run: Candidate | Track, whole: Summary | None = None) -> list[tuple[str, str]]:
    """`FIGURES` of a run or of one target in it, each with how different it is from what was recorded of just that.

    "" for the recorded run itself; what is not known is "-". Where that is not the `whole` record that stands beside
    it, the figure it is compared with is said, too: `-1 from 4`, `= 4`.
    """
    if not known(run):
        return [("-", "")] * len(FIGURES)
    told, then = _figures(run.summary), run.recorded
    if then is None:
        return [(each, "") for each in told]
    apart = [
        share(then.pod_hours, run.summary.pod_hours),
        _more(then.changes, run.summary.changes),
        signed(then.minutes_under_target, run.summary.minutes_under_target),
    ]
    if then != whole:
        apart = [
            f"= {before}" if each == "=" else f"{each} from {before}"
            for each, before in zip(apart, _figures(then), strict=True)
        ]
    return list(zip(told, apart, strict=True))


def _figures(of: Summary) -> list[str]:
    return [number(of.pod_hours), f"{of.changes:,}", number(of.minutes_under_target)]


def _more(before: int, after: int) -> str:
    return "=" if before == after else f"{after - before:+,}"


def sentence(track: Track) -> str:
    """`FIGURES` of a target in a run: `2.50 pod-hours, 1 change, 0 minutes under target`."""
    hours, changes, minutes = (figure for figure, _ in figures(track))
    return f"{hours} pod-hours, {changes} {noun(track.summary.changes, 'change')}, {minutes} minutes under target"


def cover(run: Candidate, report: Report) -> str:
    """Of how many of the record's targets a run tells something: `1 of 2`."""
    return f"{run.targets:,} of {len(report.recorded.tracks):,}"


def compared(run: Candidate, report: Report) -> str:
    """What a candidate is compared with where that is not all that was recorded, else ""."""
    if run.recorded == report.recorded.summary or not run.targets:
        return ""
    some = run.targets < len(report.recorded.tracks)
    told = f"{run.name} tells of {cover(run, report)} targets: " if some else f"{run.name} is not known all the time: "
    told += "it is compared with what was recorded of just these" if some else "it is compared with what was recorded"
    return told + (" while it is known" if run.unanswerable else "")


def shortage(run: Candidate | Track) -> str:
    """What was there of what was needed, when least was."""
    worst = run.summary.worst
    if worst is None:
        return "never short" if known(run) else "not known"
    return f"{worst.replicas:,} of {worst.demand:,} needed"


class Standing:
    """A report's runs by target: `runs` are the recorded one and the candidates, in this order."""

    def __init__(self, report: Report) -> None:
        self.runs: Sequence[Candidate] = (report.recorded, *report.candidates)
        self._tracks = [{track.target: track for track in run.tracks} for run in self.runs]

    def track(self, run: int, target: str) -> Track | None:
        """None: this run has no such target."""
        return self._tracks[run].get(target)

    def ranked(self) -> list[str]:
        """All targets, first those for which most is at stake: minutes under target, then pod-hours, that differ from
        the recorded ones (without candidates: that were recorded).
        """
        return sorted(
            {target for tracks in self._tracks for target in tracks}, key=lambda name: (*self._weight(name), name)
        )

    def _weight(self, target: str) -> tuple[float, float]:
        found = [tracks[target] for tracks in self._tracks if target in tracks]
        if len(self.runs) == 1:
            return -found[0].summary.minutes_under_target, -found[0].summary.pod_hours
        pairs = [(each.summary, each.recorded) for each in found if each.recorded]
        return (
            -max((abs(one.minutes_under_target - then.minutes_under_target) for one, then in pairs), default=0.0),
            -max((abs(one.pod_hours - then.pod_hours) for one, then in pairs), default=0.0),
        )
