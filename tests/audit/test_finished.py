from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from autoscaler.audit import finished, numbering, standing
from autoscaler.audit.codec import Record


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Five records of 100 bytes, of two targets in turns."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.executescript(numbering.SCHEMA + finished.SCHEMA + standing.SCHEMA)
        for number in range(5):
            place = numbering.number(opened, "ab"[number % 2])
            finished.add(opened, place, 7, float(number), changed=False, body=b"x" * 99)
        yield opened


def positions(records: list[Record]) -> list[int]:
    return [each.position for each in records]


def test_records_come_in_their_order_under_both_limits_but_one_always(db: sqlite3.Connection) -> None:
    first = finished.behind(db, 0, 1000, 10)
    assert [(each.position, each.key, each.epoch, each.seq, each.at) for each in first] == [
        (1, "a", 7, 1, 0.0), (2, "b", 7, 1, 1.0), (3, "a", 7, 2, 2.0), (4, "b", 7, 2, 3.0), (5, "a", 7, 3, 4.0),
    ]  # fmt: skip
    assert positions(finished.behind(db, 1, 250, 10)) == [2, 3]
    assert positions(finished.behind(db, 1, 1000, 3)) == [2, 3, 4]
    assert positions(finished.behind(db, 4, 1, 1)) == [5]
    assert finished.behind(db, 5, 1000, 10) == []


def test_how_many_are_behind_and_since_when(db: sqlite3.Connection) -> None:
    assert finished.backlog(db, 0) == (5, 0.0)
    assert finished.backlog(db, 3) == (2, 3.0)
    assert finished.backlog(db, 5) == (0, None)


def test_only_what_may_go_is_pruned(db: sqlite3.Connection) -> None:
    assert finished.prune(db, 2, until=1)
    assert positions(finished.behind(db, 0, 1000, 10)) == [2, 3, 4, 5]
    assert not finished.prune(db, 2, until=1)
    assert finished.prune(db, 3, until=None)
    assert finished.prune(db, 3, until=None)
    assert not finished.prune(db, 3, until=None)
    assert finished.backlog(db, 0) == (0, None)
