"""`autoscaler explain shop/web`: one decision of the record, with its sums."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.audit.naming import keys_of
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.sources import Source, SpoolSource, events
from autoscaler.cli.moments import last_moment
from autoscaler.clock import SystemClock
from autoscaler.core import explanation
from autoscaler.core.repeats import latest
from autoscaler.errors import AuditError, ConfigError, MalformedError
from autoscaler.model.decision import Decision
from autoscaler.model.instant import seconds_text

if TYPE_CHECKING:
    from autoscaler.audit.collected import Collected

LISTED = 20
LEAST = 4
"""Characters of an id's beginning: `5` is a slip of who means 5m, and begins an id of every sixteenth record."""
OLDEST, LATEST = "oldest", "latest"
_IDENTITY = re.compile(r"[0-9A-Za-z][-0-9A-Za-z]*")


class Records(Protocol):
    """`audit.read.SpoolReader` or `audit.collected.Collected`."""

    @property
    def path(self) -> Path | str: ...
    def targets(self) -> list[str]: ...
    def newest(self, key: str, *, changed: bool = False, before: float | None = None) -> Record | None: ...
    def oldest(self, key: str) -> Record | None: ...
    def records(self, key: str) -> Iterator[Record]: ...


class _Told(Struct, frozen=True):
    """One evaluation, and the record it is found in; `begins`: the beginning of its id by which it was asked for."""

    record: Record
    decision: Decision
    begins: str = ""

    @classmethod
    def of(cls, record: Record, moment: float | None = None, begins: str = "") -> _Told:
        """The record's last evaluation, or the last one up to that time."""
        return cls(record, latest(codec.decode(record.body), moment), begins)


def run(
    target: str,
    *,
    source: Source,
    at: str | None = None,
    diff: Sequence[str] = (),
    output: str = "text",
    out: TextIO,
) -> int:
    """Tell the newest decision that moved `target`, or that would have; without one, the newest. 1 when some of the
    source could not be read, which may have been a newer one.

    `target` is `namespace/name` or `namespace/kind/name` of a target, or `namespace/name` of its policy. `at` asks for
    the decision in force at that time instead, or for that of an id or its beginning, for the `oldest` or the `latest`;
    `diff` for what is different between two of these. AuditError when there is no such decision, ConfigError when
    `target` or a time cannot be understood.
    """
    parts = target.split("/")
    if len(parts) > 3 or not all(parts):
        raise ConfigError(_no_target(target))
    if isinstance(source, SpoolSource):
        with SpoolReader(source.directory) as spool:
            return tell(spool, target, at=at, diff=diff, output=output, out=out)
    import asyncio  # noqa: PLC0415 - who reads a spool does not wait for it

    from autoscaler.audit.collected import Collected  # noqa: PLC0415 - nor for that

    found = Collected(str(getattr(source, "path", "the topic")))
    asyncio.run(found.take(events(source, SystemClock()), parts[0]))
    try:
        code = tell(found, target, at=at, diff=diff, output=output, out=out)
    finally:
        missed = warn(found)
    return code or int(missed)


def warn(found: Collected) -> bool:
    """Name on standard error what could not be read; whether there is any."""
    for line in found.missed():
        print(explanation.printable(line), file=sys.stderr)
    return found.unread > 0


def tell(records: Records, target: str, *, at: str | None, diff: Sequence[str], output: str, out: TextIO) -> int:
    """The same from records that are at hand."""
    now = SystemClock().now()
    key = _found(records, target)
    if diff:
        before, after = (_asked_for(records, key, "--diff", each, now) for each in diff)
        _name("--diff", (before, after), output, out)
        _tell_apart(before, after, output, out)
        return 0
    if at is not None:
        asked = _asked_for(records, key, "--at", at, now)
        _name("--at", (asked,), output, out)
        _tell(asked, None, output, out)
        return 0
    newest = records.newest(key)
    record = records.newest(key, changed=True) or newest
    if record is None:
        raise AuditError(f"{key} has no decision any more: the spool needed the room, see --audit-spool-max-bytes")
    since = None if newest is None or _same(newest, record) else newest
    _tell(_Told.of(record), _Told.of(since) if since else None, output, out)
    return 0


def _same(one: Record, other: Record) -> bool:
    return (one.epoch, one.seq) == (other.epoch, other.seq)


def _asked_for(records: Records, key: str, flag: str, text: str, now: float) -> _Told:
    """What a person means by it: a time, an id or its beginning, one of two words."""
    record: Record | None
    if text == OLDEST:
        record, moment = records.oldest(key), -math.inf
    elif text == LATEST:
        record, moment = records.newest(key), math.inf
    else:
        try:
            moment = last_moment(flag, text, now)
        except ConfigError as exc:
            return _identified(records, key, text, exc)
        record = records.newest(key, before=moment)
    if record is not None:
        return _Told.of(record, moment)
    oldest = records.oldest(key)
    kept = f"; the oldest one kept is of {seconds_text(oldest.at)}" if oldest else ""
    raise AuditError(f"{key} has no decision that early{kept}")


def _identified(records: Records, key: str, text: str, no_time: ConfigError) -> _Told:
    """The last evaluation of the record of this id, or of the only one whose id begins so."""
    if _IDENTITY.fullmatch(text):
        found = {codec.head(each.body).id: each for each in records.records(key) if _begins(each, text)}
        if text in found:
            return _Told.of(found[text])
        if len(text) >= LEAST and len(found) == 1:
            return _Told.of(next(iter(found.values())), begins=text)
        if len(text) >= LEAST and found:
            raise ConfigError(f"{text} begins several ids, give more of it: {', '.join(sorted(found)[:LISTED])}")
    slip = f"; {text} minutes ago is {text}m" if text.isascii() and text.isdecimal() else ""
    raise ConfigError(
        f"{no_time}, and so do {OLDEST}, {LATEST} and an id or its beginning, of at least {LEAST} characters; "
        f"no decision about {key} has such an id{slip}"
    ) from no_time


def _name(flag: str, asked: Sequence[_Told], output: str, out: TextIO) -> None:
    """Say whose ids were meant by their beginnings: as text, or on standard error."""
    for each in asked:
        if each.begins:
            line = f"{flag} {each.begins} is the beginning of {each.decision.id}"
            print(explanation.printable(line), file=out if output == "text" else sys.stderr)


def _begins(record: Record, text: str) -> bool:
    try:
        return codec.head(record.body).id.startswith(text)
    except MalformedError:
        return False


def _found(spool: Records, target: str) -> str:
    """The key that `target` means."""
    if "/" not in target:
        ends = [key for key in spool.targets() if key.endswith(f"/{target}")]
        raise ConfigError(_no_target(target) + (f"; {_listed(ends)}" if ends else ""))
    matching = keys_of(spool, target.split("/"))
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise AuditError(f"{target} is ambiguous: {', '.join(matching)}")
    raise AuditError(f"no decision about {target} in {spool.path}; {_listed(spool.targets())}")


def _no_target(target: str) -> str:
    return f"{target!r} is neither namespace/name nor namespace/kind/name"


def _listed(known: list[str]) -> str:
    if not known:
        return "it is empty so far"
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return f"it knows {', '.join(known[:LISTED])}{more}"


def _tell(told: _Told, since: _Told | None, output: str, out: TextIO) -> None:
    """`since`: the latest one, where that is another; one that failed comes first, for it is how things are now."""
    later = since.decision if since else None
    if output != "text":
        latest = {} if later is None else {"latest": _in_short(later)}
        out.write(document(_parts(told) | latest, output))
        return
    now = "" if later is None else f"{later.time[:19]}Z: {explanation.in_short(later)}"
    if later is not None and explanation.failed(later):
        print(explanation.printable(f"NOT the present state: the latest evaluation failed, {now}"), file=out)
        print(file=out)
    for line in explanation.lines(explanation.explained(told.decision)):
        print(line, file=out)
    if later is not None:
        print(file=out)
        print(explanation.printable(f"Latest evaluation, {now}"), file=out)


def _tell_apart(before: _Told, after: _Told, output: str, out: TextIO) -> None:
    from autoscaler.core.differences import differences  # noqa: PLC0415 - who asks for one decision does not wait for it

    found = differences(before.decision, after.decision)
    if output != "text":
        out.write(document({"before": _number(before), "after": _number(after), "differences": found}, output))
        return
    times = " and ".join(f"{each.decision.time[:19]}Z" for each in (before, after))
    print(f"{before.record.key}: {times}", file=out)
    for each in found:
        for line in ("", each.what, f"  before  {each.before}", f"  after   {each.after}"):
            print(explanation.printable(line), file=out)
    if not found:
        print("they tell the same", file=out)


def _number(told: _Told) -> dict[str, object]:
    record = told.record
    number = {"key": record.key, "epoch": record.epoch, "seq": record.seq}
    return number | {"id": told.decision.id, "time": told.decision.time}


def _in_short(later: Decision) -> dict[str, object]:
    return {
        "id": later.id,
        "time": later.time,
        "headline": explanation.headline(later),
        "reason": later.reason,
        "error": later.error,
    }


def _parts(told: _Told) -> dict[str, object]:
    record, decision = told.record, told.decision
    return {
        "key": record.key,
        "epoch": record.epoch,
        "seq": record.seq,
        "explanation": explanation.explained(decision),
        "decision": decision,
    }


def document(parts: dict[str, object], output: str) -> str:
    """`json` or `yaml`."""
    if output == "json":
        return msgspec.json.format(msgspec.json.encode(parts), indent=2).decode() + "\n"
    import yaml  # noqa: PLC0415 - only whoever asks for YAML waits for it

    text: str = yaml.safe_dump(msgspec.to_builtins(parts), sort_keys=False, allow_unicode=True, width=120)
    return text
