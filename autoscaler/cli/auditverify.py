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
from autoscaler.errors import LaterError, MalformedError

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
    numbers: list[Number] = []
    broken: list[str] = []
    wrong: list[str] = []
    later: list[str] = []
    others: set[str] = set()
    evaluations = parked = truncated = 0
    async for event in found:
        if isinstance(event, MalformedError):
            broken.append(str(event))
            continue
        if not wanted.takes_target(event):
            others.add(event.key)
            continue
        numbers.append(event.number)
        if event.parked:
            parked += 1
            continue
        try:
            decision = event.decision()
            if (decision.id, decision.time, decision.key) != (event.id, event.time, event.key):
                broken.append(f"{event.where}: id, time or key differ between body and envelope")
            for each in expanded(decision):
                evaluations += 1
                again = rebuilt(each).replicas
                if again is not None and again != each.desired:
                    wrong.append(f"{event.where}: {event.key} says {each.desired}, its sums give {again}")
        except LaterError as exc:
            later.append(f"{event.where}: {exc}")
            continue
        except MalformedError as exc:
            broken.append(f"{event.where}: {exc}")
            continue
        truncated += bool(decision.truncated)
    return Report(
        verdict=verify_numbers(numbers, from_start=False),
        evaluations=evaluations,
        parked=parked,
        truncated=truncated,
        broken=tuple(broken),
        wrong=tuple(wrong),
        later=tuple(later),
        passed_over=tuple(sorted(others)),
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
