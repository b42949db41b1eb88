"""Numbers, times and verdicts of a report as people read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from autoscaler.core import sentences
from autoscaler.model.whatif import Candidate, Numbers, Report, Track

DAY = 86_400
REASONS = 5
"""Of what was left out; what could not be replayed is in a table, too."""
CHANCE = 0.05
"""A difference below half of the last digit that is shown is none."""


def verdict(report: Report) -> str:
    """What the replay of the unchanged policy says about the record, as far as it was replayed."""
    left = sum(each.evaluations for each in report.unanswerable)
    if not report.evaluations:
        return "no evaluation was found to replay"
    replayed = report.identical + report.differing
    if not replayed:
        return f"none of {report.evaluations:,} evaluations could be replayed"
    told = f"{replayed:,} evaluations replayed by their own policy: "
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
    return f"{count:,} record" if count == 1 else f"{count:,} records"


def uncounted(recorded: Candidate) -> str:
    """What the sums of the recorded run leave out."""
    count = sum(each.evaluations for each in recorded.unanswerable)
    return f"What was recorded counts in no sum for {count:,} evaluations, which came behind later ones"


def unknown(run: Candidate) -> str:
    """What is not known of a candidate, for which its sums do not count."""
    count = sum(each.evaluations for each in run.unanswerable)
    return f"{run.name} would have done is not known for {count:,} evaluations, which its sums leave out"


def targets(count: int) -> str:
    """`1 target`, `100 targets`."""
    return f"{count:,} target" if count == 1 else f"{count:,} targets"


def length(seconds: float) -> str:
    """How long: whole days as such, and less than a minute to three digits."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    days, rest = divmod(round(seconds), DAY)
    if not days:
        return sentences.span(seconds)
    return f"{days} d" if rest < 60 else f"{days} d {sentences.span(rest)}"


def moment(at: float) -> str:
    """`Wed 18 Nov 2026 14:32:00`, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%a %d %b %Y %H:%M:%S}"


def share(before: float, after: float) -> str:
    """`-18.2 %`, `=` when it is the same, "" when there is nothing to compare with."""
    if abs(after - before) < CHANCE:
        return "="
    return f"{(after - before) / before * 100:+,.1f} %" if before else f"{after - before:+,.1f}"


def signed(before: float, after: float, digits: int = 0) -> str:
    """`+12`, `-3`, `=` when it is the same."""
    text = f"{after - before:+,.{digits}f}"
    return text if any(digit in text for digit in "123456789") else "="


FIGURES = ("pod-hours", "changes", "minutes under target")


def known(run: Candidate | Track) -> bool:
    """Whether it is known of any moment how many there were: of nothing, the sums are 0."""
    tracks = [run] if isinstance(run, Track) else run.tracks
    return any(size is not None for track in tracks for size in track.replicas)


def figures(run: Candidate | Track, before: Candidate | Track | None = None) -> list[tuple[str, str]]:
    """`FIGURES` of a run or of one target in it, each with how different it is from that of `before`.

    "" without one, or where nothing is known of either; what is not known itself is "-".
    """
    if not known(run):
        return [("-", "")] * len(FIGURES)
    summary = run.summary
    told = [f"{summary.pod_hours:,.1f}", f"{summary.changes:,}", f"{summary.minutes_under_target:,.1f}"]
    apart = ["", "", ""]
    if before is not None and known(before):
        then = before.summary
        apart = [
            share(then.pod_hours, summary.pod_hours),
            signed(then.changes, summary.changes),
            signed(then.minutes_under_target, summary.minutes_under_target, 1),
        ]
    return list(zip(told, apart, strict=True))


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
        found = [tracks[target].summary for tracks in self._tracks if target in tracks]
        if len(self.runs) == 1:
            return -found[0].minutes_under_target, -found[0].pod_hours
        first, others = found[0], found[1:]
        return (
            -max((abs(other.minutes_under_target - first.minutes_under_target) for other in others), default=0.0),
            -max((abs(other.pod_hours - first.pod_hours) for other in others), default=0.0),
        )
