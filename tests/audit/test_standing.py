from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from autoscaler.audit import codec, standing
from autoscaler.audit.numbering import Place
from tests.audit.samples import decision

TABLES = """
CREATE TABLE targets (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE records (position INTEGER PRIMARY KEY, target, epoch, seq, shed, at, changed, body);
CREATE TABLE meta (name TEXT, value INTEGER);
INSERT INTO meta VALUES ('epoch', 9);
INSERT INTO targets VALUES (1, 'web'), (2, 'db');
"""
BODY = b'{"id":"x","repeats":[]}'


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.executescript(TABLES + standing.SCHEMA)
        yield opened


def finished(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    return db.execute("SELECT target, seq, at, body FROM records ORDER BY position").fetchall()


def test_a_finished_record_has_its_number_and_all_rows_in_order(db: sqlite3.Connection) -> None:
    standing.stand(db, Place(1, 7, 0), 10.0, BODY)
    for row in (b"[1.0]", b"[2.0]"):
        assert standing.join(db, "web", 10.0, row)
    assert standing.rows_of(db, 1) == [b"[1.0]", b"[2.0]"]
    standing.finish(db, 1)
    assert finished(db) == [(1, 7, 10.0, b'{"id":"x","repeats":[[1.0],[2.0]]}')]
    standing.finish(db, 1)
    assert len(finished(db)) == 1
    assert standing.rows_of(db, 1) == []


def test_only_the_record_that_is_meant_is_joined(db: sqlite3.Connection) -> None:
    standing.stand(db, Place(1, 7, 0), 10.0, BODY)
    assert not standing.join(db, "web", 9.0, b"[1.0]")
    assert not standing.join(db, "db", 10.0, b"[1.0]")
    assert not standing.join(db, "nobody", 10.0, b"[1.0]")
    assert standing.rows_of(db, 1) == []


def test_the_oldest_are_due_first(db: sqlite3.Connection) -> None:
    standing.stand(db, Place(1, 1, 0), 20.0, BODY)
    standing.stand(db, Place(2, 1, 0), 10.0, BODY)
    assert standing.older_than(db, None) == [2, 1]
    assert standing.older_than(db, 20.0) == [2]


def test_every_record_ends_as_it_must_to_be_joined() -> None:
    body = codec.encode(decision())
    assert standing.with_repeats(body, []) == body
    joined = codec.decode(standing.with_repeats(body, [b"[1.5,null,[3]]"]))
    assert [(each.after, each.sample_age, each.usage) for each in joined.repeats] == [(1.5, None, (3,))]
