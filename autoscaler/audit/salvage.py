"""What a damaged spool still has, taken over into the new one that begins in its place.

Row by row, so that a page that cannot be read costs the rows that are on it and no others. Numbers begin anew, as in
every new spool; where a record between two of a target is lost its number stays empty, so the gap is seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from autoscaler.audit import codec, numbering, standing
from autoscaler.audit.numbering import Place
from autoscaler.errors import MalformedError

ROWS = 10_000
"""Row numbers behind the last row that was read, after which a table whose end nobody knows counts as ended."""

_TARGETS = "SELECT id, key FROM targets WHERE id"
_RECORDS = "SELECT position, target, seq, shed, at, changed, body FROM records WHERE position"
_STANDING = "SELECT target, seq, shed, at, body FROM standing WHERE target"


class Saved(Struct, frozen=True):
    """How many undelivered records were taken over, and how many could not be read."""

    kept: int
    lost: int


def salvage(damaged: Path, db: sqlite3.Connection, after: int) -> Saved:
    """Take over the records behind position `after`, standing ones last, within the caller's transaction."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(damaged, isolation_level=None)) as source:
        keys = {row[0]: row[1] for row in _rows(source, _TARGETS, 0, "targets", "id")}
        return _taken_over(source, db, keys, after)
    return Saved(0, 0)


def salvageable(damaged: Path, after: int) -> int:
    """How many records a damaged file was given behind position `after`, standing ones not counted."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(damaged, isolation_level=None)) as source:
        return max(0, _given(source) - after)
    return 0


def _given(source: sqlite3.Connection) -> int:
    """The last position that was given, also when the page that had it cannot be read."""
    with suppress(sqlite3.Error):
        row = source.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'").fetchone()
        if row is not None:
            return max(int(row[0]), _last(source, "records", "position") or 0)
    return _last(source, "records", "position") or 0


def _taken_over(source: sqlite3.Connection, db: sqlite3.Connection, keys: dict[int, str], after: int) -> Saved:
    kept = stood = 0
    last = after
    before: dict[str, int] = {}
    for position, target, seq, shed, at, changed, body in _rows(source, _RECORDS, after, "records", "position"):
        last = position
        if (key := keys.get(target) or _key(body)) is None:
            continue
        place = _numbered(db, key, seq, shed, before.get(key))
        db.execute(
            "INSERT INTO records (target, seq, shed, at, changed, body) VALUES (?, ?, ?, ?, ?, ?)",
            (place.target, place.seq, place.shed, at, changed, body),
        )
        before[key], kept = seq, kept + 1
    for target, seq, shed, at, body in _rows(source, _STANDING, 0, "standing", "target"):
        if (key := keys.get(target) or _key(body)) is not None:
            place = _numbered(db, key, seq, shed, before.get(key))
            standing.stand(db, place, at, standing.with_repeats(body, _repeats(source, target)))
            standing.finish(db, place.target)
            stood += 1
    end = max(last, _given(source))
    return Saved(kept + stood, max(0, end - after - kept))  # positions have no holes


def _key(body: bytes) -> str | None:
    """Of whom a decision tells, when the table that would say it cannot be read."""
    try:
        return codec.decode(body).key
    except MalformedError:
        return None


def _numbered(db: sqlite3.Connection, key: str, seq: int, shed: int, before: int | None) -> Place:
    """The new number of a record of number `seq`, when the one before it that was read had the number `before`."""
    between = 0 if before is None else seq - before - 1
    for _ in range(max(0, between - shed)):  # lost: their numbers stay empty, and nobody says that they were dropped
        db.execute("UPDATE targets SET seq = seq + 1 WHERE key = ?", (key,))
    return numbering.number(db, key, min(shed, between))


def _repeats(source: sqlite3.Connection, target: int) -> list[bytes]:
    try:
        return standing.rows_of(source, target)
    except sqlite3.Error:
        return []


def _rows(source: sqlite3.Connection, sql: str, after: int, table: str, column: str) -> Iterator[Any]:
    """Rows in the order of `column`, the table's row number, that can be read; `sql` ends in the name of it."""
    reached, end = after, _last(source, table, column)
    while end is None or reached < end:
        try:
            for row in source.execute(f"{sql} > ? ORDER BY {column}", (reached,)):
                reached = row[0]
                yield row
            return
        except sqlite3.Error:
            reached = _beyond(source, sql, reached, end)
            if reached < 0:
                return
            row = source.execute(f"{sql} = ?", (reached,)).fetchone()
            if row is not None:
                yield row


def _beyond(source: sqlite3.Connection, sql: str, reached: int, end: int | None) -> int:
    """The next row number that can be asked for, -1 when there is none."""
    limit = reached + ROWS if end is None else end
    for row in range(reached + 1, limit + 1):
        with suppress(sqlite3.Error):
            if source.execute(f"{sql} = ?", (row,)).fetchone() is not None:
                return row
    return -1


def _last(source: sqlite3.Connection, table: str, column: str) -> int | None:
    try:
        return int(source.execute(f"SELECT coalesce(max({column}), 0) FROM {table}").fetchone()[0])  # noqa: S608 - names of ours
    except sqlite3.Error:
        return None
