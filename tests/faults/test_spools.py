"""Disks that hang or fail, damaged spools, killed processes: nothing that was told to be durable is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from autoscaler.audit.entry import Entry
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.spool import Spool
from autoscaler.audit.spoolfile import FILE_NAME, PAGE_SIZE
from autoscaler.audit.verify import Number, verify
from autoscaler.clock import SystemClock
from autoscaler.errors import AuditError, DamagedError, SlowError
from autoscaler.telemetry import Telemetry
from tests.audit.box import kept, outbox_at, value
from tests.audit.samples import NOON, decision

SMALL = 2 << 20


def entry(key: str = "shop/Deployment/web") -> Entry:
    return Entry(key, NOON, changed=False, body=b"x" * 1400)


class TestDamage:
    """Pages in the middle are overwritten. The database is open in the same process only by `spool`."""

    def test_one_that_takes_nothing_more_is_put_aside_and_a_new_one_begun(self, tmp_path: Path) -> None:
        with closing(Spool(tmp_path, now=NOON, forwarding=True, max_bytes=SMALL)) as opened:
            opened.append([entry(f"shop/Deployment/web{number}") for number in range(100)])
            batch = opened.undelivered(1 << 20, 100)
            epoch = opened.epoch
            damage(opened, "targets")
            opened.append([entry("shop/Deployment/new")])
            assert opened.aside == tmp_path / f"{FILE_NAME}.damaged-{opened.epoch}"
            assert opened.aside.is_file()
            assert opened.epoch > epoch
            opened.delivered(batch[-1].position)
            assert [(each.key, each.seq) for each in opened.undelivered(1 << 20, 10)] == [("shop/Deployment/new", 1)]
            damage(opened, "targets")
            with pytest.raises(DamagedError):
                opened.append([entry()])

    @pytest.mark.parametrize("table", ["targets", "others_of_target", "standing"])
    def test_it_is_found_at_the_start(self, tmp_path: Path, table: str) -> None:
        with closing(Spool(tmp_path, now=NOON, forwarding=True)) as opened:
            opened.append([entry() for _ in range(100)])
            damage(opened, table)
        with closing(Spool(tmp_path, now=NOON + 1, forwarding=True)) as opened:
            assert opened.aside is not None
            opened.append([entry()])
            assert opened.backlog() == (1 if table == "targets" else 101, NOON), "nobody knows whose these were"

    def test_records_in_between_are_found_by_who_reads_them(self, tmp_path: Path) -> None:
        with closing(Spool(tmp_path, now=NOON, forwarding=True)) as opened:
            opened.append([entry() for _ in range(100)])
        content = bytearray((tmp_path / FILE_NAME).read_bytes())
        content[8192 * 16 : 8192 * 18] = b"\xff" * (8192 * 2)  # leaves of the table; its root stays whole
        (tmp_path / FILE_NAME).write_bytes(content)
        with closing(Spool(tmp_path, now=NOON, forwarding=True)) as opened:
            assert opened.aside is None
            assert 80 < len(opened.undelivered(1 << 20, 100)) < 100
            assert opened.aside is not None
            assert opened.saved.lost == 100 - opened.saved.kept


def test_an_error_of_the_disk_that_is_not_fullness_takes_a_number_too(tmp_path: Path) -> None:
    """A quota, or a limit of the file's size: SQLite calls it an I/O error."""
    code = f"""
import resource, signal
from pathlib import Path
from autoscaler.audit.entry import Entry
from autoscaler.audit.spool import Spool
from autoscaler.errors import AuditError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path({str(tmp_path)!r}), now=1, forwarding=True)
spool.append([Entry("web", 1.0, changed=True, body=b"x")])
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
lost = 0
for _ in range(200):
    try:
        spool.append([Entry("web", 1.0, changed=True, body=b"x" * 1400)])
    except AuditError as exc:
        assert "I/O" in str(exc), exc
        lost += 1
print(lost, spool.pressure.value)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
spool.append([Entry("web", 1.0, changed=True, body=b"x")])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lost, pressure = ran.stdout.split()
    assert (int(lost) > 100, pressure) == (True, "full")
    with SpoolReader(tmp_path) as reader:
        verdict = verify(Number(each.key, each.epoch, each.seq, each.shed) for each in reader.records())
    assert verdict.whole
    assert sum(fault.last - fault.first + 1 for fault in verdict.shed) == int(lost)


def damage(spool: Spool, table: str) -> None:
    """Overwrite the root page of a table or index, as a bad disk would, behind the program's cache."""
    with closing(sqlite3.connect(spool.path, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [page] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        # a change of another connection makes the open one read its pages anew
        db.execute("UPDATE meta SET value = value")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with spool.path.open("r+b") as file:
        file.seek((page - 1) * PAGE_SIZE)
        file.write(b"\xff" * PAGE_SIZE)


async def test_a_disk_that_hangs_holds_nobody_up_and_loses_nothing(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit, patience=0.05) as outbox:
        with closing(sqlite3.connect(tmp_path / "spool.db", isolation_level=None)) as hog:
            hog.execute("BEGIN IMMEDIATE")
            with pytest.raises(SlowError, match=r"did not answer within 0.05 s"):
                await outbox.record(decision(1))
            hog.execute("ROLLBACK")
        with capture_logs() as logs:
            assert len(await outbox.undelivered(1 << 20, 10)) == 1
    assert [each["event"] for each in logs] == ["The disk has taken a record that waited for it"]
    assert value(telemetry, "autoscaler_audit_late_total") == value(telemetry, "autoscaler_audit_committed_total") == 1
    assert value(telemetry, "autoscaler_audit_refused_total", reason="full") is None
    assert kept(tmp_path) == ["web-1"]


async def test_a_record_that_waited_for_the_disk_in_vain_is_told_when_that_is_known(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit, patience=0.05) as outbox:
        with closing(sqlite3.connect(tmp_path / "spool.db", isolation_level=None)) as hog:
            hog.execute("BEGIN IMMEDIATE")
            with pytest.raises(SlowError):
                await outbox.record(decision(1))
            hog.execute("ALTER TABLE targets RENAME TO elsewhere")
            hog.execute("COMMIT")
        with capture_logs() as logs, pytest.raises(AuditError):
            await outbox.undelivered(1 << 20, 10)
    assert [(each["log_level"], each["target"]) for each in logs] == [("error", "shop/Deployment/web")]
    assert value(telemetry, "autoscaler_audit_refused_total", reason="disk") == 1


async def test_a_broken_spool_is_told_and_the_thread_lives_on(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit) as outbox:
        with closing(sqlite3.connect(tmp_path / "spool.db", isolation_level=None)) as vandal:
            vandal.execute("ALTER TABLE targets RENAME TO elsewhere")
            with pytest.raises(AuditError, match="no such table"):
                await outbox.record(decision(1))
            with pytest.raises(AuditError, match="no such table"):
                await outbox.undelivered(1 << 20, 10)
            vandal.execute("ALTER TABLE elsewhere RENAME TO targets")
        await outbox.record(decision(2))
    assert value(telemetry, "autoscaler_audit_refused_total", reason="disk") == 1
    assert kept(tmp_path) == ["web-2"]


async def test_a_damaged_spool_is_told_counted_and_replaced(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit) as outbox:
        await outbox.record(decision(1))
        with closing(sqlite3.connect(tmp_path / "spool.db", isolation_level=None)) as db:
            [page] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'targets'").fetchone()
            db.execute("UPDATE meta SET value = value")  # who has it open reads its pages anew
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with (tmp_path / "spool.db").open("r+b") as file:
            file.seek((page - 1) * PAGE_SIZE)
            file.write(b"\xff" * PAGE_SIZE)
        with capture_logs() as logs:
            await outbox.record(decision(2))
        assert [(each["log_level"], "recover" in each["remedy"]) for each in logs] == [("error", True)]
        assert len(await outbox.undelivered(1 << 20, 10)) == 2
    assert value(telemetry, "autoscaler_audit_spools_damaged_total") == 1
    assert kept(tmp_path) == ["web-1", "web-2"]


def test_a_killed_process_loses_nothing_it_was_told_to_be_durable(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for life in range(1, 6):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.audit.scribe", str(tmp_path), str(life)], stdout=subprocess.PIPE, text=True
        ) as scribe:
            assert scribe.stdout is not None
            lines = [scribe.stdout.readline() for _ in range(97 * life)]  # another instant in each life
            scribe.kill()
            lines += [line for line in scribe.stdout if line.endswith("\n")]
            acknowledged += [line.strip().replace(" ", "-") for line in lines]
        Spool(tmp_path, now=SystemClock().now(), forwarding=True).close()  # nothing to repair, nothing locked
    ids = kept(tmp_path)
    assert len(acknowledged) >= 97 * 15
    assert set(acknowledged) <= set(ids)
    assert len(set(ids)) == len(ids)
    with SpoolReader(tmp_path) as reader:
        assert verify(Number(record.key, record.epoch, record.seq) for record in reader.records()).whole
