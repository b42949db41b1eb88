"""The journal of decisions: `record` returns once the decision is on disk, and never waits for Kafka.

One thread owns the spool. Records that arrive within the commit window share one transaction and one fsync; everything
else asked of the spool (what is undelivered, the cursor) runs between two commits in the same thread.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog
from msgspec import Struct

from autoscaler.audit.codec import Record
from autoscaler.audit.deadletters import DeadLetters
from autoscaler.audit.sharing import Sharing
from autoscaler.audit.spool import Entry, Spool
from autoscaler.clock import Clock
from autoscaler.errors import AuditError, MalformedError, SpoolFullError
from autoscaler.model.decision import Decision
from autoscaler.telemetry import AuditTelemetry

log = structlog.get_logger(__name__)

COMMIT_WINDOW = 0.005
HEARTBEAT = 60.0
PATIENCE = 1.0
WAITING = 10_000  # records in memory before a disk that hangs makes us refuse more
GROUP = 1000  # records a transaction, so that a backlog in memory does not end in one huge commit
CLOSE_WITHIN = 3.0

T = TypeVar("T")


class _Append(Struct, frozen=True):
    """A record on its way to the disk."""

    entry: Entry
    done: asyncio.Future[None]


class _Call(Struct, frozen=True):
    """Something else to do with the spool."""

    act: Callable[[], Any]
    done: asyncio.Future[Any]


class Outbox:
    """`async with Outbox(spool, ...)`: the thread runs inside the block, the spool is closed at its end.

    `window`, `patience` and `heartbeat` are seconds: how long a commit waits for company, how long `record` waits for
    the disk, and how long evaluations that come to the same share a record (0: each has its own).
    """

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        telemetry: AuditTelemetry,
        *,
        window: float = COMMIT_WINDOW,
        patience: float = PATIENCE,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._spool = spool
        self._clock = clock
        self._telemetry = telemetry
        self._window = window
        self._patience = patience
        self._heartbeat = heartbeat
        self._sharing = Sharing(heartbeat)
        self._letters = DeadLetters(spool.path.parent)
        self._inbox: queue.SimpleQueue[_Append | _Call] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._running = True  # the thread's own
        self._news = asyncio.Event()
        self._oldest: float | None = None
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._work, name="audit-spool", daemon=True)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        if self._spool.aside is not None:
            self._tell_damage()
        self._told((), None, None, self._spool.backlog())
        self._telemetry.oldest.set_function(self._oldest_age)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what was handed over. A disk that hangs is left behind: nobody was told those records are kept."""
        self._closing.set()
        self._inbox.put(_Call(self._end, self._loop.create_future()))
        await asyncio.to_thread(self._thread.join, CLOSE_WITHIN)
        if self._thread.is_alive():
            log.error("Left a spool that hangs", path=str(self._spool.path))
        else:
            self._spool.close()

    async def record(self, decision: Decision) -> str:
        """The id of the record that has it, once `decision` is durable.

        SpoolFullError or AuditError when that is not known within `patience`.
        """
        entry, record_id = self._sharing.entry(decision)
        try:
            await self.keep(entry)
        except BaseException:
            self._sharing.forget(decision.key)  # whether it stands is not known
            raise
        return record_id

    async def keep(self, entry: Entry) -> None:
        """Return once `entry` is durable; errors as of `record`."""
        started = self._clock.monotonic()
        done: asyncio.Future[None] = self._loop.create_future()
        try:
            async with asyncio.timeout(self._patience):
                await self._answer(_Append(entry, done))
        except TimeoutError as exc:
            self._telemetry.refused.labels("timeout").inc()
            raise AuditError(f"the audit spool did not answer within {self._patience:g} s") from exc
        except SpoolFullError:
            self._telemetry.refused.labels("full").inc()
            raise
        except AuditError:
            self._telemetry.refused.labels("disk").inc()
            raise
        self._telemetry.committed.inc()
        self._telemetry.commit_seconds.observe(self._clock.monotonic() - started)

    @property
    def oldest(self) -> float | None:
        """When the oldest record was made that Kafka has not acknowledged, None when there is none."""
        return self._oldest

    async def news(self) -> None:
        """Return when something may be undelivered that was not there at the last call of `undelivered`."""
        with suppress(TimeoutError):  # a record may stand whose target is gone: it is due all the same
            async with asyncio.timeout(self._heartbeat or None):
                await self._news.wait()

    async def settle(self) -> None:
        """Have everything recorded so far among the undelivered."""
        self._sharing.forget_all()
        await self._call(self._spool.settle)

    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        """The oldest records Kafka has not acknowledged, oldest first; AuditError when the spool cannot be read."""
        self._news.clear()
        return await self._call(lambda: self._undelivered(max_bytes, max_rows))

    def _undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        with suppress(SpoolFullError):  # in a full one the standing records wait until there is room
            self._spool.settle(self._clock.now() - self._heartbeat)
        return self._spool.undelivered(max_bytes, max_rows)

    async def delivered(self, position: int) -> None:
        """Kafka has acknowledged everything up to `position`."""
        await self._call(lambda: self._spool.delivered(position))

    async def set_aside(self, record: Record, reason: str) -> None:
        """Keep `record`, which Kafka will never take, where a person finds it; in the log when the disk does not."""
        try:
            await self._call(lambda: self._letters.add(record, reason))
        except (AuditError, MalformedError) as exc:
            log.error(
                "Kept a refused record in this log only", error=str(exc), record=record.body.decode(errors="replace")
            )

    async def _call(self, act: Callable[[], T]) -> T:
        done: asyncio.Future[T] = self._loop.create_future()
        await self._answer(_Call(act, done))
        return done.result()

    async def _answer(self, item: _Append | _Call) -> None:
        if self._closing.is_set():
            raise AuditError("the audit spool is closed")
        if self._inbox.qsize() >= WAITING:
            raise AuditError("the audit spool does not keep up")
        self._inbox.put(item)
        # shielded: who gives up waiting does not take the record back
        await asyncio.shield(item.done)

    # In the thread

    def _work(self) -> None:
        while self._running:
            item = self._inbox.get()
            if isinstance(item, _Append):
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
        error: Exception | None = None
        known = self._spool.aside
        try:
            self._spool.append([item.entry for item in group])
        except Exception as exc:  # noqa: BLE001 - told to every caller; the thread must outlive it
            error = exc
        if self._spool.aside != known:
            self._tell_damage()
        self._tell([item.done for item in group], None, error)

    def _tell_damage(self) -> None:
        self._telemetry.damaged.inc()
        log.error(
            "Put a damaged spool aside and began a new one; what Kafka did not have is only in the damaged one",
            file=str(self._spool.aside),
            remedy="copy it away, save its records with `sqlite3 FILE .recover`, check the disk",
        )

    def _perform(self, call: _Call) -> None:
        result: object = None
        error: Exception | None = None
        try:
            result = call.act()
        except Exception as exc:  # noqa: BLE001 - told to the caller; the thread must outlive it
            error = exc
        self._tell([call.done], result, error)

    def _end(self) -> None:
        self._running = False

    def _tell(self, waiting: Sequence[asyncio.Future[Any]], result: object, error: Exception | None) -> None:
        """Answer in the event loop, with one wake-up for all."""
        try:
            backlog = self._spool.backlog()
        except AuditError:
            backlog = None  # the gauges keep their values
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._told, waiting, result, error, backlog)

    # In the event loop again

    def _told(
        self,
        waiting: Sequence[asyncio.Future[Any]],
        result: object,
        error: Exception | None,
        backlog: tuple[int, float | None] | None,
    ) -> None:
        for future in waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if backlog is not None:
            self._telemetry.undelivered.set(backlog[0])
            self._oldest = backlog[1]
            if backlog[0]:
                self._news.set()

    def _oldest_age(self) -> float:
        return 0.0 if self._oldest is None else max(0.0, self._clock.now() - self._oldest)
