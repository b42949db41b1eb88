"""What a damaged file still has is taken over into the one that began in its place: at once what there is room for, the
rest when there is room.

How far that is stands in the new file, so that the next life goes on with it. Records keep the epoch and the numbers
they had: what is lost is a gap in these, what Kafka has already is a duplicate, and what comes late is in order all the
same, for between epochs there is none (`audit.codec`). The new file's own numbers begin anew, in an epoch of its own:
which numbers a damaged one has given nobody knows.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from msgspec import Struct

from autoscaler.audit.room import Room, pages
from autoscaler.audit.salvage import Part, given_behind, salvage
from autoscaler.audit.spoolfile import SALVAGED, aside, meta, transaction
from autoscaler.errors import SpoolFullError

ROWS = 5000  # records of one transaction, at once
ROWS_BESIDE = 200  # beside commits, about as long as one of these


class Saved(Struct, frozen=True):
    """Of the undelivered records of a damaged file: how many were taken over, how many could not be read, how many wait
    for room.
    """

    kept: int
    lost: int
    waiting: int = 0


class Rescue:
    """Into the file that `db` has open, beside which the damaged one lies; AuditError when it cannot be read."""

    def __init__(self, db: sqlite3.Connection, room: Room, path: Path) -> None:
        self._db = db
        self._room = room
        found = meta(db)
        self._reached = found.get(SALVAGED)
        self._source = aside(path, found["epoch"])
        self.saved = Saved(0, 0, 0 if self._reached is None else given_behind(self._source, self._reached))

    @property
    def waiting(self) -> bool:
        """Whether something is still to be taken over."""
        return self._reached is not None

    def at_once(self) -> None:
        """All there is room for; AuditError when the rest cannot be taken over now for another reason."""
        for rows in (ROWS, ROWS_BESIDE):
            while self._took(rows):
                pass

    def beside(self) -> None:
        """A little; errors as of `at_once`."""
        self._took(ROWS_BESIDE)

    def _took(self, rows: int) -> bool:
        """False: that was all, or there is no room."""
        if self._reached is None:
            return False
        try:
            with transaction(self._db):
                before = pages(self._db)
                part = salvage(self._source, self._db, self._reached, rows)
                self._mark(part)
                self._room.measured(self._db, before).check()
        except SpoolFullError:
            return False
        self._reached = None if part.last else part.reached
        left = max(0, self.saved.waiting - (part.kept - part.stood) - part.lost)
        lost = part.lost + (left if part.last else 0)  # the file may be gone
        self.saved = Saved(self.saved.kept + part.kept, self.saved.lost + lost, 0 if part.last else left)
        return self.waiting

    def _mark(self, part: Part) -> None:
        if part.last:
            self._db.execute("DELETE FROM meta WHERE name = ?", (SALVAGED,))
        else:
            self._db.execute("UPDATE meta SET value = ? WHERE name = ?", (part.reached, SALVAGED))
