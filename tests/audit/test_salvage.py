"""Pages of a closed file are overwritten, as a bad disk would, and what is left is taken over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from autoscaler.audit import codec
from autoscaler.audit.entry import Entry
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.rescue import Saved
from autoscaler.audit.spool import Spool
from autoscaler.audit.spoolfile import FILE_NAME, PAGE_SIZE
from autoscaler.audit.verify import Number, verify
from tests.audit.samples import NOON, decision

COUNT = 200


def filled(directory: Path, *, delivered: int = 0) -> None:
    with closing(Spool(directory, now=NOON, forwarding=True)) as spool:
        spool.append([entry(number) for number in range(1, COUNT + 1)])
        if delivered:
            spool.delivered(delivered)
        spool.append([entry(COUNT + 1, "standing", standing=True)])


def entry(number: int, name: str = "web", *, standing: bool = False) -> Entry:
    made = decision(number, name)
    return Entry(made.key, NOON + number, changed=False, body=codec.encode(made), standing=standing)


def leaves(directory: Path, table: str) -> list[int]:
    """Pages that hold rows of a table: those whose first byte says so and that its root names."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as db:
        [root] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    content = (directory / FILE_NAME).read_bytes()
    head = (root - 1) * PAGE_SIZE
    if content[head] != 5:  # the root is the only leaf
        return [root]
    cells = int.from_bytes(content[head + 3 : head + 5], "big")
    found = []
    for cell in range(cells):
        at = head + int.from_bytes(content[head + 12 + 2 * cell : head + 14 + 2 * cell], "big")
        found.append(int.from_bytes(content[at : at + 4], "big"))
    return found


def overwrite(directory: Path, *pages: int) -> None:
    with (directory / FILE_NAME).open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE_SIZE)
            file.write(b"\xff" * PAGE_SIZE)


def saved(directory: Path) -> tuple[Saved, list[int]]:
    """What came over, and which decisions are undelivered then."""
    with closing(Spool(directory, now=NOON + 1000, forwarding=True)) as spool:
        found = spool.undelivered(1 << 30, 10_000)
        assert spool.aside is not None
        return spool.saved, [int(codec.decode(each.body).id.rpartition("-")[2]) for each in found]


def test_what_was_on_the_last_pages_is_counted_among_the_lost(tmp_path: Path) -> None:
    filled(tmp_path)
    overwrite(tmp_path, *leaves(tmp_path, "records")[-3:])
    report, ids = saved(tmp_path)
    assert len(ids) < COUNT
    assert report == Saved(len(ids), COUNT + 1 - len(ids))


@pytest.mark.parametrize("which", [0, 3, 10])
def test_damaged_records_cost_themselves_only_and_leave_a_gap(tmp_path: Path, which: int) -> None:
    filled(tmp_path)
    overwrite(tmp_path, leaves(tmp_path, "records")[which])
    report, ids = saved(tmp_path)
    lost = sorted(set(range(1, COUNT + 1)) - set(ids))
    assert 0 < len(lost) < 10
    assert lost == list(range(lost[0], lost[-1] + 1))
    assert report == Saved(COUNT + 1 - len(lost), len(lost))
    assert ids == [number for number in range(1, COUNT + 2) if number not in lost]
    with SpoolReader(tmp_path) as reader:
        verdict = verify(Number(each.key, each.epoch, each.seq, each.shed) for each in reader.records())
    missing = sum(hole.last - hole.first + 1 for hole in verdict.missing)
    assert missing == len(lost)
    assert not verdict.late


def test_what_kafka_has_is_not_sent_again(tmp_path: Path) -> None:
    filled(tmp_path, delivered=150)
    overwrite(tmp_path, leaves(tmp_path, "records")[-3])
    report, ids = saved(tmp_path)
    assert ids[0] > 150
    assert report.kept + report.lost == COUNT - 150 + 1


@pytest.mark.parametrize("table", ["targets", "sqlite_autoindex_targets_1", "others_of_target", "repeats_of_target"])
def test_without_the_other_tables_every_record_is_saved(tmp_path: Path, table: str) -> None:
    filled(tmp_path)
    overwrite(tmp_path, *leaves(tmp_path, table))
    report, ids = saved(tmp_path)
    assert (report.kept, ids[:COUNT]) == (COUNT + 1, list(range(1, COUNT + 1)))


def test_of_a_file_that_is_nothing_but_damage_nothing_comes(tmp_path: Path) -> None:
    filled(tmp_path)
    size = (tmp_path / FILE_NAME).stat().st_size // PAGE_SIZE
    overwrite(tmp_path, *range(3, size + 1))
    assert saved(tmp_path) == (Saved(0, 0), [])
