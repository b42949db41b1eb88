"""Reads a spool, also while `autoscaler run` writes it: in short transactions, so that its log need not grow for us."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from autoscaler.audit import finished
from autoscaler.audit.codec import Record
from autoscaler.audit.spoolfile import APPLICATION_ID, FILE_NAME, SCHEMA_VERSION, is_damage
from autoscaler.audit.standing import with_repeats
from autoscaler.errors import AuditError, ConfigError

PAGE = 500

_STANDING = (
    "SELECT target, 0, key, value, standing.seq, standing.shed, at, body"
    " FROM standing JOIN targets ON targets.id = target JOIN meta ON name = 'epoch'"
)
_RECORDS = f"SELECT {finished.COLUMNS} FROM records JOIN targets ON targets.id = target"  # noqa: S608 - names there
_NAMES = ("position", "key", "epoch", "seq", "shed", "at", "body")
_KINDS = (int, str, int, int, int, float, bytes)
"""Of `finished.COLUMNS`."""
_BOTH = (finished.CHANGES, finished.OTHERS)
_UP, _DOWN = "ORDER BY position", "ORDER BY position DESC"
_LATER, _EARLIER = "AND epoch = ?", "AND epoch <> ?"
"""Than a damaged file's, which may have been taken over at any time."""


class SpoolReader:
    """`with SpoolReader(directory)`; ConfigError when there is no spool in it, AuditError when it cannot be read."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        try:
            there = self.path.is_file()
        except OSError as exc:
            raise AuditError(f"audit spool {self.path} cannot be read: {exc.strerror}") from exc
        if not there:
            raise ConfigError(f"no audit spool at {self.path}; name the one that `run` writes with --audit-spool-dir")
        try:
            self._db = self._opened()
        except sqlite3.Error as exc:
            raise AuditError(f"audit spool {self.path} cannot be read: {exc}") from exc
        try:
            self.epoch = self._epoch()
        except AuditError:
            self._db.close()
            raise

    def _epoch(self) -> int:
        match self._rows("SELECT value FROM meta WHERE name = 'epoch'"):
            case [(int(epoch),)]:
                return epoch
        raise AuditError(
            f"audit spool {self.path}: its table meta has no epoch, so its records have no number{self._remedy}"
        )

    @property
    def _remedy(self) -> str:
        return f"; stop `autoscaler run`, move the file away, save its records with `sqlite3 {self.path} .recover`"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def targets(self) -> list[str]:
        """Keys (`namespace/kind/name`) of the targets that have records, sorted."""
        rows = self._rows(
            "SELECT key FROM targets WHERE EXISTS (SELECT 1 FROM records WHERE target = targets.id AND changed)"
            " OR EXISTS (SELECT 1 FROM records WHERE target = targets.id AND NOT changed)"
            " OR EXISTS (SELECT 1 FROM standing WHERE target = targets.id) ORDER BY key"
        )
        return [row[0] for row in rows]

    def positions(self) -> tuple[int, int]:
        """The first and the last position of a record, both 0 when there is none."""
        first, last = self._rows("SELECT min(position), max(position) FROM records")[0]
        return first or 0, last or 0

    def newest(self, key: str, *, changed: bool = False, before: float | None = None) -> Record | None:
        """The last record of a target; `changed`: the last that moved it; `before`: made not after that time."""
        if not changed:
            for record in self._standing("WHERE key = ? AND at <= ?", key, float("inf") if before is None else before):
                return record
        timely = "AND at <= ? " if before is not None else ""
        values = () if before is None else (before,)
        kinds = (finished.CHANGES,) if changed else _BOTH
        return next(iter(self._last(kinds, timely, key, *values, limit=1)), None)

    def oldest(self, key: str) -> Record | None:
        """The first record of a target that is still kept."""
        for when in (_EARLIER, _LATER):
            if rows := self._of(key, _BOTH, when, _UP, 1, self.epoch):
                return self._record("records", rows[0])
        return self.newest(key)

    def latest(self, key: str, limit: int) -> list[Record]:
        """At most so many of the last records of a target, in their order."""
        found = self._last(_BOTH, "", key, limit=limit)
        return [*reversed(found), *self._standing("WHERE key = ?", key)][-limit:]

    def _last(self, kinds: Sequence[str], where: str, key: str, *values: object, limit: int) -> list[Record]:
        """The last first."""
        found: list[Record] = []
        for when in (_LATER, _EARLIER):
            rows = self._of(key, kinds, f"{where}{when}", _DOWN, limit - len(found), *values, self.epoch)
            found += [self._record("records", row) for row in rows]
            if len(found) == limit:
                break
        return found

    def records(self, key: str | None = None, *, after: int = 0) -> Iterator[Record]:
        """Records of one target or of all in the order they were made, from the one behind position `after` on.

        Those of a damaged file come when they were taken over, in the epoch they had; those that may still be joined
        last, at position 0, as they are now: they have no place yet. They are of the same moment as the last page: one
        that was finished in between, and another stood in its place, would be in neither.
        """
        whose, keys = ("", ()) if key is None else ("WHERE key = ?", (key,))
        full = True
        while full:
            with self._moment():
                if key is None:
                    rows = self._rows(f"{_RECORDS} WHERE position > ? {_UP} LIMIT {PAGE}", after)
                else:
                    rows = self._of(key, _BOTH, "AND position > ?", _UP, PAGE, after)
                full = len(rows) == PAGE
                found = [self._record("records", row) for row in rows]
                standing = [] if full else list(self._standing(whose, *keys))
            yield from found
            after = rows[-1][0] if rows else after
        yield from standing

    def _of(self, key: str, kinds: Sequence[str], where: str, order: str, limit: int, *values: object) -> list[Any]:
        """At most so many rows of a target, each kind looked for in its own index, all at one moment."""
        each = [f"SELECT * FROM ({_RECORDS} WHERE key = ? {kind} {where} {order} LIMIT ?)" for kind in kinds]  # noqa: S608 - words above
        rows = self._rows(" UNION ALL ".join(each), *((key, *values, limit) * len(kinds)))
        return sorted(rows, reverse=order == _DOWN)[:limit]  # the position comes first

    def _standing(self, where: str, *values: object) -> Iterator[Record]:
        """Standing records, with the rows they have so far."""
        for target, *columns, body in self._rows(f"{_STANDING} {where} ORDER BY at", *values):
            record = self._record("standing", (*columns, body))
            rows = [row[0] for row in self._rows("SELECT body FROM repeats WHERE target = ? ORDER BY id", target)]
            if not all(type(each) is bytes for each in rows):
                raise self._forged("repeats", record.key, "body")
            yield replace(record, body=with_repeats(record.body, rows))

    def _record(self, table: str, row: tuple[Any, ...]) -> Record:
        """SQLite keeps in a column whatever somebody puts there: only what a spool puts there is a record."""
        for name, value, kind in zip(_NAMES, row, _KINDS, strict=True):
            if type(value) is not kind:
                raise self._forged(table, f"position {row[0]}", name)
        return finished.record(row)

    def _forged(self, table: str, row: str, column: str) -> AuditError:
        where = f"audit spool {self.path}: table {table}, {row}: {column}"
        return AuditError(f"{where} is not of the type that `autoscaler run` writes{self._remedy}")

    def _opened(self) -> sqlite3.Connection:
        name = self.path.resolve().as_uri()
        try:
            return self._checked(sqlite3.connect(f"{name}?mode=ro", uri=True, isolation_level=None, timeout=5.0))
        except sqlite3.OperationalError:
            wal = self.path.with_name(FILE_NAME + "-wal")
            if wal.exists() and wal.stat().st_size:
                raise
            # A directory we may not write to, and no writer in it: the file alone is everything there is.
            return self._checked(sqlite3.connect(f"{name}?immutable=1", uri=True, isolation_level=None))

    def _checked(self, db: sqlite3.Connection) -> sqlite3.Connection:
        try:
            found = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        except sqlite3.Error:
            db.close()
            raise
        if found != [APPLICATION_ID, SCHEMA_VERSION]:
            db.close()
            raise AuditError(
                f"{self.path} is no audit spool of this release; read it with the release that wrote it, "
                "or name another directory with --audit-spool-dir"
            )
        return db

    @contextmanager
    def _moment(self) -> Iterator[None]:
        """All that is read within is of one moment."""
        self._rows("BEGIN")
        try:
            yield
        finally:
            self._rows("COMMIT")

    def _rows(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as exc:
            remedy = self._remedy if is_damage(exc) else ""
            raise AuditError(f"audit spool {self.path} cannot be read: {exc}{remedy}") from exc
