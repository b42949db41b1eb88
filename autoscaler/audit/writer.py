"""The way from the event loop to the thread that owns a spool.

Records gather here while the thread is busy, and for a moment where it is not, for a commit costs about as much as 40
of them: for the commit window, or, where nothing comes but what changes nothing, as in a quiet cluster, for the quiet
window. It ends with enough of them, for who evaluates waits for it, a few at a time. Everything else asked of the spool
ends it too, and is done between two commits, in the order in which it was asked. One timer looks after all deadlines.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Protocol, TypeVar

import structlog

from autoscaler.audit.entry import Entry
from autoscaler.audit.sharing import Sharing
from autoscaler.audit.spool import Spool
from autoscaler.audit.worker import Answer, Append, Call, Item, State, Worker
from autoscaler.errors import AuditError, SlowError
from autoscaler.model.decision import Decision

log = structlog.get_logger(__name__)

WAITING = 10_000  # records in memory before a disk that hangs makes us refuse more
GROUP = 1000  # records a transaction, so that a backlog in memory does not end in one huge commit
CLOSE_WITHIN = 3.0
COMPANY = (
    24  # as many are company enough: three quarters of what is evaluated at once, so that disk and sums take turns
)

T = TypeVar("T")


class Watcher(Protocol):
    """Hears in the event loop what became of the spool, before those who asked for it; and what became of a record
    whose deadline was over: whether it was kept, or why not.
    """

    def changed(self, state: State) -> None: ...
    def settled(self, key: str, kept: bool | Exception) -> None: ...


class Writer:
    """`start`, then `close`, from the event loop. In seconds: how long a commit waits for company (`window`), how long
    where nothing arrives but what says nothing new (`quiet`), and how long the disk may take then (`patience`).
    """

    def __init__(
        self, spool: Spool, sharing: Sharing, watcher: Watcher, *, window: float, quiet: float, patience: float
    ) -> None:
        self._spool = spool
        self._watcher = watcher
        self._window, self._quiet, self._patience = window, quiet, patience
        self._worker = Worker(spool, sharing, self._told)
        self._waiting: deque[Item] = deque()
        self._under_way: Sequence[Item] = ()
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._closed = False
        self._loop: asyncio.AbstractEventLoop

    def start(self) -> None:
        """Tell how things stand, and begin."""
        self._loop = asyncio.get_running_loop()
        self._watcher.changed(
            State(self._spool.backlog(), self._spool.pressure, replaced=self._spool.aside is not None)
        )
        self._worker.start()

    async def close(self) -> None:
        """Commit what was handed over. A disk that hangs is left behind: nobody was told those records are kept."""
        self._closed = True
        self._hand_over()
        if not self._under_way:
            self._worker.end()
        if await asyncio.to_thread(self._worker.ended, CLOSE_WITHIN):
            self._spool.close()
        else:
            log.error("Left a spool that hangs", path=str(self._spool.path))

    def append(self, what: Decision | Entry, *, unchanged: bool = False) -> asyncio.Future[Entry | None]:
        """The entry once it is durable, None when the spool dropped it; SlowError when that is not known in time,
        AuditError at once when nothing is taken any more. `unchanged`: it says nothing new, and can wait for others.
        Who stops waiting does not take the record back.
        """
        if self._closed or len(self._waiting) >= WAITING:
            self._spool.gaps.missed(what.key)
            raise AuditError("the audit spool is closed" if self._closed else "the audit spool does not keep up")
        now = self._loop.time()
        quiet = self._quiet if unchanged else 0.0
        item = Append(what, self._loop.create_future(), now + quiet + self._patience)
        self._waiting.append(item)
        self._hand_over_at(now + (quiet if quiet and len(self._waiting) < COMPANY else self._window))
        if self._deadline is None:
            self._deadline = self._loop.call_at(item.late_at, self._look_for_late)
        return item.done

    async def call(self, act: Callable[[], T]) -> T:
        """What `act` returns, done in the thread."""
        if self._closed:
            raise AuditError("the audit spool is closed")
        call = Call(act, self._loop.create_future())
        self._waiting.append(call)
        self._due = self._loop.time()
        self._hand_over()
        result: T = await call.done
        return result

    def _hand_over_at(self, due: float) -> None:
        """Then, or when the thread is done with what it has."""
        if due >= self._due:
            return
        self._due = due
        if not self._under_way:
            self._wake_at(due)

    def _wake_at(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._hand_over)

    def _hand_over(self) -> None:
        if self._under_way or not self._waiting:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._under_way = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
        if not self._waiting:
            self._due = math.inf
        self._worker.give(self._under_way)

    def _told(self, answer: Answer) -> None:
        if answer.last:
            self._go_on()
        self._watcher.changed(answer.state)
        for item, result in zip(answer.items, answer.results, strict=True):
            error = result if isinstance(result, Exception) else None
            if item.done.done():
                if isinstance(item, Append) and not item.done.cancelled():
                    self._watcher.settled(item.what.key, error or result is not None)
            elif error is None:
                item.done.set_result(result)
            else:
                item.done.set_exception(error)

    def _go_on(self) -> None:
        self._under_way = ()
        if self._closed or self._due <= self._loop.time():
            self._hand_over()
        elif self._waiting:
            self._wake_at(self._due)
        if self._closed and not self._under_way:
            self._worker.end()

    def _look_for_late(self) -> None:
        """Nobody waits longer for those whose deadline is over."""
        self._deadline = None
        now, soonest = self._loop.time(), math.inf
        for item in chain(self._under_way, self._waiting):
            if isinstance(item, Call) or item.done.done():
                continue
            if item.late_at <= now:
                item.done.set_exception(SlowError(f"the audit spool did not answer within {self._patience:g} s"))
            else:
                soonest = min(soonest, item.late_at)
        if soonest < math.inf:
            self._deadline = self._loop.call_at(soonest, self._look_for_late)
