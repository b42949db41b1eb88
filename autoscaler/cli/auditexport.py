"""`audit export`: every evaluation as a row, for whoever works with tables; or the records, as JSON Lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from gzip import GzipFile
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO, TypeVar

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit import event as events
from autoscaler.audit.event import Event
from autoscaler.audit.wanted import Wanted
from autoscaler.cli.replayitems import REFUSED
from autoscaler.core.figures import counted
from autoscaler.core.repeats import expanded
from autoscaler.errors import AuditError, ConfigError, LaterError, MalformedError, OtherError
from autoscaler.model.decision import Decision
from autoscaler.model.instant import parse_instant

ENDINGS = (".jsonl", ".jsonl.gz", ".parquet")
GROUP = 20_000
"""Rows of a Parquet file that are in memory at the same time."""
NAMED = 20
_Read = TypeVar("_Read")


class Exported(Struct):
    """How many were written, how many were left out, the first of these with the reason; `others` were no records."""

    written: int = 0
    left_out: int = 0
    named: list[str] = []
    others: int = 0

    def leave_out(self, why: str) -> None:
        """One more that is not written."""
        self.left_out += 1
        if self.left_out <= NAMED:
            self.named.append(why)

    def lines(self, to: str) -> list[str]:
        """For a person."""
        unit = "evaluation" if to.endswith(".parquet") else "record"
        told = [f"{counted(self.written, unit) if self.written else 'nothing'} written to {to}"]
        if self.others:
            told += [f"{self.others} passed over: events of other types, no records of ours"]
        if self.left_out:
            more = [f"  and {self.left_out - NAMED} more"] if self.left_out > NAMED else []
            told += [f"{counted(self.left_out, 'record')} left out:", *(f"  {each}" for each in self.named), *more]
        return told


async def export(found: AsyncIterator[Event | MalformedError], wanted: Wanted, to: str, out: TextIO) -> Exported:
    """Write to the file `to` (`-`: `out`), by what its name ends in. What stood there stands until all is written, and
    where nothing is.

    JSON Lines has one CloudEvent per record that has a wanted evaluation, Parquet one row per wanted evaluation. What
    the broker refused, or only a later release understands, goes into JSON Lines as it is by its time, unless
    evaluations are chosen by reason or outcome; else it is left out and told. What nobody can read ends it with
    AuditError.
    """
    done = Exported()
    if to == "-":
        await _lines(found, wanted, out, done)
        return done
    path = Path(to)
    if not path.name.endswith(ENDINGS):
        raise ConfigError(f"--to {to}: its name must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    part = path.with_name(path.name + ".part")
    try:
        if path.suffix == ".parquet":
            await _parquet(found, wanted, part, done)
        else:
            with _opened(part, packed=path.suffix == ".gz") as file:
                await _lines(found, wanted, file, done)
        if done.written:
            part.replace(path)
    except OSError as exc:
        raise ConfigError(f"--to {to}: {exc.strerror or exc}") from exc
    finally:
        with suppress(OSError):  # where it could not be made there is none
            part.unlink()
    return done


@contextmanager
def _opened(path: Path, *, packed: bool) -> Iterator[TextIO]:
    """The file, to write text to. Packed, the same text gives the same bytes: neither name nor time is in it."""
    with path.open("wb") as raw, ExitStack() as stack:
        binary = stack.enter_context(GzipFile("", "wb", fileobj=raw, mtime=0)) if packed else raw
        yield stack.enter_context(TextIOWrapper(binary, encoding="utf-8", newline="\n"))


async def _lines(found: AsyncIterator[Event | MalformedError], wanted: Wanted, out: TextIO, done: Exported) -> None:
    async for event in _readable(found, wanted, done):
        if _copied(event, wanted, done):
            out.write(events.line(event).decode() + "\n")
            done.written += 1


def _decided(event: Event) -> Decision | str:
    """The decision, or why this release cannot tell what it was; AuditError, with its place, where none can."""
    if event.parked:
        return REFUSED
    try:
        return _named(event, event.decision)
    except LaterError as exc:
        return str(exc)


def _named(event: Event, read: Callable[[], _Read]) -> _Read:
    """What it reads; AuditError, with its place, for what no release can."""
    try:
        return read()
    except LaterError:
        raise
    except MalformedError as exc:
        raise AuditError(f"{event.where}: {event.key}: {exc}; `audit verify` lists all that cannot be read") from exc


def _copied(event: Event, wanted: Wanted, done: Exported) -> bool:
    decided = _decided(event)
    if isinstance(decided, Decision):
        return any(map(wanted.takes, expanded(decided)))
    if wanted.reasons or wanted.outcomes:
        done.leave_out(f"{event.where}: {decided}")
        return False
    return wanted.takes_time(_named(event, lambda: codec.instant(event.time)))


def _evaluations(event: Event, wanted: Wanted, done: Exported) -> Sequence[Decision]:
    decided = _decided(event)
    if isinstance(decided, Decision):
        return [each for each in expanded(decided) if wanted.takes(each)]
    done.leave_out(f"{event.where}: {decided}")
    return ()


async def _parquet(found: AsyncIterator[Event | MalformedError], wanted: Wanted, path: Path, done: Exported) -> None:
    try:
        import pyarrow  # noqa: PLC0415 - an optional extra
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise ConfigError("--to FILE.parquet needs pyarrow: pip install 'hpa-companion[parquet]'") from None
    kinds = {"instant": pyarrow.timestamp("us", "UTC"), "text": pyarrow.string(), "number": pyarrow.int64(),
             "seconds": pyarrow.float64()}  # fmt: skip
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    rows: list[dict[str, Any]] = []
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        async for event in _readable(found, wanted, done):
            rows += [row(event, each) for each in _evaluations(event, wanted, done)]
            if len(rows) >= GROUP:
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))
                done.written, rows = done.written + len(rows), []
        writer.write_table(pyarrow.Table.from_pylist(rows, schema))
    done.written += len(rows)


COLUMNS = {
    "time": "instant", "namespace": "text", "kind": "text", "name": "text", "policy_kind": "text",
    "policy": "text", "generation": "number", "epoch": "number", "seq": "number", "id": "text", "action": "text",
    "outcome": "text", "current": "number", "desired": "number", "reason": "text", "error": "text",
    "sample_age": "seconds", "compat": "text", "stages": "text",
}  # fmt: skip
"""Of a Parquet row; `stages` are JSON."""


def row(event: Event, decision: Decision) -> dict[str, Any]:
    """One evaluation."""
    return {
        "time": round(parse_instant(decision.time) * 1_000_000),
        "namespace": decision.namespace,
        "kind": decision.target.kind,
        "name": decision.target.name,
        "policy_kind": decision.policy.kind,
        "policy": decision.policy.name,
        "generation": decision.policy.generation,
        "epoch": event.number.epoch,
        "seq": event.number.seq,
        "id": event.id,
        "action": decision.action.value,
        "outcome": decision.outcome.value,
        "current": decision.current,
        "desired": decision.desired,
        "reason": decision.reason.value,
        "error": decision.error,
        "sample_age": decision.sample_age,
        "compat": decision.compat,
        "stages": msgspec.json.encode(decision.stages).decode(),
    }


async def _readable(
    found: AsyncIterator[Event | MalformedError], wanted: Wanted, done: Exported
) -> AsyncIterator[Event]:
    async for event in found:
        match event:
            case OtherError():
                done.others += 1
            case LaterError():
                done.leave_out(str(event))
            case MalformedError():
                raise AuditError(f"{event}; `audit verify` lists all that cannot be read") from event
            case _ if wanted.takes_target(event):
                yield event
