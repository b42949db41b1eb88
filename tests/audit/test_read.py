from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from autoscaler.audit import finished
from autoscaler.audit.entry import Entry
from autoscaler.audit.numbering import Place
from autoscaler.audit.read import PAGE, SpoolReader
from autoscaler.audit.spool import Spool
from autoscaler.audit.spoolfile import FILE_NAME, PAGE_SIZE
from autoscaler.errors import AuditError, AutoscalerError, ConfigError
from tests.audit.samples import NOON

WEB, DB = "shop/Deployment/web", "shop/StatefulSet/db"


def entry(key: str, second: float, *, changed: bool = False) -> Entry:
    return Entry(key, NOON + second, changed, b"{}")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A spool that is being written; (second, target): 0 web, 1 db, 2 web changed, 3 web, 4 web."""
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        spool.append([entry(WEB, 0), entry(DB, 1), entry(WEB, 2, changed=True), entry(WEB, 3), entry(WEB, 4)])
        yield tmp_path


def seconds(*records: object) -> list[float]:
    return [record.at - NOON for record in records if record is not None]


def test_it_reads_while_the_writer_has_it_open(directory: Path) -> None:
    with SpoolReader(directory) as reader:
        assert reader.targets() == [WEB, DB]
        assert seconds(*reader.records()) == [0, 1, 2, 3, 4]
        assert seconds(*reader.records(WEB)) == [0, 2, 3, 4]
        assert seconds(*reader.records(after=3)) == [3, 4]
        assert [(record.epoch, record.seq) for record in reader.records(DB)] == [(1_800_000_000_000, 1)]


def test_newest_and_oldest(directory: Path) -> None:
    with SpoolReader(directory) as reader:
        assert seconds(reader.newest(WEB)) == [4]
        assert seconds(reader.newest(WEB, changed=True)) == [2]
        assert seconds(reader.newest(WEB, before=NOON + 3.5)) == [3]
        assert seconds(reader.newest(WEB, changed=True, before=NOON + 1)) == []
        assert seconds(reader.oldest(WEB)) == [0]
        assert reader.newest("shop/Deployment/nobody") is None
        assert reader.oldest("shop/Deployment/nobody") is None


def test_a_record_that_may_still_be_joined_is_the_newest_of_its_target(directory: Path, tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "two", now=NOON, forwarding=True)) as spool:
        spool.append([entry(WEB, 0), Entry(WEB, NOON + 5, False, b'{"repeats":[]}', standing=True)])
        spool.append([Entry(WEB, NOON + 6, False, b"[1]", joins=NOON + 5)])
        spool.append([Entry(DB, NOON + 7, False, b'{"repeats":[]}', standing=True)])
        with SpoolReader(tmp_path / "two") as reader:
            assert reader.newest(WEB).body == b'{"repeats":[[1]]}'
            assert seconds(reader.newest(WEB, before=NOON + 4)) == [0]
            assert seconds(reader.newest(DB), reader.oldest(DB)) == [7, 7]
            assert reader.targets() == [WEB, DB]
            assert [(record.at - NOON, record.position) for record in reader.records()] == [(0, 1), (5, 0), (7, 0)]


def test_what_was_taken_over_late_is_no_targets_newest(directory: Path) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as db:
        for second, flag in ((-2, 1), (-1, 0)):
            finished.add(db, Place(1, 9 + second, 0), 5, NOON + second, changed=bool(flag), body=b"{}")
        db.commit()
    with SpoolReader(directory) as reader:
        assert seconds(reader.newest(WEB), reader.oldest(WEB)) == [4, -2]
        assert seconds(reader.newest(WEB, before=NOON - 0.5)) == [-1]
        assert seconds(reader.newest(WEB, changed=True, before=NOON)) == [-2]
        assert seconds(*reader.latest(WEB, 5)) == [-1, 0, 2, 3, 4]
        assert [each.epoch for each in reader.records(WEB)] == [int(NOON * 1000)] * 4 + [5, 5]


def test_more_than_a_page_is_read_while_more_is_written(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        spool.append([entry(WEB, second) for second in range(PAGE)])
        with SpoolReader(tmp_path) as reader:
            records = reader.records()
            first = next(records)
            spool.append([entry(WEB, PAGE)])
            assert seconds(first, *records) == list(range(PAGE + 1))


def test_it_reads_after_the_writer_has_left(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        spool.append([entry(WEB, 0)])
    with SpoolReader(tmp_path) as reader:
        assert seconds(*reader.records()) == [0]


def test_a_copy_of_the_file_alone_is_enough(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool", now=NOON, forwarding=True)) as spool:
        spool.append([entry(WEB, 0)])
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "spool" / FILE_NAME, tmp_path / "copy")
    with SpoolReader(tmp_path / "copy") as reader:
        assert seconds(*reader.records()) == [0]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        pytest.param(None, ConfigError, "no audit spool at", id="nothing there"),
        pytest.param(b"garbage" * 2000, AuditError, "cannot be read: file is not a database", id="another file"),
        pytest.param(b"", AuditError, "is no audit spool of this release", id="an empty file"),
    ],
)
def test_what_is_no_spool_is_named(
    tmp_path: Path, content: bytes | None, error: type[AutoscalerError], message: str
) -> None:
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        SpoolReader(tmp_path)
    assert str(tmp_path / FILE_NAME) in str(caught.value)


def test_a_damaged_one_says_what_to_do(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        spool.append([Entry("shop/Deployment/web", NOON, False, b"x" * 1400) for _ in range(100)])
    content = bytearray((tmp_path / FILE_NAME).read_bytes())
    content[PAGE_SIZE * 14 : PAGE_SIZE * 16] = b"\xff" * (PAGE_SIZE * 2)
    (tmp_path / FILE_NAME).write_bytes(content)
    with SpoolReader(tmp_path) as reader, pytest.raises(AuditError, match=r"malformed; stop .* move .*\.recover"):
        list(reader.records())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param("DELETE FROM meta WHERE name = 'epoch'", "table meta has no epoch", id="no epoch"),
        pytest.param("UPDATE meta SET value = 'x' WHERE name = 'epoch'", "table meta has no epoch", id="no number"),
        pytest.param("UPDATE records SET body = 'text' WHERE position = 2", "table records, position 2: body is not",
                     id="a text for a body"),
        pytest.param("UPDATE records SET seq = 'x' WHERE position = 3", "table records, position 3: seq is not",
                     id="a text for a number"),
        pytest.param("UPDATE records SET at = 'x'", "table records, position 1: at is not", id="a text for a time"),
        pytest.param("UPDATE targets SET key = x'00ff'", "table records, position 1: key is not", id="no name"),
        pytest.param("UPDATE standing SET body = 7", "table standing, position 0: body is not", id="a standing one"),
        pytest.param("UPDATE repeats SET body = 'x'", "table repeats, shop/Deployment/web: body is not", id="a repeat"),
        pytest.param("DROP TABLE records", "no such table: records", id="no table"),
    ],
)  # fmt: skip
def test_what_no_spool_writes_is_named_with_its_row(tmp_path: Path, change: str, message: str) -> None:
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        spool.append([entry(WEB, 0), entry(WEB, 1), entry(WEB, 2)])
        spool.append([Entry(WEB, NOON + 5, False, b'{"repeats":[]}', standing=True)])
        spool.append([Entry(WEB, NOON + 6, False, b"[1]", joins=NOON + 5)])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.execute(change)
        db.commit()
    with pytest.raises(AuditError, match=message) as caught, SpoolReader(tmp_path) as reader:
        list(reader.records())
    assert str(tmp_path / FILE_NAME) in str(caught.value)
    with suppress(AuditError), SpoolReader(tmp_path) as reader:
        reader.newest(WEB), reader.oldest(WEB), reader.latest(WEB, 3), reader.targets()


def test_a_record_that_is_finished_while_the_last_page_is_read_is_not_lost(tmp_path: Path) -> None:
    """The writer finishes it, and begins another one, between our two questions."""

    def stood(second: float) -> Entry:
        return Entry(WEB, NOON + second, False, b'{"repeats":[]}', standing=True)

    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        spool.append([entry(WEB, 0), stood(1)])
        with SpoolReader(tmp_path) as reader:
            asked: list[str] = []

            def asks(statement: str) -> None:
                if "FROM standing" in statement and not asked:
                    asked.append(statement)
                    spool.append([stood(2)])

            reader._db.set_trace_callback(asks)
            assert [each.seq for each in reader.records()] == [1, 2]
            assert asked
            assert [each.seq for each in reader.records(WEB)] == [1, 2, 3]


def test_a_name_that_no_folder_has_is_told() -> None:
    with pytest.raises(AuditError, match=r"audit spool a+/spool.db cannot be read: File name too long"):
        SpoolReader(Path("a" * 5000))
