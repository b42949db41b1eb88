"""Deciding a long record again takes all cores: targets are dealt out to processes, each has all records of its own.

A short record is decided where it was read: processes take longer to start than it takes.
"""

from __future__ import annotations

import fcntl
import gc
import multiprocessing
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from operator import attrgetter
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.event import from_line
from autoscaler.audit.skim import Skim
from autoscaler.cli.policyfile import PolicyFile
from autoscaler.cli.replayitems import Body, Item, Line, Unread, item, stranger
from autoscaler.core.replay import Part, Replay, Span
from autoscaler.errors import AuditError, LaterError, MalformedError

ALONE = 20_000
"""Records up to which no process is started."""
BATCH = 1000
"""Records that a process decides together, at most. It takes those of a target one after the other: what the last one
needed is still in the processor's cache.
"""
PIECE = 50
"""Records of a message: for much larger ones `Connection.recv_bytes` makes and throws away memory many times over."""
PIPE = 1 << 20
"""Bytes on their way to a process, so that it need not wait for us; what Linux allows everybody."""


class Task(Struct, frozen=True):
    """What is to be done with them; `source` names the file that lines are of."""

    source: str
    candidates: tuple[PolicyFile, ...]
    span: Span


class _Worker(NamedTuple):
    """A process: where its records go, and where what it found comes from."""

    items: Connection
    part: Connection
    process: multiprocessing.process.BaseProcess


class Workers:
    """`with Workers(...)`: `take` records, then ask for the `parts` once. Raises AuditError for what is no record.

    `source` names the file that lines are of.
    """

    def __init__(
        self,
        candidates: Sequence[PolicyFile],
        span: Span,
        *,
        source: str = "",
        alone: int = ALONE,
        count: int | None = None,
    ) -> None:
        self._task, self._alone = Task(source, tuple(candidates), span), alone
        self._count = max(1, count or os.cpu_count() or 1)
        self._waiting: list[Item] = []
        self._numbers: dict[str, int] = {}
        self._batches: list[list[Item]] = []
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.items.close()
            if error is not None:
                worker.process.terminate()
            worker.process.join()
            worker.part.close()

    def take(self, item: Item) -> None:
        """The next record; those of one target in their order."""
        if self._workers:
            self._deal(item)
            return
        self._waiting.append(item)
        if len(self._waiting) > self._alone:
            self._start()
            for each in self._waiting:
                self._deal(each)
            self._waiting = []

    def parts(self) -> list[Part]:
        """What was found."""
        if not self._workers:
            return [_decided(self._task, self._waiting)]
        for number, batch in enumerate(self._batches):
            self._send(number, batch)
            self._send(number, [])
        return [self._received(worker) for worker in self._workers]

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # else it starts with the first process, and lets SIGINT through again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for us, who then end them
        try:
            for _ in range(self._count):
                taken, items = context.Pipe(duplex=False)
                part, found = context.Pipe(duplex=False)
                _widen(items)
                process = context.Process(target=_work, args=(taken, found, self._task), daemon=True)
                process.start()
                taken.close()
                found.close()
                self._workers.append(_Worker(items, part, process))
                self._batches.append([])
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _deal(self, item: Item) -> None:
        number = self._numbers.get(item.key)
        if number is None:  # one after the other, so that all have as many
            number = self._numbers[item.key] = len(self._numbers) % self._count
        batch = self._batches[number]
        batch.append(item)
        if len(batch) == PIECE:
            self._send(number, batch)
            self._batches[number] = []

    def _send(self, number: int, batch: list[Item]) -> None:
        worker = self._workers[number]
        try:
            worker.items.send_bytes(_encoder.encode(batch))
        except OSError:
            self._received(worker)  # it says why it has gone
            raise AuditError("a process of the replay ended early") from None

    def _received(self, worker: _Worker) -> Part:
        try:
            found = worker.part.recv()
        except (EOFError, OSError) as exc:
            raise AuditError("a process of the replay ended early; is there enough memory?") from exc
        if isinstance(found, str):
            raise AuditError(found)
        part: Part = found
        return part


def _decided(task: Task, items: Sequence[Item]) -> Part:
    again = Again(task)
    again.take(items)
    return again.replay.part()


class Again:
    """A replay of items."""

    def __init__(self, task: Task) -> None:
        self.replay = Replay([each.spec for each in task.candidates], task.span)
        self._source, self._skim = task.source, Skim()

    def take(self, items: Sequence[Item]) -> None:
        """The next ones; each target's in their order."""
        line, take = self._skim.line, self.replay.take
        for each in sorted(items, key=_key):
            if type(each) is Line:
                found = line(each.line)
                if found is None:
                    self._read(each)
                else:
                    take(each.key, found.epoch, found.seq, found.decision, at=found.at, shed=found.shed)
            elif type(each) is Body:
                self._take(each)
            elif type(each) is Unread:
                self._pass_over(each)

    def _read(self, line: Line) -> None:
        """A line that is no usual one."""
        try:
            found = item(from_line(line.line, f"{self._source}:{line.number}"))
        except MalformedError as exc:
            if what := stranger(exc):
                self.replay.pass_by(what)
                return
            raise AuditError(f"{exc}; `audit verify` lists all that cannot be read") from exc
        if isinstance(found, Unread):
            self._pass_over(found)
        else:
            self._take(found)

    def _take(self, body: Body) -> None:
        try:
            self._take_one(body)
        except MalformedError as exc:
            raise AuditError(f"{body.key} {body.epoch}/{body.seq}: {exc}; see `audit verify`") from exc

    def _take_one(self, body: Body) -> None:
        decision = self._skim.body(body.body)
        try:
            decision = codec.decode(body.body) if decision is None else decision
        except LaterError as exc:  # its time is all that is needed
            at = codec.instant(codec.head(body.body).time)
            self.replay.pass_over(body.key, body.epoch, body.seq, at, str(exc), shed=body.shed)
            return
        self.replay.take(body.key, body.epoch, body.seq, decision, shed=body.shed)

    def _pass_over(self, record: Unread) -> None:
        self.replay.pass_over(record.key, record.epoch, record.seq, record.at, record.why, shed=record.shed)


def _widen(pipe: Connection) -> None:
    """Where that is possible; else it is a little slower."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # who has many pipes may be refused
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE)


def _work(taken: Connection, found: Connection, task: Task) -> None:
    """In a process of its own, until an empty message comes; what is there is decided, be it no whole batch."""
    gc.disable()  # decisions hold no cycles, and looking for some takes a fifth of the time
    again, batch = Again(task), list[Item]()
    try:
        while piece := _decoder.decode(taken.recv_bytes()):
            batch += piece
            if len(batch) >= BATCH or not taken.poll():
                again.take(batch)
                batch = []
        again.take(batch)
        found.send(again.replay.part())
    except AuditError as exc:
        taken.close()  # else we would be sent more
        found.send(str(exc))
    except (EOFError, OSError):
        return  # nobody waits for it any more


_key = attrgetter("key")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Item])
