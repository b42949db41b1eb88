"""Deciding a long record again takes all cores: targets are dealt out to processes, each has all records of its own.

A short record is decided where it was read: processes take longer to start than it takes.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections.abc import Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from operator import attrgetter
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.event import from_line
from autoscaler.audit.skim import Skim
from autoscaler.cli.policyfile import PolicyFile
from autoscaler.core.replay import Part, Replay, Span
from autoscaler.errors import AuditError, LaterError, MalformedError

ALONE = 20_000
"""Records up to which no process is started."""
BATCH = 1000
"""Records that go to a process together. It takes those of a target one after the other: what the last one needed is
still in the processor's cache.
"""


class Body(Struct, frozen=True, array_like=True, gc=False, tag="body"):
    """A record of the target `key`."""

    key: str
    epoch: int
    seq: int
    body: bytes


class Line(Struct, frozen=True, array_like=True, gc=False, tag="line"):
    """The same as line `number` of a file, still to be read."""

    key: str
    number: int
    line: bytes


Item = Body | Line


class Task(Struct, frozen=True):
    """What is to be done with them; `source` names the file that lines are of."""

    source: str
    candidates: tuple[PolicyFile, ...]
    span: Span


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
        self._workers: list[tuple[Connection, multiprocessing.process.BaseProcess]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection, process in self._workers:
            connection.close()
            if error is not None:
                process.terminate()
            process.join()

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
        return [self._received(connection) for connection, _ in self._workers]

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # else it starts with the first process, and lets SIGINT through again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for us, who then end them
        try:
            for _ in range(self._count):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, self._task), daemon=True)
                process.start()
                theirs.close()
                self._workers.append((ours, process))
                self._batches.append([])
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _deal(self, item: Item) -> None:
        number = self._numbers.get(item.key)
        if number is None:  # one after the other, so that all have as many
            number = self._numbers[item.key] = len(self._numbers) % self._count
        batch = self._batches[number]
        batch.append(item)
        if len(batch) == BATCH:
            self._send(number, batch)
            self._batches[number] = []

    def _send(self, number: int, batch: list[Item]) -> None:
        connection = self._workers[number][0]
        try:
            connection.send_bytes(_encoder.encode(batch))
        except OSError:
            self._received(connection)  # it says why it has gone
            raise AuditError("a process of the replay ended early") from None

    def _received(self, connection: Connection) -> Part:
        try:
            found = connection.recv()
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
        for item in sorted(items, key=_key):
            if type(item) is Line:
                found = line(item.line)
                if found is None:
                    self._read(item)
                else:
                    take(item.key, found.epoch, found.seq, found.decision, found.at)
            elif type(item) is Body:
                self._take(item)

    def _read(self, item: Line) -> None:
        """A line that is no usual one."""
        try:
            event = from_line(item.line, f"{self._source}:{item.number}")
        except MalformedError as exc:
            raise AuditError(f"{exc}; `audit verify` lists all that cannot be read") from exc
        if not event.parked:
            self._take(Body(item.key, event.number.epoch, event.number.seq, event.body))

    def _take(self, item: Body) -> None:
        try:
            self._take_one(item)
        except MalformedError as exc:
            raise AuditError(f"{item.key} {item.epoch}/{item.seq}: {exc}; see `audit verify`") from exc

    def _take_one(self, item: Body) -> None:
        decision = self._skim.body(item.body)
        try:
            decision = codec.decode(item.body) if decision is None else decision
        except LaterError as exc:  # its time is all that is needed
            at = codec.instant(codec.head(item.body).time)
            self.replay.pass_over(item.key, item.epoch, item.seq, at, str(exc))
            return
        self.replay.take(item.key, item.epoch, item.seq, decision)


def _work(connection: Connection, task: Task) -> None:
    """In a process of its own, until an empty batch comes."""
    gc.disable()  # decisions hold no cycles, and looking for some takes a fifth of the time
    again = Again(task)
    try:
        while batch := _decoder.decode(connection.recv_bytes()):
            again.take(batch)
        connection.send(again.replay.part())
    except AuditError as exc:
        connection.send(str(exc))
    except EOFError:
        return  # nobody waits for it any more


_key = attrgetter("key")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Item])
