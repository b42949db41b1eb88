"""Records that later evaluations may still join: one a target, beside the finished ones, as durable as those.

A standing record takes rows (`model.decision.Repeat`) until another record of its target comes or it is old enough;
then it is moved to the finished ones, rows included, under the number it has had all along. So a target's records are
in their order, and what is delivered never changes any more. Every function works within the caller's transaction.
"""

from __future__ import annotations

import sqlite3

from autoscaler.audit import finished
from autoscaler.audit.numbering import Place

_NONE = b'"repeats":[]}'
"""How every record ends that no other evaluation has joined (`codec.encode`)."""

SCHEMA = """
CREATE TABLE standing (
  target INTEGER PRIMARY KEY, seq INTEGER NOT NULL, shed INTEGER NOT NULL, at REAL NOT NULL, body BLOB NOT NULL
);
CREATE TABLE repeats (id INTEGER PRIMARY KEY, target INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX repeats_of_target ON repeats (target);
"""

_JOIN = """
INSERT INTO repeats (target, body)
SELECT target, ? FROM standing JOIN targets ON targets.id = target WHERE key = ? AND at = ?
"""


def with_repeats(body: bytes, rows: list[bytes]) -> bytes:
    """The body of a record with these rows, which come last in it."""
    return b"%b%b%b" % (body.removesuffix(_NONE), _NONE[:-2], b",".join(rows)) + _NONE[-2:]


def stand(db: sqlite3.Connection, place: Place, at: float, body: bytes) -> None:
    """A new record that may be joined."""
    db.execute("INSERT INTO standing VALUES (?, ?, ?, ?, ?)", (place.target, place.seq, place.shed, at, body))


def join(db: sqlite3.Connection, key: str, first_at: float, row: bytes) -> bool:
    """Add a row to the standing record of `first_at`; False when that one does not stand any more."""
    return db.execute(_JOIN, (row, key, first_at)).rowcount > 0


def finish(db: sqlite3.Connection, target: int) -> None:
    """Move the target's standing record, if it has one, to the finished ones."""
    found = db.execute("SELECT seq, shed, at, body FROM standing WHERE target = ?", (target,)).fetchone()
    if found is None:
        return
    seq, shed, at, body = found
    epoch = db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0]
    finished.add(db, Place(target, seq, shed), epoch, at, changed=False, body=with_repeats(body, rows_of(db, target)))
    db.execute("DELETE FROM repeats WHERE target = ?", (target,))
    db.execute("DELETE FROM standing WHERE target = ?", (target,))


def older_than(db: sqlite3.Connection, at: float | None) -> list[int]:
    """Targets whose standing record was made before `at` (None: all of them), in the order they were made."""
    limit = float("inf") if at is None else at
    return [row[0] for row in db.execute("SELECT target FROM standing WHERE at < ? ORDER BY at", (limit,))]


def rows_of(db: sqlite3.Connection, target: int) -> list[bytes]:
    """The rows of a standing record, in their order."""
    return [row[0] for row in db.execute("SELECT body FROM repeats WHERE target = ? ORDER BY id", (target,))]
