from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from autoscaler.audit.room import Room, pages, shrink, used_pages
from autoscaler.audit.spoolfile import PAGE_SIZE
from autoscaler.errors import AuditError, SpoolFullError


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as opened:
        opened.executescript(
            f"PRAGMA page_size = {PAGE_SIZE}; PRAGMA auto_vacuum = INCREMENTAL; CREATE TABLE t (b BLOB)"
        )
        yield opened


def fill(db: sqlite3.Connection, count: int) -> None:
    db.execute("INSERT INTO t VALUES (zeroblob(?))", (count * PAGE_SIZE,))


def test_what_was_allowed_is_the_bound_where_the_disk_has_more(tmp_path: Path, db: sqlite3.Connection) -> None:
    room = Room(tmp_path / "db", 100 * PAGE_SIZE)
    assert room.most(3) == 100
    fill(db, 70)
    assert not room.measured(db).crowded
    fill(db, 20)
    assert room.measured(db).crowded
    room.measured(db).check()
    fill(db, 20)
    with pytest.raises(SpoolFullError):
        room.measured(db).check()


def test_free_pages_do_not_count_and_go_back_to_the_disk(tmp_path: Path, db: sqlite3.Connection) -> None:
    fill(db, 2000)
    db.execute("DELETE FROM t")
    assert used_pages(db) < 10
    assert not Room(tmp_path / "db", 100 * PAGE_SIZE).measured(db).crowded
    shrink(db)
    assert pages(db) < 1100


def test_a_disk_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="absent: No such file"):
        Room(tmp_path / "absent" / "db", 1 << 20).most(1)


def test_a_file_that_is_not_where_it_was_takes_nothing_until_it_is_back(tmp_path: Path, db: sqlite3.Connection) -> None:
    room = Room(tmp_path / "db", 100 * PAGE_SIZE)
    room.measured(db)
    (tmp_path / "db").rename(tmp_path / "away")
    with pytest.raises(AuditError, match="moved or removed while it was in use: put it back, or restart"):
        room.measured(db)
    (tmp_path / "db").touch()
    with pytest.raises(AuditError, match="moved or removed"):
        room.measured(db)
    (tmp_path / "away").replace(tmp_path / "db")
    room.measured(db)
