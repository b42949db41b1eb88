"""`audit verify`: whether a stream is whole, every record readable, and says what its own sums give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.event import Event
from autoscaler.audit.identities import NO_CHANGE, UNKNOWN, Identities, Known, digest
from autoscaler.audit.verify import LISTED, Fault, Numbers, Verdict
from autoscaler.audit.wanted import Wanted
from autoscaler.core.coherence import contradictions
from autoscaler.core.discrepancies import discrepancies
from autoscaler.core.explanation import printable
from autoscaler.core.figures import counted
from autoscaler.errors import LaterError, MalformedError, OtherError
from autoscaler.model.decision import Decision
from autoscaler.model.instant import micro_text
from autoscaler.model.plan import Action

SHOWN = 20
SAME = 0.00001
"""Seconds; times are written in microseconds, and added up as doubles."""


class Findings(Struct):
    """How many of a kind, and the first `LISTED` of them."""

    count: int = 0
    first: list[str] = []

    def add(self, text: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(text)


class Report(Struct, kw_only=True):
    """What was found. `broken` are records that are none, `wrong` those that say what their sums do not give,
    `contradictory` those that do not agree with themselves, `conflicts` those that have the number or the id of another
    one, and `backwards` those that were made before the one before them.
    """

    verdict: Verdict = Verdict(records=0, targets=0)
    evaluations: int = 0
    parked: int = 0
    truncated: int = 0
    again: int = 0
    """Changes that the next leader told once more, under another number."""
    broken: Findings = msgspec.field(default_factory=Findings)
    wrong: Findings = msgspec.field(default_factory=Findings)
    contradictory: Findings = msgspec.field(default_factory=Findings)
    backwards: Findings = msgspec.field(default_factory=Findings)
    conflicts: Findings = msgspec.field(default_factory=Findings)
    later: Findings = msgspec.field(default_factory=Findings)
    """Records of a later release: their places count, what they say was not checked."""
    others: int = 0
    """Events that are no records, by their type."""
    passed_over: tuple[str, ...] = ()
    """Targets that were not wanted, sorted."""

    @property
    def sound(self) -> bool:
        """Something was judged, and nothing is missing, late, unreadable, wrong or at odds. Duplicates are legal:
        delivery is at least once.
        """
        faults = (self.broken, self.wrong, self.contradictory, self.backwards, self.conflicts)
        return self.verdict.records > 0 and self.verdict.whole and not any(each.count for each in faults)


async def verify(found: AsyncIterator[Event | MalformedError], wanted: Wanted, output: str, out: TextIO) -> int:
    """Print the report; 0 when the stream is sound, else 1: also when nothing was there to judge."""
    report = await examined(found, wanted)
    if output == "json":
        out.write(msgspec.json.format(msgspec.json.encode({"sound": report.sound, "report": report})).decode() + "\n")
    else:
        print("\n".join(lines(report)), file=out)
    return 0 if report.sound else 1


async def examined(found: AsyncIterator[Event | MalformedError], wanted: Wanted) -> Report:
    """Read everything once; what is kept of a record are 16 bytes in a table."""
    examination = _Examination(wanted)
    async for each in found:
        examination.take(each)
    return examination.report()


class _Examination:
    """`take` everything in its order, then ask for the `report`."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._numbers, self._identities = Numbers(from_start=False), Identities()
        self._passed_over: set[str] = set()
        self._times: dict[tuple[str, int, str, str], tuple[int, float]] = {}
        self._found = Report()

    def take(self, found: Event | MalformedError) -> None:
        match found:
            case OtherError():
                self._found.others += 1
            case LaterError():
                self._found.later.add(str(found))
            case MalformedError():
                self._found.broken.add(str(found))
            case _ if self._wanted.takes_target(found):
                self._judge(found)
            case _:
                self._passed_over.add(found.key)

    def report(self) -> Report:
        self._found.verdict = self._numbers.verdict()
        self._found.passed_over = tuple(sorted(self._passed_over))
        return self._found

    def _judge(self, event: Event) -> None:
        decision = None
        try:
            if event.parked:
                self._found.parked += 1
                event.refusal()
            else:
                decision = event.decision()
                self._compare(event, decision)
        except LaterError as exc:
            self._found.later.add(f"{event.where}: {exc}")
        except MalformedError as exc:
            self._found.broken.add(f"{event.where}: {exc}")
        if len(event.body) > codec.MAX_BODY:
            self._found.broken.add(f"{event.where}: a body of {len(event.body)} bytes, {codec.MAX_BODY} are the most")
        self._place(event, decision)

    def _place(self, event: Event, decision: Decision | None) -> None:
        number = event.number
        new = self._numbers.take(number)
        known = self._identities.take(
            event.id,
            (number.key, number.epoch, number.seq),
            UNKNOWN if event.parked else digest(event.body),
            UNKNOWN if decision is None else _change(number.key, decision),
        )
        self._found.again += new and known is Known.AGAIN
        what = _CONFLICTS.get(known) or ("the number of another record" if known is Known.NEW and not new else "")
        if what:
            told = f"{event.where}: {number.key}, epoch {number.epoch}, seq {number.seq}, id {event.id}"
            self._found.conflicts.add(f"{told}: {what}")

    def _compare(self, event: Event, decision: Decision) -> None:
        if (decision.id, decision.time, decision.key) != (event.id, event.time, event.key):
            self._found.broken.add(f"{event.where}: id, time or key differ between body and envelope")
        self._found.truncated += bool(decision.truncated)
        for what in contradictions(decision):
            self._found.contradictory.add(f"{event.where}: {event.key}: {what}")
        if decision.basis is not None:  # else it may have been told again, or cut
            self._time(event, decision)
        self._found.evaluations += 1 + len(decision.repeats)
        for what in discrepancies(decision):
            self._found.wrong.add(f"{event.where}: {event.key} {what}")

    def _time(self, event: Event, decision: Decision) -> None:
        """The evaluations of a policy come one after the other; those of two for one target need not."""
        number, start = event.number, codec.instant(decision.time)
        whose = (number.key, number.epoch, decision.policy.kind, decision.policy.name)
        seq, before = self._times.get(whose, (0, 0.0))
        if number.seq <= seq:
            return
        if start < before - SAME:
            told = f"{event.where}: {number.key}, epoch {number.epoch}, seq {number.seq}"
            self._found.backwards.add(f"{told}: {decision.time} is before {micro_text(before)}, of seq {seq}")
        self._times[whose] = (number.seq, start + (decision.repeats[-1].after if decision.repeats else 0.0))


_CONFLICTS = {
    Known.ELSEWHERE: "the id of another record",
    Known.OTHERWISE: "it said something else before",
}


def _change(key: str, decision: Decision) -> int:
    """What may be told again under another number (docs/consuming.md, rule 5)."""
    if decision.action is not Action.RESIZE:
        return NO_CHANGE
    return digest((key, decision.current, decision.desired))


def lines(report: Report) -> list[str]:
    """For a person."""
    verdict, counts = report.verdict, report.verdict.counts
    others = [f"  no records of ours {report.others} (events of other types, passed over)"] if report.others else []
    if not (verdict.records or report.broken.count or report.later.count):
        return [*others, *_conclusion(report)]
    told = [
        f"{counted(verdict.records, 'record')} of {counted(verdict.targets, 'target')}, "
        f"{counted(report.evaluations, 'evaluation')}",
        f"  duplicates        {counts.duplicates} (legal: delivery is at least once)",
        f"  told again        {report.again} (legal: by the next leader, after a crash)",
        f"  refused by Kafka  {report.parked}",
        f"  shortened         {report.truncated}",
        f"  not kept          {counts.shed} (for want of room; in a full spool also changes)",
    ]
    for name, count, spans in (
        ("missing", counts.missing, verdict.missing),
        ("out of order", counts.late, verdict.late),
    ):
        told += [f"  {name:<17} {count}", *_listed([_fault(each) for each in spans], len(spans))]
    told += _told("conflicting", report.conflicts)
    told += _told("unreadable", report.broken)
    told += _told("wrong sums", report.wrong)
    told += _told("contradictory", report.contradictory)
    told += _told("time goes back", report.backwards)
    if report.later.count:
        told += _told("of a later release", report.later, " (not checked, but for their places)")
    return [*told, *others, "", *_conclusion(report)]


_WHOLE = "the record is whole"
_UNSEEN = (
    "what never came at all leaves no gap: a whole epoch, or what followed the last record of one; the record that",
    "status.lastDecisionId of a policy names must be there, in a topic once --audit-heartbeat has passed",
)


def _conclusion(report: Report) -> list[str]:
    if report.sound:
        dropped = report.verdict.counts.shed
        return [*_UNSEEN, f"the record is whole, but for {counted(dropped, 'number')} not kept" if dropped else _WHOLE]
    if report.verdict.records or report.broken.count:
        return ["the record is NOT whole"]
    if report.passed_over:
        targets = _listed(report.passed_over, len(report.passed_over))
        return ["nothing was checked: no record is about that target; there are", *targets]
    return ["nothing was checked: there are no records"]


def _told(name: str, found: Findings, remark: str = "") -> list[str]:
    return [f"  {name:<17} {found.count}{remark}", *_listed(found.first, found.count)]


def _fault(fault: Fault) -> str:
    span = f"{fault.first}" if fault.first == fault.last else f"{fault.first} to {fault.last}"
    return f"{fault.key}, epoch {fault.epoch}: {span}"


def _listed(faults: Sequence[str], count: int) -> list[str]:
    """The first `SHOWN` of so many; of what came from outside nothing moves a terminal."""
    shown = [f"    {printable(each)}" for each in faults[:SHOWN]]
    return [*shown, f"    and {count - SHOWN} more"] if count > SHOWN else shown
