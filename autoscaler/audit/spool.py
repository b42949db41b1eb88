"""The spool: one SQLite file that keeps every record, numbered per target, until Kafka has it and a while longer.

One process writes (`spool.lock` beside the file says who), any number may read meanwhile (`audit.read`). What `append`
has taken survives a SIGKILL and a power cut (WAL, synchronous FULL). Delivered records are kept for `explain`; they go,
oldest first, once the file holds more than `keep_bytes`. Undelivered ones may fill it up to `max_bytes`, or up to what
the disk has (`audit.room`). The write-ahead log beside it adds some 10 MB. Not thread-safe: one thread at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from autoscaler.audit import numbering, room, standing
from autoscaler.audit.codec import Record
from autoscaler.audit.gaps import Gaps
from autoscaler.audit.lock import SpoolLock
from autoscaler.audit.room import Measured, OnFull, Pressure, Room
from autoscaler.audit.salvage import Saved, salvage, salvageable
from autoscaler.audit.spoolfile import (
    FILE_NAME,
    PAGE_SIZE,
    delivered_of,
    mapped_errors,
    opened,
    put_aside,
    transaction,
    unhurried,
)
from autoscaler.errors import AuditError, ConfigError, DamagedError, SpoolFullError

MAX_BYTES = 1 << 30
PRUNE_AT_LEAST = 64
RESERVED_MORE = b" " * (4 * PAGE_SIZE)  # a record a little longer than was thought, and pages its row may split

T = TypeVar("T")


class Entry(Struct, frozen=True):
    """A record to append. `changed`: it moved its target; `spare`: nothing changed, so it is the first to be dropped
    where there is little room; `standing`: later evaluations may join it.

    `joins`: `body` is a row for the standing record of that time, `whole` makes a record where that one stands no more.
    """

    key: str
    at: float
    changed: bool
    body: bytes
    standing: bool = False
    joins: float | None = None
    whole: Callable[[], bytes] | None = None
    spare: bool = False
    id: str = ""
    """Of the record that has it."""

    def record(self) -> bytes:
        """The body of a record of its own."""
        return self.body if self.whole is None else self.whole()


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
        on_full: OnFull = OnFull.SHED,
    ) -> None:
        self.path = directory / FILE_NAME
        self.on_full = on_full
        self.pressure = Pressure.NONE
        self.aside: Path | None = None
        """Where a damaged file was put in whose place this one began."""
        self.saved = Saved(0, 0)
        """What of that one is in this one."""
        self._forwarding = forwarding
        self._keep_pages = (max_bytes // 2 if keep_bytes is None else keep_bytes) // PAGE_SIZE
        self._room = Room(directory, max_bytes)
        self._measured: Measured | None = None  # after the last commit; None: something else was done since
        self.gaps = Gaps()
        self._reserved: set[str] = set()
        self._lock = SpoolLock(directory)
        self._max_bytes = max_bytes
        self._cursor = 0
        try:
            self._open(int(now * 1000))
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Give the file and its lock back; numbers of no record are told to the file if it takes that."""
        self._tell_gaps()
        self._db.close()
        self._lock.release()

    def _open(self, epoch: int) -> None:
        try:
            self._db = opened(self.path, self._max_bytes, epoch=epoch)
            self.epoch, self._cursor = self._meta("epoch"), self._meta("delivered")
            self._take_up_reserved()
        except DamagedError:
            try:
                self._begin_anew(epoch, delivered_of(self.path))
            except AuditError as failed:
                raise ConfigError(f"{failed}; move it, or name another directory with --audit-spool-dir") from failed

    def _take_up_reserved(self) -> None:
        """Room that an earlier life kept is still its target's; nobody needs it where nothing halts."""
        with mapped_errors():
            self._reserved = {row[0] for row in self._db.execute("SELECT key FROM reserved")}
        if self._reserved and self.on_full is OnFull.SHED:
            self._reserved.clear()
            with suppress(AuditError), transaction(self._db):  # else the next life tries again
                self._db.execute("DELETE FROM reserved")

    def append(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """All of `entries`, in this order and in one transaction; which of them were kept: spare ones are not when four
        fifths of the room are taken. SpoolFullError (none is kept) without room.

        Who is not kept takes its number along. A file that is found damaged is put aside (`aside`), once a life, and a
        new one of a higher epoch begun with what can be read of it. The same goes for every other method.
        """
        try:
            return self._mended(lambda: self._append(entries), int(entries[-1].at * 1000))
        except Exception:  # whatever it was: who counts finds a gap
            self.pressure = Pressure.FULL
            self.gaps.add([entry.key for entry in entries])
            self._tell_gaps()
            raise

    def keeps_room(self, key: str) -> bool:
        """Whether room is kept for a record of that target."""
        return key in self._reserved

    def _append(self, entries: Sequence[Entry]) -> Sequence[bool]:
        rows = max(PRUNE_AT_LEAST, 4 * len(entries))
        shedding = self.on_full is OnFull.SHED and self._crowded(rows)
        while True:
            untold = self.gaps.untold()
            left = dict(untold)
            try:
                with transaction(self._db):
                    before = room.pages(self._db)
                    kept = [self._inserted(entry, left.pop(entry.key, 0), shedding=shedding) for entry in entries]
                    numbering.drop_all(self._db, left)
                    measured = self._room.measured(self._db, before)
                    if any(kept):
                        measured.check()
                break
            except SpoolFullError:
                self._measured = None
                if not self._made_room(rows):
                    raise
        self._measured = measured
        self.gaps.told(untold)
        self._reserved.difference_update(entry.key for entry in entries if not entry.spare)
        self.pressure = Pressure.NONE if all(kept) else Pressure.CROWDED
        with suppress(AuditError), mapped_errors():  # what was appended is kept; the next call tries again
            if measured.used > self._keep_pages:
                self._prune(max(PRUNE_AT_LEAST, 2 * len(entries)))
                room.shrink(self._db)
        return kept

    def _crowded(self, rows: int) -> bool:
        """Whether it still is when up to `rows` that may go have gone."""
        if self._measured is not None and not self._measured.crowded:
            return False
        with mapped_errors():
            if not self._room.measured(self._db).crowded:
                return False
            return not self._made_room(rows) or self._room.measured(self._db).crowded

    def _made_room(self, rows: int) -> bool:
        with suppress(sqlite3.Error):  # so that the log beside the file need not grow on a full disk
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        try:
            return self._prune(rows)
        except SpoolFullError:
            return False

    def _tell_gaps(self) -> None:
        """To the file at once if that is possible, else with the next record that is kept."""
        untold = self.gaps.untold()
        with suppress(AuditError):
            with transaction(self._db):
                numbering.drop_all(self._db, untold)
            self.gaps.told(untold)

    def reserve(self, key: str, body: bytes) -> None:
        """Have `body` durable, and room for a record of its length that the target `key` will `append` next.

        SpoolFullError without room.
        """
        self._mended(lambda: self._reserve(key, body), self.epoch + 1)

    def reserved(self, key: str) -> bytes | None:
        """The body that room is kept for: what was about to be done, if it was not recorded since."""
        return self._mended(lambda: self._reserved_body(key), self.epoch + 1)

    def _reserved_body(self, key: str) -> bytes | None:
        with mapped_errors():
            found = self._db.execute("SELECT body FROM reserved WHERE key = ?", (key,)).fetchone()
        return None if found is None else bytes(found[0]).rstrip()

    def _reserve(self, key: str, body: bytes) -> None:
        while True:
            try:
                with transaction(self._db):
                    before = room.pages(self._db)
                    self._db.execute("INSERT OR REPLACE INTO reserved VALUES (?, ?)", (key, body + RESERVED_MORE))
                    self._room.measured(self._db, before).check()
                self._reserved.add(key)
                return
            except SpoolFullError:
                if not self._made_room(PRUNE_AT_LEAST):
                    self.pressure = Pressure.FULL
                    raise

    def settle(self, before: float | None = None) -> None:
        """Finish the standing records made before that time, None: all, so that they can be delivered."""
        self._mended(lambda: self._settle(before), self.epoch + 1)

    def _settle(self, before: float | None) -> None:
        with mapped_errors():
            targets = standing.older_than(self._db, before)
        if targets:
            self._measured = None
            with transaction(self._db):
                for target in targets:
                    standing.finish(self._db, target)

    def undelivered(self, max_bytes: int, max_rows: int) -> list[Record]:
        """The oldest records that Kafka has not acknowledged, at least one and else under both limits."""
        return self._mended(lambda: self._undelivered(max_bytes, max_rows), self.epoch + 1)

    def _undelivered(self, max_bytes: int, max_rows: int) -> list[Record]:
        found: list[Record] = []
        size = 0
        with mapped_errors():
            rows = self._db.execute(
                "SELECT position, key, records.seq, records.shed, at, body FROM records"
                " JOIN targets ON targets.id = target WHERE position > ? ORDER BY position LIMIT ?",
                (self._cursor, max_rows),
            )
            for position, key, seq, shed, at, body in rows:
                size += len(body) + len(key)
                if found and size > max_bytes:
                    break
                found.append(Record(position=position, key=key, epoch=self.epoch, seq=seq, shed=shed, at=at, body=body))
            rows.close()
        return found

    def delivered(self, position: int) -> None:
        """Kafka has everything up to `position`. In a full file only this life knows: the next one sends it again."""
        self._cursor = max(position, self._cursor)  # it may be of a file that was put aside meanwhile
        self._mended(self._tell_cursor, self.epoch + 1)

    def _tell_cursor(self) -> None:
        with suppress(SpoolFullError), unhurried(self._db), transaction(self._db):
            self._db.execute("UPDATE meta SET value = ? WHERE name = 'delivered'", (self._cursor,))

    def backlog(self) -> tuple[int, float | None]:
        """How many records are undelivered, and the time of the oldest (None: there is none)."""
        with mapped_errors():
            # positions have no holes: AUTOINCREMENT, its counter rolled back with the transaction
            last = self._db.execute("SELECT coalesce(max(position), 0) FROM records").fetchone()[0]
            oldest = self._db.execute(
                "SELECT position, at FROM records WHERE position > ? ORDER BY position LIMIT 1", (self._cursor,)
            ).fetchone()
        return (0, None) if oldest is None else (last - oldest[0] + 1, oldest[1])

    def _mended(self, act: Callable[[], T], epoch: int) -> T:
        try:
            return act()
        except DamagedError:
            if self.aside is not None:
                raise  # then it is the disk
            with suppress(sqlite3.Error):
                self._db.close()
            self._begin_anew(max(self.epoch + 1, epoch), self._cursor)
            return act()

    def _begin_anew(self, epoch: int, delivered: int) -> None:
        """A file in the place of a damaged one, of which records up to position `delivered` are with Kafka."""
        # further than the damaged one can reach: what was read from it may yet be told `delivered`
        after = delivered + self._max_bytes
        self.aside = put_aside(self.path, epoch)
        try:
            self._db = opened(self.path, self._max_bytes, epoch=epoch, after=after)
        except ConfigError as exc:
            raise AuditError(str(exc)) from exc
        self.epoch, self._cursor = epoch, after
        self._reserved.clear()
        try:
            with transaction(self._db):
                self.saved = salvage(self.aside, self._db, delivered)
        except SpoolFullError:  # the damaged one takes its room on the disk
            self.saved = Saved(0, salvageable(self.aside, delivered))

    def _meta(self, name: str) -> int:
        return int(self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])

    def _inserted(self, entry: Entry, dropped: int, *, shedding: bool) -> bool:
        if shedding and entry.spare:
            standing.finish(self._db, numbering.drop(self._db, entry.key, dropped + 1))
            return False
        if not dropped and entry.joins is not None and standing.join(self._db, entry.key, entry.joins, entry.body):
            return True
        place = numbering.number(self._db, entry.key, dropped)
        standing.finish(self._db, place.target)
        if self.on_full is OnFull.HALT and not entry.spare:  # an evaluation that changed nothing is not what was meant
            self._db.execute("DELETE FROM reserved WHERE key = ?", (entry.key,))
        if entry.standing:
            standing.stand(self._db, place, entry.at, entry.record())
        else:
            self._db.execute(
                "INSERT INTO records (target, seq, shed, at, changed, body) VALUES (?, ?, ?, ?, ?, ?)",
                (place.target, place.seq, place.shed, entry.at, entry.changed, entry.record()),
            )
        return True

    def _prune(self, rows: int) -> bool:
        """Delete up to `rows` of the oldest records that may go; False when none may."""
        with transaction(self._db):
            first = self._db.execute("SELECT min(position) FROM records").fetchone()[0]
            if first is None:
                return False
            last = first + rows - 1
            if self._forwarding:
                last = min(last, self._cursor)
            return self._db.execute("DELETE FROM records WHERE position <= ?", (last,)).rowcount > 0
