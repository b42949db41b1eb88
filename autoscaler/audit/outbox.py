"""The journal of decisions: `record` returns once the decision is on disk, and never waits for Kafka.

A thread writes (`audit.writer`). A record that the disk does not take in time is not given up: it waits in memory, and
what became of it is told in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.audit.deadletters import DeadLetters
from autoscaler.audit.entry import Entry
from autoscaler.audit.room import OnFull, Pressure
from autoscaler.audit.sharing import Sharing
from autoscaler.audit.spool import Spool
from autoscaler.audit.worker import State
from autoscaler.audit.writer import Writer
from autoscaler.clock import Clock
from autoscaler.errors import AuditError, MalformedError, ShedError, SlowError, SpoolFullError, UnwritableError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.telemetry import AuditTelemetry

log = structlog.get_logger(__name__)

COMMIT_WINDOW = 0.005
QUIET_WINDOW = 0.1
HEARTBEAT = 60.0
PATIENCE = 1.0


class Outbox:
    """`async with Outbox(spool, ...)`: the thread runs inside the block, the spool is closed at its end.

    In seconds: how long a commit waits for company (`window`), and where all of it changes nothing (`quiet`), how long
    `record` waits for the disk then (`patience`), and how long evaluations that come to the same share a record
    (`heartbeat`, 0: each has its own).
    """

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        telemetry: AuditTelemetry,
        *,
        window: float = COMMIT_WINDOW,
        quiet: float = QUIET_WINDOW,
        patience: float = PATIENCE,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._spool = spool
        self._clock = clock
        self._telemetry = telemetry
        self._patience = patience
        self._heartbeat = heartbeat
        self._sharing = Sharing(heartbeat)
        self._letters = DeadLetters(spool.path.parent)
        self._news = asyncio.Event()
        self._saved = spool.saved
        self._oldest: float | None = None
        self._pressure = Pressure.NONE
        self._writer = Writer(spool, self._sharing, self, window=window, quiet=quiet, patience=patience)

    async def __aenter__(self) -> Self:
        self._writer.start()
        self._telemetry.oldest.set_function(self._oldest_age)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What was handed over is committed."""
        await self._writer.close()

    async def record(self, decision: Decision) -> str:
        """The id of the record that has it, once `decision` is durable.

        ShedError: it was dropped, for there is little room and it says nothing new. SlowError: that is not known within
        `patience`. SpoolFullError or another AuditError: it is not kept.
        """
        return (await self._kept(decision, unchanged=decision.outcome is Outcome.HELD)).id

    async def keep(self, entry: Entry) -> None:
        """Return once `entry` is durable; errors as of `record`."""
        await self._kept(entry, unchanged=False)

    async def _kept(self, what: Decision | Entry, *, unchanged: bool) -> Entry:
        started = self._clock.monotonic()
        try:
            kept = await self._writer.append(what, unchanged=unchanged)
        except SlowError:
            self._telemetry.late.inc()
            raise
        except AuditError as exc:
            self._refused(exc)
            raise
        if kept is None:
            self._telemetry.shed.inc()
            raise ShedError("the audit spool is nearly full, and this evaluation changed nothing")
        self._telemetry.committed.inc()
        self._telemetry.commit_seconds.observe(self._clock.monotonic() - started)
        return kept

    def _refused(self, error: Exception) -> None:
        reason = (
            "full" if isinstance(error, SpoolFullError) else "text" if isinstance(error, UnwritableError) else "disk"
        )
        self._telemetry.refused.labels(reason).inc()

    def settled(self, key: str, kept: bool | Exception) -> None:
        """What became of a record that nobody waits for any more (`writer.Watcher`)."""
        if isinstance(kept, Exception):
            self._refused(kept)
            log.error("A record that waited for the disk is in this log only", target=key, error=str(kept))
        elif kept:
            self._telemetry.committed.inc()
            log.info("The disk has taken a record that waited for it", target=key)
        else:
            self._telemetry.shed.inc()

    async def reserve(self, decision: Decision) -> None:
        """Before the scale of `decision` is written. Under `--audit-full=halt` what is about to be written is made
        durable, with room for its record: AuditError when that cannot be, and nothing must be written.
        """
        if self._spool.on_full is not OnFull.HALT:
            return
        body = codec.encode(decision)
        try:
            async with asyncio.timeout(self._patience):
                await self._writer.call(lambda: self._spool.reserve(decision.key, body))
        except TimeoutError as exc:
            raise SlowError(f"the audit spool did not answer within {self._patience:g} s") from exc

    async def reserved(self, key: str) -> Decision | None:
        """What an earlier life was about to do to a target, as it would have been recorded; None: nobody knows."""
        if self._spool.on_full is not OnFull.HALT:
            return None
        try:
            async with asyncio.timeout(self._patience):
                body = await self._writer.call(lambda: self._spool.reserved(key))
            return None if body is None else codec.decode(body)
        except (AuditError, MalformedError, TimeoutError) as exc:
            log.warning("Could not read what was about to be done", target=key, error=str(exc))
            return None

    @property
    def pressure(self) -> Pressure:
        """Whether the spool has room."""
        return self._pressure

    @property
    def halting(self) -> bool:
        """Whether nothing is scaled without a record."""
        return self._spool.on_full is OnFull.HALT

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
        await self._writer.call(self._settle)

    def _settle(self) -> None:
        self._sharing.forget_all()
        self._spool.settle()

    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        """The oldest records Kafka has not acknowledged, oldest first; AuditError when the spool cannot be read."""
        self._news.clear()
        return await self._writer.call(lambda: self._undelivered(max_bytes, max_rows))

    def _undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        with suppress(SpoolFullError):  # in a full one the standing records wait until there is room
            self._spool.settle(self._clock.now() - self._heartbeat)
        return self._spool.undelivered(max_bytes, max_rows)

    async def delivered(self, position: int) -> None:
        """Kafka has acknowledged everything up to `position`."""
        await self._writer.call(lambda: self._spool.delivered(position))

    async def set_aside(self, record: Record, reason: str) -> None:
        """Keep `record`, which Kafka will never take, where a person finds it; AuditError: it must stay here."""
        try:
            await self._writer.call(lambda: self._letters.add(record, reason))
        except AuditError:
            self._telemetry.kept_back.inc()
            raise
        except MalformedError as exc:
            text = record.body.decode(errors="replace")
            log.error("A record that cannot be read is in this log only", error=str(exc), record=text)

    def changed(self, state: State) -> None:
        """How the spool is (`writer.Watcher`)."""
        self._pressure = state.pressure
        saved, before, self._saved = self._spool.saved, self._saved, self._spool.saved
        if state.replaced:
            self._tell_damage()
        elif before.waiting and not saved.waiting:
            log.info("Took over what was left of a damaged spool", saved=saved.kept, lost=saved.lost)
        if state.backlog is not None:  # else the gauges keep their values
            self._telemetry.undelivered.set(state.backlog[0])
            self._oldest = state.backlog[1]
            if state.backlog[0]:
                self._news.set()

    def _tell_damage(self) -> None:
        self._telemetry.damaged.inc()
        saved = self._spool.saved
        log.error(
            "Put a damaged spool aside and began a new one with what could be read of the undelivered records",
            file=str(self._spool.aside),
            saved=saved.kept,
            lost=saved.lost,
            waiting=saved.waiting,
            remedy="copy it away, look for the others with `sqlite3 FILE .recover`, check the disk",
        )

    def _oldest_age(self) -> float:
        return 0.0 if self._oldest is None else max(0.0, self._clock.now() - self._oldest)
