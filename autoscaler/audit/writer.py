"""The one thread that owns a spool, and the way to it from the event loop.

Records that arrive within the commit window share one transaction and one fsync; everything else asked of the spool
runs between two commits, in the order in which it was asked. Where nothing arrives but rows of records that stand
already, as in a quiet cluster, the window is longer: a commit costs about as much as 50 records. It ends with enough of
them, for who evaluates waits for it, a few at a time.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import structlog
from msgspec import Struct

from autoscaler.audit.room import Pressure
from autoscaler.audit.spool import Entry, Spool
from autoscaler.errors import AuditError

log = structlog.get_logger(__name__)

WAITING = 10_000  # records in memory before a disk that hangs makes us refuse more
GROUP = 1000  # records a transaction, so that a backlog in memory does not end in one huge commit
CLOSE_WITHIN = 3.0
QUIET_WINDOW = 0.05
COMPANY = 16  # as many rows are company enough: half of what is evaluated at once, so that disk and sums take turns

T = TypeVar("T")
_Answered = tuple[asyncio.Future[Any], object]
"""Who waits, and what is answered if there was no error."""


class State(Struct, frozen=True):
    """Of the spool, after something was done: how many records are undelivered and since when the oldest waits (None:
    nobody can tell), whether there was room, whether a damaged file was just replaced.
    """

    backlog: tuple[int, float | None] | None
    pressure: Pressure
    replaced: bool = False


class Watcher(Protocol):
    """Hears in the event loop what became of the spool, before those who asked for it."""

    def changed(self, state: State) -> None: ...


class _Append(Struct, frozen=True):
    """A record on its way to the disk."""

    entry: Entry
    done: asyncio.Future[bool]


class _Call(Struct, frozen=True):
    """Something else to do with the spool."""

    act: Callable[[], Any]
    done: asyncio.Future[Any]


class Writer:
    """`start`, then `close`, from the event loop. In seconds: how long a commit waits for company (`window`), and how
    long where nothing but rows of standing records arrives (`quiet`), unless there are enough of them.
    """

    def __init__(self, spool: Spool, watcher: Watcher, *, window: float, quiet: float = QUIET_WINDOW) -> None:
        self._spool = spool
        self._watcher = watcher
        self._window, self._quiet = window, quiet
        self._inbox: queue.SimpleQueue[_Append | _Call] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._hurry = threading.Event()  # somebody waits who is not to wait for the quiet window
        self._running = True  # the thread's own
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._work, name="audit-spool", daemon=True)

    def start(self) -> None:
        """Tell how things stand, and begin."""
        self._loop = asyncio.get_running_loop()
        self._watcher.changed(
            State(self._spool.backlog(), self._spool.pressure, replaced=self._spool.aside is not None)
        )
        self._thread.start()

    async def close(self) -> None:
        """Commit what was handed over. A disk that hangs is left behind: nobody was told those records are kept."""
        self._closing.set()
        self._hurry.set()
        self._inbox.put(_Call(self._end, self._loop.create_future()))
        await asyncio.to_thread(self._thread.join, CLOSE_WITHIN)
        if self._thread.is_alive():
            log.error("Left a spool that hangs", path=str(self._spool.path))
        else:
            self._spool.close()

    def append(self, entry: Entry) -> asyncio.Future[bool]:
        """Whether the spool kept it, once that is durable; AuditError at once when nothing is taken any more.

        Who stops waiting does not take the record back.
        """
        item = _Append(entry, self._loop.create_future())
        self._put(item)
        return item.done

    async def call(self, act: Callable[[], T]) -> T:
        """What `act` returns, done in the thread."""
        call = _Call(act, self._loop.create_future())
        self._put(call)
        result: T = await asyncio.shield(call.done)
        return result

    def _put(self, item: _Append | _Call) -> None:
        closed, behind = self._closing.is_set(), self._inbox.qsize() >= WAITING
        if (closed or behind) and isinstance(item, _Append):
            self._spool.gaps.missed(item.entry.key)
        if closed:
            raise AuditError("the audit spool is closed")
        if behind:
            raise AuditError("the audit spool does not keep up")
        self._inbox.put(item)
        if isinstance(item, _Call) or item.entry.joins is None or self._inbox.qsize() >= COMPANY:
            self._hurry.set()

    # In the thread

    def _work(self) -> None:
        while self._running:
            item = self._inbox.get()
            if isinstance(item, _Append):
                self._hurry.wait(self._quiet)
                self._hurry.clear()  # whoever has set it is in the queue, and comes along now
                self._closing.wait(self._window)
                group, behind = self._company(item)
                self._commit(group)
            else:
                behind = item
            if behind is not None:
                self._perform(behind)

    def _company(self, first: _Append) -> tuple[list[_Append], _Call | None]:
        """The records waiting behind `first`, and the call that stands behind those, if any."""
        group = [first]
        while len(group) < GROUP:
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                break
            if isinstance(item, _Call):
                return group, item
            group.append(item)
        return group, None

    def _commit(self, group: list[_Append]) -> None:
        """Those for whom there is room are not refused for their company's sake."""
        first: dict[str, _Append] = {}
        for item in group:
            if self._spool.reserved(item.entry.key):
                first.setdefault(item.entry.key, item)
        for part in (list(first.values()), [item for item in group if first.get(item.entry.key) is not item]):
            if part:
                self._commit_together(part)

    def _commit_together(self, group: list[_Append]) -> None:
        known = self._spool.aside
        kept: Sequence[bool] = ()
        error: Exception | None = None
        try:
            kept = self._spool.append([item.entry for item in group])
        except Exception as exc:  # noqa: BLE001 - told to every caller; the thread must outlive it
            error = exc
        kept = kept or [False] * len(group)
        self._tell(
            [(item.done, each) for item, each in zip(group, kept, strict=True)], error, known is self._spool.aside
        )

    def _perform(self, call: _Call) -> None:
        known = self._spool.aside
        result: object = None
        error: Exception | None = None
        try:
            result = call.act()
        except Exception as exc:  # noqa: BLE001 - told to the caller; the thread must outlive it
            error = exc
        self._tell([(call.done, result)], error, known is self._spool.aside)

    def _end(self) -> None:
        self._running = False

    def _tell(self, waiting: Sequence[_Answered], error: Exception | None, same: bool) -> None:
        """Answer in the event loop, with one wake-up for all. `same`: the file is the one it was."""
        try:
            backlog = self._spool.backlog()
        except AuditError:
            backlog = None
        state = State(backlog, self._spool.pressure, replaced=not same)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._told, waiting, error, state)

    # In the event loop again

    def _told(self, waiting: Sequence[_Answered], error: Exception | None, state: State) -> None:
        self._watcher.changed(state)
        for future, result in waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
