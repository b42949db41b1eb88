"""`autoscaler audit tail | show | verify | export`: the record, read from wherever it was kept."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.event import Event
from autoscaler.audit.sources import Source, events, source_of
from autoscaler.audit.wanted import Wanted
from autoscaler.cli import auditexport, auditverify
from autoscaler.clock import Clock, SystemClock
from autoscaler.config.settings import Settings
from autoscaler.core import explanation
from autoscaler.core.repeats import expanded
from autoscaler.errors import AuditError, ConfigError, MalformedError
from autoscaler.model.decision import Decision
from autoscaler.model.instant import parse_instant
from autoscaler.model.reason import Reason

PROGRESS_EVERY = 50_000


class Request(Struct, frozen=True, kw_only=True):
    """The words of the command line. `action` is one of tail, show, verify, export."""

    action: str
    what: str = ""
    source: str = ""
    target: str = ""
    since: str = ""
    until: str = ""
    reasons: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    lines: int = 20
    follow: bool = False
    output: str = "text"
    to: str = "-"


def run(settings: Settings, request: Request, out: TextIO) -> int:
    """0, or 1 when `verify` found the record broken. Raises ConfigError, AuditError."""
    kafka = KafkaSettings(**msgspec.structs.asdict(settings.audit.kafka))
    source = source_of(request.source, settings.audit.spool_dir, kafka)
    wanted = Wanted(
        target=request.target,
        since=_moment("--since", request.since, float("-inf")),
        until=_moment("--until", request.until, float("inf")),
        reasons=tuple(_reasons(request.reasons)),
        outcomes=tuple(request.outcomes),
    )
    clock = SystemClock()
    match request.action:
        case "tail":
            asyncio.run(tail(source, wanted, clock, lines=request.lines, follow=request.follow, out=out))
        case "show":
            asyncio.run(show(source, request.what, clock, output=request.output, out=out))
        case "verify":
            return asyncio.run(auditverify.verify(_progress(events(source, clock)), wanted, request.output, out))
        case "export":
            rows = asyncio.run(auditexport.export(_progress(events(source, clock)), wanted, request.to, out))
            print(f"{rows} written to {request.to}", file=sys.stderr)
    return 0


async def tail(source: Source, wanted: Wanted, clock: Clock, *, lines: int, follow: bool, out: TextIO) -> None:
    """One line an evaluation, the last `lines` of them; then, following, each that comes."""
    last: deque[str] = deque(maxlen=lines)
    async for line in _told(events(source, clock), wanted):
        last.append(line)
    _print(last, out)
    if not follow:
        return
    seen = len(last)
    passed = 0
    async for line in _told(events(source, clock, follow=True), wanted):
        passed += 1
        if passed > seen:
            _print((line,), out)


async def show(source: Source, what: str, clock: Clock, *, output: str, out: TextIO) -> None:
    """The record of this id in full; AuditError when it is not there."""
    if not what:
        raise ConfigError("audit show: name the id of a decision; `audit tail` lists them")
    async for found in events(source, clock):
        if isinstance(found, MalformedError) or found.id != what:
            continue
        if output == "json":
            out.write(msgspec.json.format(found.body).decode() + "\n")
        elif found.parked:
            print(f"{found.key} {found.number.seq}: {found.body.decode()}", file=out)
        else:
            for decision in expanded(found.decision()):
                _print((*explanation.lines(explanation.explained(decision)), ""), out)
        return
    raise AuditError(f"there is no record {what}")


def told(event: Event, decision: Decision) -> str:
    """`2026-11-23T09:54:21Z  12  shop/Deployment/web: 3 -> 5 replicas, written  AboveTarget  4f2a...`."""
    return explanation.printable(
        f"{decision.time[:19]}Z  {event.number.seq:>6}  {explanation.headline(decision)}"
        f"  ({decision.reason})  {event.id}"
    )


async def _told(found: AsyncIterator[Event | MalformedError], wanted: Wanted) -> AsyncIterator[str]:
    async for event in found:
        if isinstance(event, MalformedError):
            yield f"broken: {explanation.printable(str(event))}"
            continue
        if not wanted.takes_target(event):
            continue
        if event.parked:
            yield f"{event.time[:19]}Z  {event.number.seq:>6}  {event.key}: the broker refused this record  {event.id}"
            continue
        for decision in _evaluations(event):
            if isinstance(decision, MalformedError):
                yield f"broken: {explanation.printable(f'{event.where}: {decision}')}"
            elif wanted.takes(decision):
                yield told(event, decision)


def _evaluations(event: Event) -> Iterator[Decision | MalformedError]:
    try:
        yield from expanded(event.decision())
    except MalformedError as exc:
        yield exc


async def _progress(found: AsyncIterator[Event | MalformedError]) -> AsyncIterator[Event | MalformedError]:
    """The same, and now and then to a person how many there were."""
    count = 0
    async for each in found:
        count += 1
        if count % PROGRESS_EVERY == 0 and sys.stderr.isatty():
            print(f"\r{count:,} records read", end="", file=sys.stderr, flush=True)
        yield each
    if count >= PROGRESS_EVERY and sys.stderr.isatty():
        print(f"\r{count:,} records read", file=sys.stderr)


def _print(lines: Sequence[str] | deque[str], out: TextIO) -> None:
    for line in lines:
        print(line, file=out, flush=True)


def _moment(flag: str, text: str, default: float) -> float:
    if not text:
        return default
    try:
        return parse_instant(text)
    except MalformedError as exc:
        raise ConfigError(f"{flag}: {exc}") from exc


def _reasons(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word not in set(Reason):
            raise ConfigError(f"--reason {word}: there are {', '.join(Reason)}")
        yield word
