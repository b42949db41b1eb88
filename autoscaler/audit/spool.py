"""The spool: one SQLite file that keeps every record, numbered per target, until Kafka has it and a while longer.

One process writes (`spool.lock` beside the file says who), any number may read meanwhile (`audit.read`). What `append`
has taken survives a SIGKILL and a power cut (WAL, synchronous FULL). Delivered records are kept for `explain`; they go,
oldest first, once the file holds more than `keep_bytes`. Undelivered ones may fill it up to `max_bytes`. The
write-ahead log beside it adds some 10 MB. Not thread-safe: one thread at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from autoscaler.audit import standing
from autoscaler.audit.codec import Record
from autoscaler.audit.lock import SpoolLock
from autoscaler.audit.spoolfile import FILE_NAME, PAGE_SIZE, mapped_errors, opened, put_aside
from autoscaler.errors import AuditError, ConfigError, DamagedError, SpoolFullError

MAX_BYTES = 1 << 30
PRUNE_AT_LEAST = 64
VACUUM_ABOVE_PAGES = 1024

_NUMBER = """
INSERT INTO targets (key, seq) VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET seq = seq + 1 RETURNING id, seq
"""


class Entry(Struct, frozen=True):
    """A record to append. `changed`: it moved its target; `standing`: later evaluations may join it.

    `row` is what is appended instead when the record of `joins` (its time) still stands.
    """

    key: str
    at: float
    changed: bool
    body: bytes
    standing: bool = False
    joins: float | None = None
    row: bytes = b""


class Spool:
    """The open file. ConfigError when the directory cannot be used, with what to do about it.

    `now` stamps a new file with its epoch, milliseconds since 1970. `forwarding` False = there is no Kafka: undelivered
    records may be pruned like delivered ones.
    """

    def __init__(
        self,
        directory: Path,
        *,
        now: float,
        forwarding: bool,
        max_bytes: int = MAX_BYTES,
        keep_bytes: int | None = None,
    ) -> None:
        self.path = directory / FILE_NAME
        self._forwarding = forwarding
        self._keep_pages = (max_bytes // 2 if keep_bytes is None else keep_bytes) // PAGE_SIZE
        self._lock = SpoolLock(directory)
        self._max_bytes = max_bytes
        self.aside: Path | None = None
        """Where a damaged file was put in whose place this one began."""
        try:
            self._db = self._opened(int(now * 1000))
        except BaseException:
            self._lock.release()
            raise
        self.epoch = self._meta("epoch")
        self._cursor = self._meta("delivered")

    def close(self) -> None:
        """Give the file and its lock back."""
        self._db.close()
        self._lock.release()

    def _opened(self, epoch: int) -> sqlite3.Connection:
        try:
            return opened(self.path, self._max_bytes, epoch=epoch)
        except DamagedError:
            try:
                self.aside = put_aside(self.path, epoch)
            except AuditError as exc:
                raise ConfigError(f"{exc}; move it, or name another directory with --audit-spool-dir") from exc
            return opened(self.path, self._max_bytes, epoch=epoch)

    def append(self, entries: Sequence[Entry]) -> None:
        """All of `entries`, in this order and in one transaction; SpoolFullError (none is kept) without room.

        A file that is found damaged is put aside (`aside`), once a life, and a new one of a higher epoch begun.
        """
        try:
            self._append(entries)
        except DamagedError:
            if self.aside is not None:
                raise  # then it is the disk
            self._begin_anew(max(self.epoch + 1, int(entries[-1].at * 1000)))
            self._append(entries)

    def _begin_anew(self, epoch: int) -> None:
        # further than the damaged one can reach: what was read from it may yet be told `delivered`
        after = self._cursor + self._max_bytes
        with suppress(sqlite3.Error):
            self._db.close()
        self.aside = put_aside(self.path, epoch)
        try:
            self._db = opened(self.path, self._max_bytes, epoch=epoch, after=after)
        except ConfigError as exc:
            raise AuditError(str(exc)) from exc
        self.epoch, self._cursor = epoch, after

    def _append(self, entries: Sequence[Entry]) -> None:
        while True:
            try:
                with self._transaction():
                    self._insert(entries)
                break
            except SpoolFullError:
                if not self._prune(max(PRUNE_AT_LEAST, 4 * len(entries))):
                    raise
        if self._used_pages() > self._keep_pages:
            with suppress(AuditError):  # what was appended is kept; the next call prunes again
                self._prune(max(PRUNE_AT_LEAST, 2 * len(entries)))
                self._shrink()

    def settle(self, before: float | None = None) -> None:
        """Finish the standing records made before that time, None: all, so that they can be delivered."""
        with mapped_errors():
            targets = standing.older_than(self._db, before)
        if targets:
            with self._transaction():
                for target in targets:
                    standing.finish(self._db, target)

    def undelivered(self, max_bytes: int, max_rows: int) -> list[Record]:
        """The oldest records that Kafka has not acknowledged, at least one and else under both limits."""
        found: list[Record] = []
        size = 0
        with mapped_errors():
            rows = self._db.execute(
                "SELECT position, key, records.seq, at, body FROM records JOIN targets ON targets.id = target"
                " WHERE position > ? ORDER BY position LIMIT ?",
                (self._cursor, max_rows),
            )
            for position, key, seq, at, body in rows:
                size += len(body) + len(key)
                if found and size > max_bytes:
                    break
                found.append(Record(position=position, key=key, epoch=self.epoch, seq=seq, at=at, body=body))
            rows.close()
        return found

    def delivered(self, position: int) -> None:
        """Kafka has everything up to `position`."""
        position = max(position, self._cursor)  # of a file that was put aside meanwhile
        with self._transaction():
            self._db.execute("UPDATE meta SET value = ? WHERE name = 'delivered'", (position,))
        self._cursor = position

    def backlog(self) -> tuple[int, float | None]:
        """How many records are undelivered, and the time of the oldest (None: there is none)."""
        with mapped_errors():
            # positions have no holes: AUTOINCREMENT, its counter rolled back with the transaction
            last = self._db.execute("SELECT coalesce(max(position), 0) FROM records").fetchone()[0]
            oldest = self._db.execute(
                "SELECT position, at FROM records WHERE position > ? ORDER BY position LIMIT 1", (self._cursor,)
            ).fetchone()
        return (0, None) if oldest is None else (last - oldest[0] + 1, oldest[1])

    def _meta(self, name: str) -> int:
        return int(self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])

    def _insert(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.joins is not None and standing.join(self._db, entry.key, entry.joins, entry.row):
                continue
            target, seq = self._db.execute(_NUMBER, (entry.key,)).fetchone()
            standing.finish(self._db, target)
            if entry.standing:
                standing.stand(self._db, target, seq, entry.at, entry.body)
                continue
            self._db.execute(
                "INSERT INTO records (target, seq, at, changed, body) VALUES (?, ?, ?, ?, ?)",
                (target, seq, entry.at, entry.changed, entry.body),
            )

    def _prune(self, rows: int) -> bool:
        """Delete up to `rows` of the oldest records that may go; False when none may."""
        with self._transaction():
            first = self._db.execute("SELECT min(position) FROM records").fetchone()[0]
            if first is None:
                return False
            last = first + rows - 1
            if self._forwarding:
                last = min(last, self._cursor)
            return self._db.execute("DELETE FROM records WHERE position <= ?", (last,)).rowcount > 0

    def _used_pages(self) -> int:
        with mapped_errors():
            return self._pragma("page_count") - self._pragma("freelist_count")

    def _shrink(self) -> None:
        """Give pages back to the file system once many are free, e.g. after an outage."""
        free = self._pragma("freelist_count")
        if free > VACUUM_ABOVE_PAGES:
            # executescript: execute() would stop after the first page
            self._db.executescript(f"PRAGMA incremental_vacuum({VACUUM_ABOVE_PAGES})")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with mapped_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite may have rolled back on its own
                    self._db.execute("ROLLBACK")
                raise
