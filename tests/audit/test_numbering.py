from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from autoscaler.audit import numbering, standing
from autoscaler.audit.numbering import Place, drop, drop_all, known, number


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.executescript(numbering.SCHEMA + standing.SCHEMA)
        yield opened


def test_every_target_counts_from_one(db: sqlite3.Connection) -> None:
    assert [number(db, key) for key in ("a", "b", "a")] == [Place(1, 1, 0), Place(2, 1, 0), Place(1, 2, 0)]


def test_dropped_numbers_are_told_once_by_the_next_record(db: sqlite3.Connection) -> None:
    number(db, "a")
    assert drop(db, "a") == drop(db, "a", 2) == 1
    assert number(db, "a") == Place(1, 5, 3)
    assert number(db, "a") == Place(1, 6, 0)


def test_a_target_may_be_known_before_it_has_a_number(db: sqlite3.Connection) -> None:
    assert known(db, "a") == known(db, "a") == 1
    assert number(db, "a") == Place(1, 1, 0)


def test_what_the_file_was_not_told_of_comes_on_top(db: sqlite3.Connection) -> None:
    drop(db, "a")
    assert number(db, "a", dropped=2) == Place(1, 4, 3)
    drop_all(db, {"a": 1, "new": 2})
    assert number(db, "a") == Place(1, 6, 1)
    assert number(db, "new") == Place(2, 3, 2)
