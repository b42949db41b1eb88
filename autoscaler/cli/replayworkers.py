"""Deciding a long record again takes all cores: targets are dealt out to processes, each has all records of its own.

A short record is decided where it was read: processes take longer to start than it takes.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self
from zlib import crc32

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.cli.policyfile import PolicyFile
from autoscaler.core.replay import Part, Replay, Span
from autoscaler.errors import AuditError, LaterError, MalformedError

ALONE = 20_000
"""Records up to which no process is started."""
BATCH = 200


class Item(Struct, frozen=True, array_like=True, gc=False):
    """A record of the target `key`."""

    key: str
    epoch: int
    seq: int
    body: bytes


class Workers:
    """`with Workers(...)`: `take` records, then ask for the `parts` once. Raises AuditError for a body that is none."""

    def __init__(
        self, candidates: Sequence[PolicyFile], span: Span, *, alone: int = ALONE, count: int | None = None
    ) -> None:
        self._candidates, self._span, self._alone = tuple(candidates), span, alone
        self._count = max(1, count or os.cpu_count() or 1)
        self._waiting: list[Item] = []
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
            return [_decided(self._candidates, self._span, self._waiting)]
        for number, batch in enumerate(self._batches):
            self._send(number, batch)
            self._send(number, [])
        return [self._received(connection) for connection, _ in self._workers]

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        for _ in range(self._count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, self._candidates, self._span), daemon=True)
            process.start()
            theirs.close()
            self._workers.append((ours, process))
            self._batches.append([])

    def _deal(self, item: Item) -> None:
        number = crc32(item.key.encode()) % self._count
        self._batches[number].append(item)
        if len(self._batches[number]) == BATCH:
            self._send(number, self._batches[number])
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


def _decided(candidates: Sequence[PolicyFile], span: Span, items: Sequence[Item]) -> Part:
    replay = Replay([each.spec for each in candidates], span)
    _take(replay, items)
    return replay.part()


def _take(replay: Replay, items: Sequence[Item]) -> None:
    for item in items:
        try:
            _take_one(replay, item)
        except MalformedError as exc:
            raise AuditError(f"{item.key} {item.epoch}/{item.seq}: {exc}; see `audit verify`") from exc


def _take_one(replay: Replay, item: Item) -> None:
    try:
        decision = codec.decode(item.body)
    except LaterError as exc:  # its time is all that is needed
        at = codec.instant(codec.head(item.body).time)
        replay.pass_over(item.key, item.epoch, item.seq, at, str(exc))
        return
    replay.take(item.key, item.epoch, item.seq, decision)


def _work(connection: Connection, candidates: Sequence[PolicyFile], span: Span) -> None:
    """In a process of its own, until an empty batch comes."""
    gc.disable()  # decisions hold no cycles, and looking for some takes a fifth of the time
    replay = Replay([each.spec for each in candidates], span)
    try:
        while batch := _decoder.decode(connection.recv_bytes()):
            _take(replay, batch)
        connection.send(replay.part())
    except AuditError as exc:
        connection.send(str(exc))
    except (EOFError, KeyboardInterrupt):
        return  # nobody waits for it any more


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Item])
