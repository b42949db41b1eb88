"""The one thread that owns a spool: what it is given, it does in that order, and answers in the event loop.

It also decides what joins the record before (`audit.sharing`): of many decisions one after the other that costs a third
of what it costs one at a time, and only here is it known what stands.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from autoscaler.audit.entry import Entry
from autoscaler.audit.room import Pressure
from autoscaler.audit.sharing import Sharing
from autoscaler.audit.spool import Spool
from autoscaler.errors import AuditError, UnwritableError
from autoscaler.model.decision import Decision


class State(Struct, frozen=True):
    """Of the spool, after something was done: how many records are undelivered and since when the oldest waits (None:
    nobody can tell), whether there was room, whether a damaged file was just replaced.
    """

    backlog: tuple[int, float | None] | None
    pressure: Pressure
    replaced: bool = False


class Append(Struct, frozen=True):
    """A record on its way to the disk, which is to answer before `late_at` by the loop's time: with the entry that was
    kept, None when it was dropped.
    """

    what: Decision | Entry
    done: asyncio.Future[Entry | None]
    late_at: float


class Call(Struct, frozen=True):
    """Something else to do with the spool."""

    act: Callable[[], Any]
    done: asyncio.Future[Any]


Item = Append | Call


class Answer(Struct, frozen=True):
    """What came of `items`, a result or an error each. `last`: the thread has nothing more to do."""

    items: Sequence[Item]
    results: Sequence[Any]
    state: State
    last: bool


class Worker:
    """`start` from the event loop; `told` is called there with each answer."""

    def __init__(self, spool: Spool, sharing: Sharing, told: Callable[[Answer], None]) -> None:
        self._spool = spool
        self._sharing = sharing
        self._told = told
        self._inbox: queue.SimpleQueue[Sequence[Item] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._work, name="audit-spool", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def give(self, items: Sequence[Item]) -> None:
        """Records that stand together share a transaction and an fsync; calls are made between these."""
        self._inbox.put(items)

    def end(self) -> None:
        """After what was given."""
        self._inbox.put(None)

    def ended(self, within: float) -> bool:
        """Whether it has come to its end, waited for."""
        self._thread.join(within)
        return not self._thread.is_alive()

    # In the thread

    def _work(self) -> None:
        while (items := self._inbox.get()) is not None:
            parts = list(self._parts(items))
            for number, part in enumerate(parts, 1):
                self._do(part, last=number == len(parts))

    def _parts(self, items: Sequence[Item]) -> Iterator[Call | Sequence[Append]]:
        """What is done at once. Those for whom room is kept are not refused for their company's sake."""
        group: list[Append] = []
        for item in items:
            if isinstance(item, Call):
                yield from self._groups(group)
                group = []
                yield item
            else:
                group.append(item)
        yield from self._groups(group)

    def _groups(self, group: Sequence[Append]) -> Iterator[Sequence[Append]]:
        if not self._spool.keeps_room:
            if group:
                yield group
            return
        first: dict[str, Append] = {}
        for item in group:
            if (key := item.what.key) in self._spool.keeps_room:
                first.setdefault(key, item)
        for part in (list(first.values()), [item for item in group if first.get(item.what.key) is not item]):
            if part:
                yield part

    def _do(self, part: Call | Sequence[Append], *, last: bool) -> None:
        known = self._spool.aside
        if isinstance(part, Call):
            items: Sequence[Item] = [part]
            results: Sequence[object] = [self._called(part)]
        else:
            items, results = part, self._appended(part)
        try:
            backlog = self._spool.backlog()
        except AuditError:
            backlog = None
        state = State(backlog, self._spool.pressure, replaced=self._spool.aside is not known)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._told, Answer(items, results, state, last))

    @staticmethod
    def _called(call: Call) -> object:
        try:
            return call.act()
        except Exception as exc:  # noqa: BLE001 - told to the caller; the thread must outlive it
            return exc

    def _appended(self, group: Sequence[Append]) -> Sequence[object]:
        made = [self._made(item.what) for item in group]
        entries = [each for each in made if isinstance(each, Entry)]
        try:
            appended = self._spool.append(entries) if entries else ()
        except Exception as exc:  # noqa: BLE001 - as above
            self._forget(entries)
            return [exc if isinstance(each, Entry) else each for each in made]
        if len(entries) == len(made) and all(appended):
            return made
        kept = iter(appended)
        results = [each if isinstance(each, Exception) or next(kept) else None for each in made]
        self._forget([each for each, result in zip(made, results, strict=True) if result is None])
        return results

    def _made(self, what: Decision | Entry) -> Entry | Exception:
        if isinstance(what, Entry):
            return what
        try:
            return self._sharing.entry(what)
        except UnwritableError as exc:
            self._spool.gaps.add([what.key])
            self._sharing.forget(what.key)
            return exc

    def _forget(self, entries: Sequence[Entry | Exception]) -> None:
        """What stands of their targets is not what was thought."""
        for entry in entries:
            if isinstance(entry, Entry):
                self._sharing.forget(entry.key)
