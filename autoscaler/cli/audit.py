"""`autoscaler audit tail | show | verify | export`: the record, read from wherever it was kept."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit.event import Event
from autoscaler.audit.sources import Source, events, live
from autoscaler.audit.wanted import Wanted
from autoscaler.cli import auditexport, audittail, auditverify
from autoscaler.cli.moments import between
from autoscaler.cli.progress import Progress
from autoscaler.cli.recordsource import record_source
from autoscaler.cli.selection import Selection, gaps
from autoscaler.clock import Clock, SystemClock
from autoscaler.config.settings import Settings
from autoscaler.core import explanation
from autoscaler.core.repeats import latest
from autoscaler.errors import AuditError, ConfigError, LaterError, MalformedError
from autoscaler.model.decision import Decision
from autoscaler.model.reason import Reason

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


def run(settings: Settings, request: Request, out: TextIO) -> int:
    """0, or 1 when `verify` found the record broken, `export` left some out or had nothing to write, or `tail` met what
    cannot be read. Raises ConfigError, AuditError.
    """
    _refuse(request)
    source = record_source(request.source, settings)
    clock = SystemClock()
    since, until = between(request.since, request.until, clock.now())
    wanted = Wanted(
        target=request.target,
        since=since,
        until=until,
        reasons=tuple(_reasons(request.reasons)),
        outcomes=tuple(request.outcomes),
    )
    selection = Selection(wanted, source)
    match request.action:
        case "tail":
            if request.output == "json":
                _print(gaps(wanted), sys.stderr)
            found = live(source, clock) if request.follow else events(source, clock)
            broken = asyncio.run(audittail.tail(found, selection, request.lines, request.output, out))
            if broken and not request.follow:
                _print((f"{broken} could not be read: `audit verify` names them",), sys.stderr)
                return 1
        case "show":
            asyncio.run(show(source, request, clock, out, _whence(settings, request)))
        case "verify":
            return asyncio.run(auditverify.verify(_watched(source, clock), wanted, request.output, out))
        case "export":
            found = (
                events(source, clock) if request.to == "-" else _watched(source, clock)
            )  # what is piped on has its own
            done = asyncio.run(auditexport.export(selection.heard(found), wanted, request.to, out))
            _print(done.lines(request.to), sys.stderr)
            if not done.written and not done.left_out:
                _print(selection.nothing(), sys.stderr)
            elif not request.to.endswith(".parquet"):  # which those two do not read
                _print(gaps(wanted), sys.stderr)
            return 1 if done.left_out or not done.written else 0
    return 0


def _whence(settings: Settings, request: Request) -> Sequence[str]:
    """The words by which another verb reads the same record."""
    if request.source:
        return "--from", request.source
    return ("--audit-spool-dir", settings.audit.spool_dir) if settings.origins["audit-spool-dir"] == "flag" else ()


async def show(source: Source, request: Request, clock: Clock, out: TextIO, whence: Sequence[str]) -> None:
    """The record of this id, or of the only id that begins so: its last evaluation in full, and how many share it.

    `whence` are the words for `explain` to read the same. AuditError when it is not there.
    """
    what = request.what
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
    if request.output == "json":
        out.write(msgspec.json.format(found.body).decode() + "\n")
    elif found.parked:
        print(f"{found.key} {found.number.seq}: {found.body.decode()}", file=out)
    else:
        decision = _readable(found)
        _print(explanation.lines(explanation.explained(latest(decision))), out)
        if decision.repeats:
            _print(("", explanation.printable(_shared(decision, whence))), out)


def _shared(decision: Decision, whence: Sequence[str]) -> str:
    """How many evaluations the record has, and what tells another one than the last."""
    begin = f"{decision.time[:19]}Z"
    words = ["explain", decision.key, *whence, "--at", begin]
    return (
        f"{1 + len(decision.repeats)} evaluations share this record, from {begin} to {latest(decision).time[:19]}Z; "
        f"told is the last, another by its time: `{shlex.join(words)}`"
    )


def _readable(event: Event) -> Decision:
    try:
        return event.decision()
    except LaterError as exc:
        raise AuditError(f"{event.where}: {exc}; `--output json` shows it as it is") from exc


async def _watched(source: Source, clock: Clock) -> AsyncIterator[Event | MalformedError]:
    """Everything in it, and a person sees how far that has come."""
    with Progress("records", clock) as progress:
        async for each in events(source, clock, progress.reached):
            progress.step()
            yield each


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


def _reasons(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word not in set(Reason):
            raise ConfigError(f"--reason {word}: there are {', '.join(Reason)}")
        yield word
