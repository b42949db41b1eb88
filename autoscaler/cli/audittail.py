"""`audit tail`: the latest evaluations, a line each; or their records, in the form that every reader takes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from heapq import heappush, heappushpop
from typing import TextIO

from msgspec import Struct

from autoscaler.audit import event as events
from autoscaler.audit.event import Event
from autoscaler.audit.wanted import Wanted
from autoscaler.cli.selection import Selection
from autoscaler.core import explanation
from autoscaler.core.repeats import expanded
from autoscaler.errors import LaterError, MalformedError, OtherError
from autoscaler.model.decision import Decision
from autoscaler.model.instant import parse_instant


class Line(Struct, frozen=True):
    """An evaluation or a record, or what stands in its place; `at` in seconds since 1970, if it has a time.

    `aside`: it is told on standard error, for it is not of the form that was asked for.
    """

    at: float | None
    text: str
    broken: bool = False
    aside: bool = False


async def tail(
    found: AsyncIterator[Event | MalformedError | None], selection: Selection, lines: int, output: str, out: TextIO
) -> int:
    """The latest `lines` in order of time; behind a None, where what was there ends, each as it comes.

    As `text` a line is an evaluation; as `json` it is a record with a wanted one, as `audit export` writes it, and what
    cannot be read goes to standard error, as does that earlier ones were left out: a program would take the part for
    the whole. What has no time stands behind what was read before it. Where nothing of it is wanted, or nothing is
    there, standard error says so. How many could not be read.
    """
    latest: list[tuple[float, int, str]] = []  # a heap; the number keeps those of one time in their order
    following, number, at, broken, left_out = False, 0, float("-inf"), 0, 0
    missing: list[str] = []
    async for each in selection.heard(found):
        if each is None:
            _print((text for _, _, text in sorted(latest)), out)
            missing = [] if number else selection.nothing_yet()
            _print(missing, sys.stderr)
            _print(_cut(lines, left_out, output), sys.stderr)
            latest, following = [], True
            continue
        for line in _told(each, selection.wanted, output):
            number, at = number + 1, at if line.at is None else line.at
            broken += line.broken
            if line.aside:
                _print((line.text,), sys.stderr)
            elif following:
                _print((line.text,), out)
            else:
                left_out += _pushed_out(latest, lines, (at, number, line.text))
    _print((text for _, _, text in sorted(latest)), out)
    if not number and not missing:
        _print(selection.nothing(), sys.stderr)
    if not following:
        _print(_cut(lines, left_out, output), sys.stderr)
    return broken


def _pushed_out(latest: list[tuple[float, int, str]], lines: int, newest: tuple[float, int, str]) -> bool:
    """Put it among so many `latest`; whether one was taken out for it. Where none are wanted none is missed."""
    if len(latest) < lines:
        heappush(latest, newest)
        return False
    if lines:
        heappushpop(latest, newest)
    return lines > 0


def _cut(lines: int, left_out: int, output: str) -> Iterator[str]:
    """That records were left out, where they go to a program."""
    if left_out and output == "json":
        every = lines + left_out
        yield f"the last {lines} of {every} records: --lines {every} shows all of them, and so does `audit export`"


def told(event: Event, decision: Decision) -> str:
    """`2026-11-23T09:54:21Z  12  shop/Deployment/web: 3 -> 5 replicas, written  AboveTarget  4f2a...`."""
    return explanation.printable(
        f"{decision.time[:19]}Z  {event.number.seq:>6}  {explanation.headline(decision)}"
        f"  ({decision.reason})  {event.id}"
    )


def _told(event: Event | MalformedError, wanted: Wanted, output: str) -> Iterator[Line]:
    if isinstance(event, OtherError):
        return
    if isinstance(event, MalformedError):
        yield _unread(event, str(event), output)
        return
    if not wanted.takes_target(event):
        return
    try:
        yield from _record(event, wanted) if output == "json" else _evaluations(event, wanted)
    except MalformedError as exc:
        yield _unread(exc, f"{event.where}: {exc}", output)


def _evaluations(event: Event, wanted: Wanted) -> Iterator[Line]:
    if event.parked:
        at = _at(event.time)
        if at is None or wanted.takes_time(at):
            yield Line(at, _refused(event))
        return
    for decision in expanded(event.decision()):
        if wanted.takes(decision):
            yield Line(parse_instant(decision.time), told(event, decision))


def _record(event: Event, wanted: Wanted) -> Iterator[Line]:
    """The whole of it, as it is; what was refused, or is for a later release to read, is chosen by its time alone."""
    at = _at(event.time)
    by_time, by_more = at is None or wanted.takes_time(at), bool(wanted.reasons or wanted.outcomes)
    if event.parked and by_more:
        if by_time:
            yield Line(at, _refused(event), aside=True)
        return
    try:
        taken = by_time if event.parked else any(map(wanted.takes, expanded(event.decision())))
    except LaterError:
        if by_more:
            raise
        taken = by_time
    if taken:
        yield Line(at, events.line(event).decode())


def _refused(event: Event) -> str:
    """What is told of a record whose evaluations only its writer has."""
    return explanation.printable(
        f"{event.time[:19]}Z  {event.number.seq:>6}  {event.key}: the broker refused this record  {event.id}"
    )


def _unread(error: MalformedError, why: str, output: str) -> Line:
    word = "later" if isinstance(error, LaterError) else "broken"
    text = f"{word}: {explanation.printable(why)}"
    return Line(None, text, broken=word == "broken", aside=output == "json")


def _at(text: str) -> float | None:
    try:
        return parse_instant(text)
    except MalformedError:
        return None


def _print(lines: Iterable[str], out: TextIO) -> None:
    for line in lines:
        print(line, file=out, flush=True)
