"""There is no room for what a damaged file has, and then there is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from autoscaler.audit.entry import Entry
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.rescue import ROWS_BESIDE, Rescue, Saved
from autoscaler.audit.room import Room
from autoscaler.audit.spool import Spool
from autoscaler.audit.spoolfile import FILE_NAME, PAGE_SIZE, opened, put_aside
from autoscaler.audit.verify import Number, verify
from tests.audit.samples import NOON

COUNT = 1000
WEB = "shop/Deployment/web"
LATER = 2_000_000_000_000


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A new file, beside one of a thousand undelivered records and a standing one."""
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        spool.append([Entry(WEB, NOON + number, changed=True, body=b"x" * 1400) for number in range(COUNT)])
        spool.append([Entry("standing", NOON, changed=False, body=b'{"repeats":[]}', standing=True)])
    put_aside(tmp_path / FILE_NAME, LATER)
    with closing(opened(tmp_path / FILE_NAME, 1 << 30, epoch=LATER, after=COUNT, salvaged=0)) as made:
        yield made


def rescue(db: sqlite3.Connection, directory: Path, max_bytes: int) -> Rescue:
    return Rescue(db, Room(directory / FILE_NAME, max_bytes), directory / FILE_NAME)


def test_what_there_is_no_room_for_waits_also_for_another_life(db: sqlite3.Connection, tmp_path: Path) -> None:
    first = rescue(db, tmp_path, 100 * PAGE_SIZE)
    first.at_once()
    assert first.waiting
    assert first.saved == Saved(2 * ROWS_BESIDE, 0, COUNT - 2 * ROWS_BESIDE)
    first.beside()
    assert first.saved.kept == 2 * ROWS_BESIDE, "there still is none"
    second = rescue(db, tmp_path, 1 << 30)
    assert second.saved == Saved(0, 0, COUNT - 2 * ROWS_BESIDE)
    second.beside()
    assert second.saved == Saved(ROWS_BESIDE, 0, COUNT - 3 * ROWS_BESIDE)
    second.at_once()
    assert second.saved == Saved(COUNT - 2 * ROWS_BESIDE + 1, 0)
    assert not rescue(db, tmp_path, 1 << 30).waiting
    with SpoolReader(tmp_path) as reader:
        numbers = [Number(each.key, each.epoch, each.seq, each.shed) for each in reader.records()]
    assert [(each.epoch, each.seq) for each in numbers if each.key == WEB] == [
        (int(NOON * 1000), number) for number in range(1, COUNT + 1)
    ]
    assert verify(numbers).whole


def test_what_somebody_took_away_meanwhile_is_lost(db: sqlite3.Connection, tmp_path: Path) -> None:
    one = rescue(db, tmp_path, 1 << 30)
    one.beside()
    (tmp_path / f"{FILE_NAME}.damaged-{LATER}").unlink()
    one.at_once()
    assert one.saved == Saved(ROWS_BESIDE, COUNT - ROWS_BESIDE)
    assert not one.waiting
    assert not (tmp_path / f"{FILE_NAME}.damaged-{LATER}").exists()


def test_a_file_that_is_no_ones_successor_has_nothing_to_take_over(tmp_path: Path) -> None:
    with closing(opened(tmp_path / FILE_NAME, 1 << 30, epoch=LATER)) as made:
        one = rescue(made, tmp_path, 1 << 30)
        one.at_once()
        assert (one.waiting, one.saved) == (False, Saved(0, 0))
