"""A record decided again: target by target, to one report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core.lane import Tally
from autoscaler.core.strand import LISTED, Strand
from autoscaler.core.trace import total
from autoscaler.model.basis import Spec
from autoscaler.model.decision import Decision
from autoscaler.model.whatif import Candidate, Difference, Numbers, PassedOver, Report, Track, Unanswerable

Chooser = Callable[[str], Spec | None]
"""The policy that a candidate has for a target of this name, if any."""


class Named(Struct, frozen=True):
    """A candidate: one word for it, and its text."""

    name: str
    policy: str


class Span(Struct, frozen=True):
    """From when to when, in seconds since 1970; `ready_after` is for how many seconds a new pod is not ready."""

    since: float = float("-inf")
    until: float = float("inf")
    ready_after: float = 30.0


class Part(Struct, frozen=True, kw_only=True):
    """What became of some targets; `tracks` and `untold` are of the candidates in their order."""

    evaluations: int
    identical: int
    differing: int
    first: float
    last: float
    recorded: tuple[Track, ...]
    tracks: tuple[tuple[Track, ...], ...]
    untold: tuple[tuple[Unanswerable, ...], ...]
    differences: tuple[Difference, ...]
    unanswerable: tuple[Unanswerable, ...]
    uncounted: tuple[Unanswerable, ...] = ()
    numbered: tuple[Numbers, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


class Replay:
    """Takes records, each target's in their order."""

    def __init__(self, candidates: Sequence[Chooser], span: Span) -> None:
        self._candidates, self._span = candidates, span
        self._strands: dict[str, Strand] = {}
        self._passed_over: Counter[str] = Counter()

    def take(
        self, key: str, epoch: int, seq: int, decision: Decision, *, at: float | None = None, shed: int = 0
    ) -> None:
        """The next record of the target `key`; `at` is its time, from whoever has it."""
        self._strand(key).take(epoch, seq, decision, at=at, shed=shed)

    def pass_over(self, key: str, epoch: int, seq: int, at: float, why: str, *, shed: int = 0) -> None:
        """The next record is one of which no more is known than its time."""
        self._strand(key).pass_over(epoch, seq, at, why, shed=shed)

    def pass_by(self, what: str) -> None:
        """An event of no target's record."""
        self._passed_over[what] += 1

    def _strand(self, key: str) -> Strand:
        strand = self._strands.get(key)
        if strand is None:
            span = self._span
            specs = [choose(key) for choose in self._candidates]
            strand = Strand(key, specs, ready_after=span.ready_after, since=span.since, until=span.until)
            self._strands[key] = strand
        return strand

    def part(self) -> Part:
        """What was found, once all were taken."""
        for each in self._strands.values():
            each.end()
        found = [strand for _, strand in sorted(self._strands.items()) if strand.evaluations]
        tracks, untold = [], []
        for number in range(len(self._candidates)):
            pairs = [(each, each.trials[number]) for each in found]
            tracks.append(
                tuple(
                    replace(trial.trace.track(strand.patience), recorded=strand.beside(number))
                    for strand, trial in pairs
                    if trial
                )
            )
            untold.append(tuple(one for strand in found for one in strand.untold(number)))
        return Part(
            evaluations=sum(each.evaluations for each in found),
            identical=sum(each.identical for each in found),
            differing=sum(each.differing for each in found),
            first=min((each.first for each in found), default=float("inf")),
            last=max((each.last for each in found), default=float("-inf")),
            recorded=tuple(each.recorded.track(each.patience) for each in found),
            tracks=tuple(tracks),
            untold=tuple(untold),
            differences=tuple(one for each in found for one in each.differences),
            unanswerable=tuple(one for each in found for one in each.unanswerable()),
            uncounted=tuple(one for each in found for one in each.left_out()),
            numbered=tuple(_numbers(key, each.tally) for key, each in self._strands.items() if each.tally != Tally()),
            passed_over=tuple(PassedOver(count, what) for what, count in self._passed_over.items()),
        )


def report(
    source: str, candidates: Sequence[Named], parts: Sequence[Part], passed_over: Sequence[PassedOver] = ()
) -> Report:
    """All parts as one report; there is at least one evaluation. `passed_over` belongs to no part."""
    differences = sorted((one for each in parts for one in each.differences), key=lambda each: each.time)
    numbered = [one for each in parts for one in each.numbered]
    others: Counter[tuple[str, bool]] = Counter()
    for one in (*passed_over, *(one for each in parts for one in each.passed_over)):
        others[one.reason, one.broken] += one.events
    return Report(
        source=source,
        since=min(each.first for each in parts),
        until=max(each.last for each in parts),
        evaluations=sum(each.evaluations for each in parts),
        identical=sum(each.identical for each in parts),
        differing=sum(each.differing for each in parts),
        recorded=_candidate(
            Named("recorded", ""),
            [one for each in parts for one in each.recorded],
            tuple(one for each in parts for one in each.uncounted),
            compared=False,
        ),
        candidates=tuple(
            _candidate(
                named,
                [one for each in parts for one in each.tracks[number]],
                tuple(one for each in parts for one in each.untold[number]),
                compared=True,
            )
            for number, named in enumerate(candidates)
        ),
        differences=tuple(differences[:LISTED]),
        unanswerable=_worst_first(one for each in parts for one in each.unanswerable),
        numbers=_summed(numbered),
        numbered=tuple(sorted(numbered, key=_gravity)),
        passed_over=tuple(PassedOver(count, *what) for what, count in others.most_common()),
    )


def _numbers(target: str, tally: Tally) -> Numbers:
    return Numbers(
        target=target,
        missing=tally.missing,
        out_of_order=tally.out_of_order,
        duplicates=tally.duplicates,
        not_kept=tally.not_kept,
    )


def _summed(numbered: Sequence[Numbers]) -> Numbers:
    return Numbers(
        missing=sum(each.missing for each in numbered),
        out_of_order=sum(each.out_of_order for each in numbered),
        duplicates=sum(each.duplicates for each in numbered),
        not_kept=sum(each.not_kept for each in numbered),
    )


def _worst_first(found: Iterable[Unanswerable]) -> tuple[Unanswerable, ...]:
    return tuple(sorted(found, key=lambda each: (-each.evaluations, each.target, each.time)))


def _gravity(of: Numbers) -> tuple[int, int, int, int, str]:
    """The worst first."""
    return -of.missing, -of.out_of_order, -of.not_kept, -of.duplicates, of.target


def _candidate(named: Named, tracks: list[Track], untold: tuple[Unanswerable, ...], *, compared: bool) -> Candidate:
    tracks = sorted(tracks, key=lambda each: each.target)
    return Candidate(
        name=named.name,
        policy=named.policy,
        summary=total([each.summary for each in tracks]),
        targets=sum(any(size is not None for size in each.replicas) for each in tracks),
        recorded=total([each.recorded for each in tracks if each.recorded]) if compared else None,
        tracks=tuple(tracks),
        unanswerable=_worst_first(untold),
    )
