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

from autoscaler.audit import finished, numbering, room, spoolfile, standing
from autoscaler.audit.codec import Record
from autoscaler.audit.entry import Entry
from autoscaler.audit.gaps import Gaps
from autoscaler.audit.lock import SpoolLock
from autoscaler.audit.rescue import Rescue, Saved
from autoscaler.audit.room import Measured, OnFull, Pressure, Room
from autoscaler.audit.spoolfile import FILE_NAME, PAGE_SIZE, mapped_errors, transaction, unhurried
from autoscaler.errors import AuditError, ConfigError, DamagedError, SpoolFullError

MAX_BYTES = 1 << 30
PRUNE_AT_LEAST = 64
RESERVED_MORE = b" " * (4 * PAGE_SIZE)  # a record a little longer than was thought, and pages its row may split

T = TypeVar("T")


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
        self._forwarding = forwarding
        self._keep_pages = (max_bytes // 2 if keep_bytes is None else keep_bytes) // PAGE_SIZE
        self._room = Room(self.path, max_bytes)
        # both after the last records that were added; None: something else was done since
        self._measured: Measured | None = None
        self._backlog: tuple[int, float | None] | None = None
        self.gaps = Gaps()
        self.keeps_room: set[str] = set()
        """The targets for whose next record room is kept."""
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
            self._db = spoolfile.opened(self.path, self._max_bytes, epoch=epoch)
            found = spoolfile.meta(self._db)
            self.epoch, self._cursor = found["epoch"], found["delivered"]
            self._rescue = Rescue(self._db, self._room, self.path)
            self._take_up_reserved()
        except DamagedError:
            try:
                found = spoolfile.meta_of(self.path)
                self._begin_anew(max(epoch, found.get("epoch", 0) + 1), found.get("delivered", 0))
            except AuditError as failed:
                raise ConfigError(f"{failed}; move it, or name another directory with --audit-spool-dir") from failed

    def _take_up_reserved(self) -> None:
        """Room that an earlier life kept is still its target's; nobody needs it where nothing halts."""
        with mapped_errors():
            self.keeps_room = {row[0] for row in self._db.execute("SELECT key FROM reserved")}
        if self.keeps_room and self.on_full is OnFull.SHED:
            self.keeps_room.clear()
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

    @property
    def saved(self) -> Saved:
        """What of a damaged file is in this one."""
        return self._rescue.saved

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
                    backlog = finished.backlog(self._db, self._cursor)
                break
            except SpoolFullError:
                self._measured = None
                if not self._made_room(rows):
                    raise
        self._measured, self._backlog = measured, backlog
        self.gaps.told(untold)
        self.keeps_room.difference_update(entry.key for entry in entries if not entry.spare)
        self.pressure = Pressure.NONE if all(kept) else Pressure.CROWDED
        with suppress(AuditError), mapped_errors():  # what was appended is kept; the next call tries again
            if measured.used > self._keep_pages:
                self._prune(max(PRUNE_AT_LEAST, 2 * len(entries)))
                room.shrink(self._db)
            if self._rescue.waiting and not (measured.crowded and not (self._forwarding and self._prune(rows))):
                self._backlog = None
                self._rescue.beside()
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
                self.keeps_room.add(key)
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
        with mapped_errors():
            return finished.behind(self._db, self._cursor, max_bytes, max_rows)

    def delivered(self, position: int) -> None:
        """Kafka has everything up to `position`. In a full file only this life knows: the next one sends it again."""
        self._cursor = max(position, self._cursor)  # it may be of a file that was put aside meanwhile
        self._mended(self._tell_cursor, self.epoch + 1)

    def _tell_cursor(self) -> None:
        with suppress(SpoolFullError), unhurried(self._db), transaction(self._db):
            self._db.execute("UPDATE meta SET value = ? WHERE name = 'delivered'", (self._cursor,))

    def backlog(self) -> tuple[int, float | None]:
        """How many records are undelivered, and the time of the oldest (None: there is none)."""
        if self._backlog is not None:
            return self._backlog
        with mapped_errors():
            return finished.backlog(self._db, self._cursor)

    def _mended(self, act: Callable[[], T], epoch: int) -> T:
        self._backlog = None
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
        self.aside = spoolfile.put_aside(self.path, epoch)
        try:
            self._db = spoolfile.opened(self.path, self._max_bytes, epoch=epoch, after=after, salvaged=delivered)
        except ConfigError as exc:
            raise AuditError(str(exc)) from exc
        self.epoch, self._cursor = epoch, after
        self.keeps_room.clear()
        self._rescue = Rescue(self._db, self._room, self.path)
        with suppress(AuditError):  # later records try again
            self._rescue.at_once()

    def _inserted(self, entry: Entry, dropped: int, *, shedding: bool) -> bool:
        if shedding and entry.spare:
            standing.finish(self._db, numbering.drop(self._db, entry.key, dropped + 1))
            return False
        if not dropped and entry.joins is not None and standing.join(self._db, entry.key, entry.joins, entry.body):
            return True
        place = numbering.number(self._db, entry.key, dropped)
        if place.stands:
            standing.finish(self._db, place.target)
        if self.on_full is OnFull.HALT and not entry.spare:  # an evaluation that changed nothing is not what was meant
            self._db.execute("DELETE FROM reserved WHERE key = ?", (entry.key,))
        if entry.standing:
            standing.stand(self._db, place, entry.at, entry.record())
        else:
            body = entry.record()
            finished.add(self._db, place, self.epoch, entry.at, changed=entry.changed, body=body)
        return True

    def _prune(self, rows: int) -> bool:
        """Delete up to `rows` of the oldest records that may go; False when none may."""
        if not self._forwarding:
            self._backlog = None
        with transaction(self._db):
            return finished.prune(self._db, rows, self._cursor if self._forwarding else None)
