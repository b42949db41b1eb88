"""The records of a spool's file that nothing joins any more, in the order of their positions.

Each has the epoch in which it was numbered: its file's own, or that of a damaged one from which it was taken over.
Positions have no holes: AUTOINCREMENT, its counter rolled back with the transaction. Every function works within the
caller's transaction, or needs none.
"""

from __future__ import annotations

import sqlite3

from autoscaler.audit.codec import Record
from autoscaler.audit.numbering import Place

SCHEMA = """
CREATE TABLE records (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  target INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, shed INTEGER NOT NULL,
  at REAL NOT NULL, changed INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX changes_of_target ON records (target) WHERE changed;
CREATE INDEX others_of_target ON records (target) WHERE NOT changed;
"""
CHANGES, OTHERS = "AND changed", "AND NOT changed"
"""Of a target, in the order of positions: a record is in one index, so that adding it touches no page of the other."""
COLUMNS = "position, key, epoch, records.seq, records.shed, at, body"
"""Of `records JOIN targets`, as `record` takes them."""

_ADD = "INSERT INTO records (target, epoch, seq, shed, at, changed, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
_BEHIND = (
    f"SELECT {COLUMNS} FROM records JOIN targets ON targets.id = target"  # noqa: S608 - names above
    " WHERE position > ? ORDER BY position LIMIT ?"
)
_WAITING = (
    "SELECT (SELECT max(position) FROM records) - position + 1, at"
    " FROM records WHERE position > ? ORDER BY position LIMIT 1"
)


def add(db: sqlite3.Connection, place: Place, epoch: int, at: float, *, changed: bool, body: bytes) -> None:
    """Behind all others."""
    db.execute(_ADD, (place.target, epoch, place.seq, place.shed, at, changed, body))


def record(row: tuple[int, str, int, int, int, float, bytes]) -> Record:
    """A row of `COLUMNS`."""
    position, key, epoch, seq, shed, at, body = row
    return Record(position=position, key=key, epoch=epoch, seq=seq, shed=shed, at=at, body=body)


def behind(db: sqlite3.Connection, position: int, max_bytes: int, max_rows: int) -> list[Record]:
    """The first ones behind a position, under both limits but at least one; none when there is none."""
    found: list[Record] = []
    size = 0
    rows = db.execute(_BEHIND, (position, max_rows))
    for row in rows:
        one = record(row)
        size += len(one.body) + len(one.key)
        if found and size > max_bytes:
            break
        found.append(one)
    rows.close()
    return found


def backlog(db: sqlite3.Connection, position: int) -> tuple[int, float | None]:
    """How many are behind a position, and the time of the first of them."""
    found = db.execute(_WAITING, (position,)).fetchone()
    return (0, None) if found is None else (found[0], found[1])


def prune(db: sqlite3.Connection, rows: int, until: int | None) -> bool:
    """Delete up to `rows` of the first ones, none behind position `until`; False when none may go."""
    first = db.execute("SELECT min(position) FROM records").fetchone()[0]
    if first is None:
        return False
    last = first + rows - 1 if until is None else min(first + rows - 1, until)
    return db.execute("DELETE FROM records WHERE position <= ?", (last,)).rowcount > 0
