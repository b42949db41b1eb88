"""How much a spool may hold: what it was allowed, or what its disk has left, whichever is less.

A file on a disk without a free byte can no longer be changed at all, not even to make room in it: every transaction is
written beside it first. So what is kept of the disk is never used for records.
"""

from __future__ import annotations

import os
import sqlite3
from enum import Enum
from pathlib import Path

from msgspec import Struct

from autoscaler.audit.spoolfile import PAGE_SIZE
from autoscaler.errors import AuditError, SpoolFullError

DISK_KEPT = 16 << 20
"""Bytes. The write-ahead log, about 10 MB, may be there twice: beside the file, and on its way into it."""
CROWDED = 0.8
VACUUM_ABOVE_PAGES = 1024


class OnFull(Enum):
    """What gives way when there is no room (`--audit-full`): the records, or the scaling."""

    SHED = "shed"
    HALT = "halt"


class Pressure(Enum):
    """Whether there was room lately: for all records, not for those that may be shed, or for none."""

    NONE = ""
    CROWDED = "crowded"
    FULL = "full"


class Measured(Struct, frozen=True):
    """In pages: how many are in use, of how many there may be."""

    used: int
    most: int

    @property
    def crowded(self) -> bool:
        """Whether more than four fifths are in use."""
        return self.used > CROWDED * self.most

    def check(self) -> None:
        """SpoolFullError when more are in use than there may be."""
        if self.used > self.most:
            raise SpoolFullError("the audit spool is full")


class Room:
    """Of the file system that holds the file at `path`. Raises sqlite3.Error, and AuditError when nobody can tell, or
    when another file is there than at the first look, or none: what is written then has no name, and goes with us.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._directory = path.parent
        self._most = max_bytes // PAGE_SIZE
        self._seen: tuple[sqlite3.Connection, int, int] | None = None

    def most(self, in_file: int) -> int:
        """How many pages may be in use in a file that has `in_file`, free ones included."""
        try:
            disk = os.statvfs(self._directory)
        except OSError as exc:
            raise AuditError(f"audit spool: {self._directory}: {exc.strerror}") from exc
        free = max(0, disk.f_bavail * disk.f_frsize - DISK_KEPT) // PAGE_SIZE
        return min(self._most, in_file + free)

    def measured(self, db: sqlite3.Connection, before: int | None = None) -> Measured:
        """As it is now, within a transaction that began in a file of `before` pages. Asked outside of one it takes a
        fifth of what a commit takes.
        """
        self._in_its_place(db)
        return Measured(used_pages(db), self.most(pages(db) if before is None else before))

    def _in_its_place(self, db: sqlite3.Connection) -> None:
        try:
            found = os.stat(self._path)
        except OSError:
            found = None
        if found is not None and (self._seen is None or self._seen[0] is not db):
            self._seen = (db, found.st_dev, found.st_ino)
        if found is None or self._seen != (db, found.st_dev, found.st_ino):
            raise AuditError(
                f"audit spool {self._path} was moved or removed while it was in use: put it back, "
                "or restart the program; what is in the file that was moved is delivered from there only"
            )


def pages(db: sqlite3.Connection) -> int:
    """Of the file, free ones included."""
    return _pragma(db, "page_count")


def used_pages(db: sqlite3.Connection) -> int:
    """Those in use."""
    return _pragma(db, "page_count") - _pragma(db, "freelist_count")


def shrink(db: sqlite3.Connection) -> None:
    """Give pages back to the file system once many are free, e.g. after an outage."""
    if _pragma(db, "freelist_count") > VACUUM_ABOVE_PAGES:
        # executescript: execute() would stop after the first page
        db.executescript(f"PRAGMA incremental_vacuum({VACUUM_ABOVE_PAGES})")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
