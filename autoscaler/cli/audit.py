"""`autoscaler audit tail | show | verify | export`: the record, read from wherever it was kept."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from heapq import heappush, heappushpop
from typing import TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.event import Event
from autoscaler.audit.sources import Source, events, live, source_of
from autoscaler.audit.wanted import Wanted
from autoscaler.cli import auditexport, auditverify
from autoscaler.cli.moments import last_moment, moment
from autoscaler.clock import Clock, SystemClock
from autoscaler.config.settings import Settings
from autoscaler.core import explanation
from autoscaler.core.repeats import expanded
from autoscaler.errors import AuditError, ConfigError, LaterError, MalformedError, OtherError
from autoscaler.model.decision import Decision
from autoscaler.model.instant import parse_instant
from autoscaler.model.reason import Reason

PROGRESS_EVERY = 50_000
AMBIGUOUS = 5
"""So many ids of one beginning are told."""


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


_ONLY_FOR = {
    "what": ("ID", ("show",)),
    "target": ("--target", ("tail", "verify", "export")),
    "since": ("--since", ("tail", "export")),
    "until": ("--until", ("tail", "export")),
    "reasons": ("--reason", ("tail", "export")),
    "outcomes": ("--outcome", ("tail", "export")),
    "lines": ("--lines", ("tail",)),
    "follow": ("--follow", ("tail",)),
    "output": ("--output", ("tail", "show", "verify")),
    "to": ("--to", ("export",)),
}
"""Field of a Request: how a person writes it, and the actions that heed it."""


class Line(Struct, frozen=True):
    """An evaluation, or what stands in its place, as `tail` tells it; `at` in seconds since 1970, if it has a time."""

    at: float | None
    text: str
    broken: bool = False


def run(settings: Settings, request: Request, out: TextIO) -> int:
    """0, or 1 when `verify` found the record broken, `export` left some out or `tail` met what cannot be read. Raises
    ConfigError, AuditError.
    """
    _refuse(request)
    kafka = KafkaSettings(**msgspec.structs.asdict(settings.audit.kafka))
    source = source_of(request.source, settings.audit.spool_dir, kafka)
    clock = SystemClock()
    since, until = _range(request, clock.now())
    wanted = Wanted(
        target=request.target,
        since=since,
        until=until,
        reasons=tuple(_reasons(request.reasons)),
        outcomes=tuple(request.outcomes),
    )
    match request.action:
        case "tail":
            broken = asyncio.run(tail(source, wanted, clock, request, out))
            if broken and not request.follow:
                _print((f"{broken} could not be read: `audit verify` names them",), sys.stderr)
                return 1
        case "show":
            asyncio.run(show(source, request.what, clock, output=request.output, out=out))
        case "verify":
            return asyncio.run(auditverify.verify(_progress(events(source, clock)), wanted, request.output, out))
        case "export":
            done = asyncio.run(auditexport.export(_progress(events(source, clock)), wanted, request.to, out))
            _print(done.lines(request.to), sys.stderr)
            return 1 if done.left_out else 0
    return 0


async def tail(source: Source, wanted: Wanted, clock: Clock, request: Request, out: TextIO) -> int:
    """One line an evaluation, the latest `lines` of them in order of time; then, following, each as it comes.

    What has no time stands behind what was read before it. How many lines say that something could not be read.
    """
    latest: list[tuple[float, int, str]] = []  # a heap; the number keeps those of one time in their order
    following, number, at, broken = False, 0, float("-inf"), 0
    async for found in live(source, clock) if request.follow else events(source, clock):
        if found is None:
            _print((text for _, _, text in sorted(latest)), out)
            latest, following = [], True
            continue
        for line in _told(found, wanted, request.output):
            number, at = number + 1, at if line.at is None else line.at
            broken += line.broken
            if following:
                _print((line.text,), out)
            elif len(latest) < request.lines:
                heappush(latest, (at, number, line.text))
            elif latest:
                heappushpop(latest, (at, number, line.text))
    _print((text for _, _, text in sorted(latest)), out)
    return broken


async def show(source: Source, what: str, clock: Clock, *, output: str, out: TextIO) -> None:
    """The record of this id, or of the only id that begins so, in full; AuditError when it is not there."""
    if not what:
        raise ConfigError("audit show: name the id of a decision; `audit tail` lists them")
    matching: dict[str, Event] = {}
    unread = 0
    async for each in events(source, clock):
        unread += not isinstance(each, Event)
        if isinstance(each, Event) and each.id.startswith(what):
            matching.setdefault(each.id, each)
            if each.id == what or len(matching) > AMBIGUOUS:
                break
    found = matching.get(what) or next(iter(matching.values()), None)
    if found is None:
        rest = f"; {unread} could not be read: `audit verify` names them" if unread else ""
        raise AuditError(f"there is no record {what}{rest}")
    if found.id != what and len(matching) > 1:
        raise ConfigError(f"audit show: {what} begins several ids, give more of it: {', '.join(sorted(matching))}")
    if output == "json":
        out.write(msgspec.json.format(found.body).decode() + "\n")
    elif found.parked:
        print(f"{found.key} {found.number.seq}: {found.body.decode()}", file=out)
    else:
        for decision in expanded(_readable(found)):
            _print((*explanation.lines(explanation.explained(decision)), ""), out)


def _readable(event: Event) -> Decision:
    try:
        return event.decision()
    except LaterError as exc:
        raise AuditError(f"{event.where}: {exc}; `--output json` shows it as it is") from exc


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
    where = {"key": event.key, "epoch": event.number.epoch, "seq": event.number.seq, "id": event.id}
    if event.parked:
        text = f"{event.time[:19]}Z  {event.number.seq:>6}  {event.key}: the broker refused this record  {event.id}"
        text = _json(where | {"time": event.time, "refused": True}) if output == "json" else text
        yield Line(_at(event.time), text)
        return
    for decision in _evaluations(event):
        if isinstance(decision, MalformedError):
            yield _unread(decision, f"{event.where}: {decision}", output)
        elif wanted.takes(decision):
            text = _json(where | {"decision": decision}) if output == "json" else told(event, decision)
            yield Line(parse_instant(decision.time), text)


def _unread(error: MalformedError, why: str, output: str) -> Line:
    word = "later" if isinstance(error, LaterError) else "broken"
    text = _json({word: why}) if output == "json" else f"{word}: {explanation.printable(why)}"
    return Line(None, text, broken=word == "broken")


def _at(text: str) -> float | None:
    try:
        return parse_instant(text)
    except MalformedError:
        return None


def _json(what: object) -> str:
    return msgspec.json.encode(what).decode()


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


def _print(lines: Iterable[str], out: TextIO) -> None:
    for line in lines:
        print(line, file=out, flush=True)


def _refuse(request: Request) -> None:
    """An option that the action does not heed would be ignored in silence."""
    blank = Request(action=request.action)
    for field, (name, actions) in _ONLY_FOR.items():
        if request.action not in actions and getattr(request, field) != getattr(blank, field):
            raise ConfigError(f"audit {request.action}: {name} is for {', '.join(actions)} only: leave it out")
    if request.lines < 0:
        raise ConfigError(f"--lines {request.lines}: 0 or more")


def _range(request: Request, now: float) -> tuple[float, float]:
    """From when, until when, in seconds since 1970."""
    since = moment("--since", request.since, now) if request.since else float("-inf")
    until = last_moment("--until", request.until, now) if request.until else float("inf")
    if since > until:
        raise ConfigError(f"--since {request.since} is later than --until {request.until}: nothing lies between")
    return since, until


def _reasons(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word not in set(Reason):
            raise ConfigError(f"--reason {word}: there are {', '.join(Reason)}")
        yield word
