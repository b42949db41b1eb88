"""The file of a spool: what is in it, whether it is ours and usable, and what becomes of a damaged one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from autoscaler.audit import finished, numbering, standing
from autoscaler.errors import AuditError, ConfigError, DamagedError, SpoolFullError

FILE_NAME = "spool.db"
APPLICATION_ID = 0x48505343  # "HPSC"
SCHEMA_VERSION = 5
PAGE_SIZE = 8192  # a record is about 1.4 KB: 15 % less disk than 4096 (measured)
SALVAGED = "salvaged"
"""In `meta`: up to which position a damaged file was taken over, until all of it is."""
HEADROOM = 128  # pages more than records may have: what makes room must fit into a full file

_SCHEMA = f"""
PRAGMA page_size = {PAGE_SIZE};
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
{numbering.SCHEMA}{finished.SCHEMA}CREATE TABLE reserved (key TEXT PRIMARY KEY, body BLOB NOT NULL);
{standing.SCHEMA}
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


def opened(
    path: Path, max_bytes: int, *, epoch: int, after: int = 0, salvaged: int | None = None
) -> sqlite3.Connection:
    """A connection with the schema in place. A new file gets that epoch, and positions beyond `after`; `salvaged`: it
    takes over what a damaged one has behind that position.

    ConfigError: it cannot be used, or is not ours. DamagedError: it is ours, and no record can be added any more.
    """
    try:
        # threads: opened by one, then used by the writer's only
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        try:
            _prepare(db, path, max_bytes, _New(epoch, after, salvaged))
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as exc:
        raise ConfigError(
            f"audit spool {path} cannot be used: {exc}; "
            f"{_remedy(exc)}, or name another directory with --audit-spool-dir"
        ) from exc
    return db


def _remedy(exc: sqlite3.Error) -> str:
    if getattr(exc, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL):
        return "see that its disk has room and inodes for two files beside it"
    return "move the file away"


def _prepare(db: sqlite3.Connection, path: Path, max_bytes: int, made: _New) -> None:
    new = _is_empty(db)
    if not new:
        _check(db, path)  # before anything is written: it may be somebody else's
    path.chmod(0o600)
    if new:
        _create(db, made)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA journal_size_limit = 8388608")
    db.execute(f"PRAGMA max_page_count = {max_bytes // PAGE_SIZE + HEADROOM}")
    try:
        _look_through(db)
    except sqlite3.DatabaseError as exc:
        if not is_damage(exc):
            raise
        raise DamagedError(f"audit spool {path}: {exc}") from exc


def _look_through(db: sqlite3.Connection) -> None:
    """Read every page that adding or pruning a record may need: all of them but those of the records in between.

    Measured with a cold spool of 1 GiB: 0.09 s; `PRAGMA quick_check`, which reads the whole, took 13 s of a warm one.
    """
    db.execute("SELECT body FROM records ORDER BY position DESC LIMIT 1").fetchone()
    db.execute("SELECT body FROM records ORDER BY position LIMIT 1").fetchone()
    for source in (
        "targets NOT INDEXED",
        "targets INDEXED BY sqlite_autoindex_targets_1",
        "records INDEXED BY changes_of_target WHERE changed",
        "records INDEXED BY others_of_target WHERE NOT changed",
        "standing",
        "repeats NOT INDEXED",
        "repeats INDEXED BY repeats_of_target",
    ):
        db.execute(f"SELECT count(*) FROM {source}").fetchone()  # noqa: S608 - names above


def _is_empty(db: sqlite3.Connection) -> bool:
    """Whether nobody has put anything into the file yet."""
    marks = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    return marks == [0, 0] and not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]


class _New(Struct, frozen=True):
    epoch: int
    after: int
    salvaged: int | None


def _create(db: sqlite3.Connection, made: _New) -> None:
    """The schema, in one transaction: a crash leaves an empty file, which is created anew."""
    db.executescript(_SCHEMA)
    about = [("epoch", made.epoch), ("delivered", made.after)]
    if made.salvaged is not None:
        about.append((SALVAGED, made.salvaged))
    db.executemany("INSERT INTO meta VALUES (?, ?)", about)
    db.execute("INSERT INTO sqlite_sequence VALUES ('records', ?)", (made.after,))
    db.execute("COMMIT")


def _check(db: sqlite3.Connection, path: Path) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
        later = application == APPLICATION_ID and version > SCHEMA_VERSION
        remedy = "go back to the release that wrote it, which delivers what is in it, or " if later else ""
        raise ConfigError(
            f"{path} is no audit spool of this release (application {application:#x}, schema {version}); "
            f"{remedy}name another directory with --audit-spool-dir"
        )


@contextmanager
def mapped_errors() -> Iterator[None]:
    """What SQLite says, in our words: SpoolFullError, DamagedError, or else AuditError."""
    try:
        yield
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise SpoolFullError("the audit spool is full") from exc
        raise AuditError(f"audit spool: {exc}") from exc
    except sqlite3.Error as exc:
        if is_damage(exc):
            raise DamagedError(f"audit spool: {exc}") from exc
        raise AuditError(f"audit spool: {exc}") from exc


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; errors as of `mapped_errors`."""
    with mapped_errors():
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # SQLite may have rolled back on its own
                db.execute("ROLLBACK")
            raise


@contextmanager
def unhurried(db: sqlite3.Connection) -> Iterator[None]:
    """Transactions that the disk is not waited for: a SIGKILL takes none of them, a power cut may."""
    db.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        db.execute("PRAGMA synchronous = FULL")


def meta(db: sqlite3.Connection) -> dict[str, int]:
    """What the file says of itself: `epoch`, `delivered`, and `SALVAGED`."""
    with mapped_errors():
        return dict(db.execute("SELECT name, value FROM meta"))


def meta_of(path: Path) -> dict[str, int]:
    """The same of a file that may be damaged; nothing when that cannot be read."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            return {str(name): int(value) for name, value in db.execute("SELECT name, value FROM meta")}
    except (sqlite3.Error, ValueError, TypeError):
        return {}


def is_damage(exc: sqlite3.Error) -> bool:
    """Whether what was read is not what was written."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT  # its extended codes too


def aside(path: Path, epoch: int) -> Path:
    """Where the damaged file is in whose place that of `epoch` began."""
    return path.with_name(f"{path.name}.damaged-{epoch}")


def put_aside(path: Path, epoch: int) -> Path:
    """Where the damaged file is now, its write-ahead log beside it; AuditError when it cannot be moved."""
    new = aside(path, epoch)
    try:
        path.replace(new)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(new.with_name(new.name + suffix))
    except OSError as exc:
        raise AuditError(f"damaged audit spool {path} cannot be moved to {new}: {exc.strerror}") from exc
    return new
