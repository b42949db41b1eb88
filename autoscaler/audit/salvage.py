"""What a damaged spool still has, taken over into the new one that began in its place (`audit.rescue`), in parts.

Row by row, so that a page that cannot be read costs the rows that are on it and no others. Records keep their epoch and
number, so that what is lost is a gap.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from autoscaler.audit import codec, finished, numbering, standing
from autoscaler.audit.numbering import Place
from autoscaler.errors import MalformedError

ROWS = 10_000
"""Row numbers behind the last row that was read, after which a table whose end nobody knows counts as ended."""

_TARGETS = "SELECT id, key FROM targets WHERE id"
_RECORDS = "SELECT position, target, epoch, seq, shed, at, changed, body FROM records WHERE position"
_STANDING = "SELECT target, seq, shed, at, body FROM standing WHERE target"


class Part(Struct, frozen=True):
    """Up to which position the damaged file was read, how many records were taken over, `stood` of them standing ones,
    and how many could not be read; `last`: there are no more.
    """

    reached: int
    kept: int = 0
    stood: int = 0
    lost: int = 0
    last: bool = True


def salvage(damaged: Path, db: sqlite3.Connection, after: int, most: int) -> Part:
    """Take over at most so many records behind position `after`, standing ones behind all others, within the caller's
    transaction. A file that is not there any more has none.
    """
    with suppress(sqlite3.Error), closing(_opened(damaged)) as source:
        keys = {row[0]: row[1] for row in _rows(source, _TARGETS, 0, "targets", "id")}
        return _taken_over(source, db, keys, after, most)
    return Part(after)


def given_behind(damaged: Path, after: int) -> int:
    """How many records a damaged file was given behind position `after`, standing ones not counted."""
    with suppress(sqlite3.Error), closing(_opened(damaged)) as source:
        return max(0, _given(source) - after)
    return 0


def _opened(damaged: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{damaged.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)


def _given(source: sqlite3.Connection) -> int:
    """The last position that was given, also when the page that had it cannot be read."""
    with suppress(sqlite3.Error):
        row = source.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'").fetchone()
        if row is not None:
            return max(int(row[0]), _last(source, "records", "position") or 0)
    return _last(source, "records", "position") or 0


def _taken_over(
    source: sqlite3.Connection, db: sqlite3.Connection, keys: dict[int, str], after: int, most: int
) -> Part:
    kept, reached = 0, after
    for position, target, epoch, seq, shed, at, changed, body in _rows(source, _RECORDS, after, "records", "position"):
        reached = position
        if (key := keys.get(target) or _key(body)) is not None:
            place = Place(numbering.known(db, key), seq, shed)
            finished.add(db, place, epoch, at, changed=bool(changed), body=body)
            kept += 1
        if kept == most:  # positions have no holes
            return Part(reached, kept, lost=reached - after - kept, last=False)
    end = max(reached, _given(source))
    stood = _took_standing(source, db, keys)
    return Part(end, kept + stood, stood, lost=max(0, end - after - kept))


def _took_standing(source: sqlite3.Connection, db: sqlite3.Connection, keys: dict[int, str]) -> int:
    epoch, stood = _epoch(source), 0
    for target, seq, shed, at, body in _rows(source, _STANDING, 0, "standing", "target"):
        if (key := keys.get(target) or _key(body)) is not None:
            place = Place(numbering.known(db, key), seq, shed)
            whole = standing.with_repeats(body, _repeats(source, target))
            finished.add(db, place, epoch, at, changed=False, body=whole)
            stood += 1
    return stood


def _epoch(source: sqlite3.Connection) -> int:
    """The file's own, else that of its newest record that can be read."""
    for sql in (
        "SELECT value FROM meta WHERE name = 'epoch'",
        "SELECT epoch FROM records ORDER BY position DESC LIMIT 1",
        "SELECT epoch FROM records ORDER BY position LIMIT 1",
    ):
        with suppress(sqlite3.Error):
            if (row := source.execute(sql).fetchone()) is not None:
                return int(row[0])
    return 0


def _key(body: bytes) -> str | None:
    """Of whom a decision tells, when the table that would say it cannot be read."""
    try:
        return codec.decode(body).key
    except MalformedError:
        return None


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
