"""`audit verify`: whether a stream is whole, every record readable, and every number what its sums give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit.event import Event
from autoscaler.audit.verify import Fault, Number, Verdict
from autoscaler.audit.verify import verify as verify_numbers
from autoscaler.audit.wanted import Wanted
from autoscaler.core.rebuild import rebuilt
from autoscaler.core.repeats import expanded
from autoscaler.errors import LaterError, MalformedError, OtherError
from autoscaler.model.decision import Decision

SHOWN = 20


class Report(Struct, frozen=True, kw_only=True):
    """What was found. `broken` names records that are none; `wrong` those whose number their sums do not give."""

    verdict: Verdict
    evaluations: int
    parked: int
    truncated: int
    broken: tuple[str, ...]
    wrong: tuple[str, ...]
    later: tuple[str, ...] = ()
    """Records of a later release: their places count, what they say was not checked."""
    others: int = 0
    """Events that are no records, by their type."""
    passed_over: tuple[str, ...] = ()
    """Targets that were not wanted, sorted."""

    @property
    def sound(self) -> bool:
        """Something was judged, and is not missing, late, unreadable or wrong. Duplicates are legal: delivery is at
        least once.
        """
        return self.verdict.records > 0 and self.verdict.whole and not self.broken and not self.wrong


async def verify(found: AsyncIterator[Event | MalformedError], wanted: Wanted, output: str, out: TextIO) -> int:
    """Print the report; 0 when the stream is sound, else 1: also when nothing was there to judge."""
    report = await examined(found, wanted)
    if output == "json":
        out.write(msgspec.json.format(msgspec.json.encode({"sound": report.sound, "report": report})).decode() + "\n")
    else:
        print("\n".join(lines(report)), file=out)
    return 0 if report.sound else 1


async def examined(found: AsyncIterator[Event | MalformedError], wanted: Wanted) -> Report:
    """Read everything once; only numbers are kept."""
    examination = _Examination(wanted)
    async for each in found:
        examination.take(each)
    return examination.report()


class _Examination:
    """`take` everything in its order, then ask for the `report`."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._numbers: list[Number] = []
        self._broken: list[str] = []
        self._wrong: list[str] = []
        self._later: list[str] = []
        self._passed_over: set[str] = set()
        self._evaluations = self._parked = self._truncated = self._others = 0

    def take(self, found: Event | MalformedError) -> None:
        match found:
            case OtherError():
                self._others += 1
            case LaterError():
                self._later.append(str(found))
            case MalformedError():
                self._broken.append(str(found))
            case _ if self._wanted.takes_target(found):
                self._judge(found)
            case _:
                self._passed_over.add(found.key)

    def _judge(self, event: Event) -> None:
        self._numbers.append(event.number)
        if event.parked:
            self._parked += 1
            return
        try:
            decision = event.decision()
            self._compare(event, decision)
        except LaterError as exc:
            self._later.append(f"{event.where}: {exc}")
        except MalformedError as exc:
            self._broken.append(f"{event.where}: {exc}")
        else:
            self._truncated += bool(decision.truncated)

    def _compare(self, event: Event, decision: Decision) -> None:
        if (decision.id, decision.time, decision.key) != (event.id, event.time, event.key):
            self._broken.append(f"{event.where}: id, time or key differ between body and envelope")
        for each in expanded(decision):
            self._evaluations += 1
            again = rebuilt(each).replicas
            if again is not None and again != each.desired:
                self._wrong.append(f"{event.where}: {event.key} says {each.desired}, its sums give {again}")

    def report(self) -> Report:
        return Report(
            verdict=verify_numbers(self._numbers, from_start=False),
            evaluations=self._evaluations,
            parked=self._parked,
            truncated=self._truncated,
            broken=tuple(self._broken),
            wrong=tuple(self._wrong),
            later=tuple(self._later),
            others=self._others,
            passed_over=tuple(sorted(self._passed_over)),
        )


def lines(report: Report) -> list[str]:
    """For a person."""
    verdict = report.verdict
    told = [
        f"{verdict.records} records of {verdict.targets} targets, {report.evaluations} evaluations",
        f"  duplicates        {len(verdict.duplicates)} (legal: delivery is at least once)",
        f"  refused by Kafka  {report.parked}",
        f"  shortened         {report.truncated}",
        f"  not kept          {_count(verdict.shed)} (for want of room; in a full spool also changes)",
    ]
    for name, faults in (("missing", verdict.missing), ("out of order", verdict.late)):
        told += [f"  {name:<17} {_count(faults)}", *_listed(map(_fault, faults))]
    told += [f"  unreadable        {len(report.broken)}", *_listed(report.broken)]
    told += [f"  wrong sums        {len(report.wrong)}", *_listed(report.wrong)]
    if report.later:
        told += [
            f"  of a later release {len(report.later)} (not checked, but for their places)",
            *_listed(report.later),
        ]
    if report.others:
        told += [f"  no records of ours {report.others} (events of other types, passed over)"]
    return [*told, "", *_conclusion(report)]


_WHOLE = "the record is whole"
_UNSEEN = (
    "what never came at all leaves no gap: a whole epoch, or what followed the last record of one; compare the newest",
    "record of a target with status.lastDecisionId of its policy",
)


def _conclusion(report: Report) -> list[str]:
    if report.sound:
        dropped = _count(report.verdict.shed)
        return [*_UNSEEN, f"the record is whole, but for {dropped} numbers not kept" if dropped else _WHOLE]
    if report.verdict.records or report.broken:
        return ["the record is NOT whole"]
    if report.passed_over:
        return ["nothing was checked: no record is about that target; there are", *_listed(report.passed_over)]
    return ["nothing was checked: there are no records"]


def _count(faults: Iterable[Fault]) -> int:
    return sum(each.last - each.first + 1 for each in faults)


def _fault(fault: Fault) -> str:
    span = f"{fault.first}" if fault.first == fault.last else f"{fault.first} to {fault.last}"
    return f"{fault.key}, epoch {fault.epoch}: {span}"


def _listed(faults: Iterable[str]) -> list[str]:
    all_of_them = list(faults)
    shown = [f"    {each}" for each in all_of_them[:SHOWN]]
    hidden = len(all_of_them) - SHOWN
    return [*shown, f"    and {hidden} more"] if hidden > 0 else shown
