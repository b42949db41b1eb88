"""The numbers of a target's records, and those of them that no record has.

A record that is dropped for want of room takes its number with it; the next one that is kept says how many numbers
directly before its own were dropped (`Record.shed`). So a consumer sees the gap, and can tell it from a loss. Every
function works within the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from msgspec import Struct

SCHEMA = """
CREATE TABLE targets (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL, shed INTEGER NOT NULL
);
"""

_ADVANCE = """
INSERT INTO targets (key, seq, shed) VALUES (:key, :by, :shed)
ON CONFLICT (key) DO UPDATE SET seq = seq + :by, shed = shed + :shed
RETURNING id, seq, shed, EXISTS (SELECT 1 FROM standing WHERE standing.target = targets.id)
"""


class Place(Struct, frozen=True):
    """The row of a target, the number of a record, and how many directly before that one no record has.

    `stands`: the target has a standing record (`audit.standing`), asked along with the number.
    """

    target: int
    seq: int
    shed: int
    stands: bool = False


def number(db: sqlite3.Connection, key: str, dropped: int = 0) -> Place:
    """The place of the next record. `dropped`: numbers before it that the file has not been told of."""
    target, seq, shed, stands = db.execute(_ADVANCE, {"key": key, "by": 1 + dropped, "shed": dropped}).fetchone()
    if shed:
        db.execute("UPDATE targets SET shed = 0 WHERE id = ?", (target,))
    return Place(target, seq, shed, bool(stands))


def known(db: sqlite3.Connection, key: str) -> int:
    """The target's row, which is made where there is none."""
    return drop(db, key, 0)


def drop(db: sqlite3.Connection, key: str, count: int = 1) -> int:
    """Give `count` numbers to no record; the target's row."""
    return int(db.execute(_ADVANCE, {"key": key, "by": count, "shed": count}).fetchone()[0])


def drop_all(db: sqlite3.Connection, dropped: Mapping[str, int]) -> None:
    """The same for several targets."""
    for key, count in dropped.items():
        drop(db, key, count)
