"""`autoscaler replay`: the record decided again by production's planner, and under other policies."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import PurePath
from typing import TextIO

from msgspec import Struct

from autoscaler.audit.event import from_line, subject
from autoscaler.audit.linefile import Block
from autoscaler.audit.sources import FileSource, Found, Source, blocks, events
from autoscaler.audit.wanted import Wanted
from autoscaler.cli import policyfile
from autoscaler.cli.destination import Destination
from autoscaler.cli.moments import between
from autoscaler.cli.policyfile import PolicyFile
from autoscaler.cli.progress import Progress
from autoscaler.cli.recordsource import record_source
from autoscaler.cli.replayitems import CUT, Item, Line, item, stranger
from autoscaler.cli.replayworkers import Workers
from autoscaler.clock import Clock, SystemClock
from autoscaler.config.settings import Settings
from autoscaler.core.explanation import printable
from autoscaler.core.replay import Named, Span, report
from autoscaler.errors import AuditError, ConfigError, MalformedError
from autoscaler.model import duration
from autoscaler.model.whatif import PassedOver, Report
from autoscaler.report.forms import told

LISTED = 10
ENDINGS = {".html": "html", ".htm": "html", ".json": "json"}


class Request(Struct, frozen=True, kw_only=True):
    """The words of the command line; `output` "": as the name in `to` has it, else text."""

    source: str = ""
    policies: Sequence[str] = ()
    target: str = ""
    since: str = ""
    until: str = ""
    ready_after: str = "30s"
    output: str = ""
    to: str = "-"


def run(settings: Settings, request: Request, out: TextIO) -> int:
    """0, or 1 when the report is not `sound`. Raises ConfigError, AuditError."""
    source = record_source(request.source, settings)
    candidates = policyfile.read(request.policies, settings.control.controller.compat)
    for each in candidates:
        if each.passed_over:
            others = f"passed over, as no policies: {', '.join(each.passed_over)}"
            print(printable(f"--policy {each.name}: {others}"), file=sys.stderr)
    clock = SystemClock()
    since, until = between(request.since, request.until, clock.now())
    span = Span(since=since, until=until, ready_after=_seconds("--ready-after", request.ready_after))
    form, to = _form(request), None if request.to == "-" else Destination(request.to)
    found = asyncio.run(_replayed(source, request, candidates, span, clock))
    if to is None:
        colour = form == "text" and out.isatty() and not os.environ.get("NO_COLOR")
        for piece in told(found, form, colour=colour):
            out.write(piece)
    else:
        to.write(told(found, form))
        print(f"written to {request.to}", file=sys.stderr)
    return 0 if found.sound else 1


async def _replayed(
    source: Source, request: Request, candidates: Sequence[PolicyFile], span: Span, clock: Clock
) -> Report:
    dealt: dict[str, bool] = {}
    others: Counter[str] = Counter()
    wanted = Wanted(target=request.target)
    where = source.path if isinstance(source, FileSource) else ""
    with Workers(candidates, span, source=where) as workers, Progress("records", clock) as progress:
        async for each in _items(source, clock, progress, others):
            if each.key not in dealt:
                dealt[each.key] = wanted.takes_key(each.key)
            if dealt[each.key]:
                workers.take(each)
            progress.step()
        taken = [key for key, yes in dealt.items() if yes]
        if not taken:
            what = f"no record about {request.target}" if request.target else "no record"
            told = _listed(dealt) if dealt or not others else _strangers(others)
            raise AuditError(f"{what} in {_where(request)}; {told}")
        for one in candidates:
            if not any(map(one.spec, taken)):
                of = ", ".join(target for target, _ in one.specs)
                raise ConfigError(f"--policy {one.name}: is for {of}, which has no record here; {_listed(taken)}")
        parts = workers.parts()
    if not sum(part.evaluations for part in parts):
        raise AuditError(f"no record of that time in {_where(request)}; see --since and --until")
    passed_over = [PassedOver(count, what, broken=what == CUT) for what, count in others.items()]
    return report(_where(request), [Named(each.name, each.text) for each in candidates], parts, passed_over)


async def _items(source: Source, clock: Clock, progress: Progress, others: Counter[str]) -> AsyncIterator[Item]:
    """Its records; the lines of a file are left for the workers to read. `others` counts what is none."""
    if isinstance(source, FileSource):
        keys: dict[bytes, str] = {}
        for block in blocks(source, progress.reached):
            await asyncio.sleep(0)  # else Ctrl-C would not be heard before the end
            for each in _lines(block, source.path, keys, others):
                yield each
        return
    async for found in events(source, clock, progress.reached):
        for each in _told(found, others):
            yield each


def _told(found: Found, others: Counter[str]) -> Iterator[Item]:
    if isinstance(found, MalformedError):
        _refuse(found, others)
        return
    try:
        yield item(found)
    except MalformedError as exc:
        raise AuditError(f"{found.where}: {exc}; see `audit verify`") from exc


def _lines(block: Block, path: str, keys: dict[bytes, str], others: Counter[str]) -> Iterator[Item]:
    """Of `keys` those that were met, by how they stand in a line."""
    last = block.number + len(block.lines) - 1 if block.cut else 0
    for number, line in enumerate(block.lines, block.number):
        text = subject(line) if number != last else None
        key = None if text is None else keys.get(text)
        if key is None:
            if not line.strip():
                continue
            try:
                event = from_line(line, f"{path}:{number}")
            except MalformedError as exc:
                if number == last and not stranger(exc):
                    others[CUT] += 1
                else:
                    _refuse(exc, others)
                continue
            key = event.key
            if text is not None and text == key.encode():
                keys[text] = key
        yield Line(key, number, line)


def _refuse(error: MalformedError, others: Counter[str]) -> None:
    """AuditError, but for an event of another kind, which is counted."""
    what = stranger(error)
    if not what:
        raise AuditError(f"{error}; `audit verify` lists all that cannot be read") from error
    others[what] += 1


def _form(request: Request) -> str:
    """How to tell it; ConfigError where the name of the file says another one."""
    named = ENDINGS.get(PurePath(request.to).suffix.lower(), "")
    if request.output and named and request.output != named:
        raise ConfigError(f"--to {request.to}: is named as {named}, leave out -o {request.output} or rename the file")
    return request.output or named or "text"


def _seconds(flag: str, text: str) -> float:
    try:
        return duration.seconds(text)
    except ValueError as exc:
        raise ConfigError(f"{flag}: {exc}") from exc


def _where(request: Request) -> str:
    return request.source or "the configured spool"


def _strangers(others: Counter[str]) -> str:
    return "only " + ", ".join(f"{count:,} {what}" for what, count in others.most_common())


def _listed(known: Sequence[str] | dict[str, bool]) -> str:
    names = sorted(known)
    if not names:
        return "it is empty"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"it knows {', '.join(names[:LISTED])}{more}"
