from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from autoscaler.audit.entry import Entry
from autoscaler.audit.lock import LOCK_NAME
from autoscaler.audit.spool import Spool
from autoscaler.audit.spoolfile import FILE_NAME, SCHEMA_VERSION
from autoscaler.errors import ConfigError
from tests.audit.samples import NOON


def entry() -> Entry:
    return Entry("shop/Deployment/web", NOON, False, b"x")


class TestUnusable:
    @pytest.mark.parametrize(
        ("content", "why"),
        [
            pytest.param(b"no database " * 1000, "file is not a database", id="another file"),
            pytest.param(b"SQLite format 3\x00" + b"\xff" * 9000, "", id="a damaged header"),
        ],
    )
    def test_a_file_that_is_no_spool_is_named(self, tmp_path: Path, content: bytes, why: str) -> None:
        (tmp_path / FILE_NAME).write_bytes(content)
        with pytest.raises(ConfigError, match=rf"{FILE_NAME} cannot be used: .*{why}.*; move the file away"):
            Spool(tmp_path, now=NOON, forwarding=True)
        (tmp_path / FILE_NAME).unlink()
        Spool(tmp_path, now=NOON, forwarding=True).close()  # and the lock was given back

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param("CREATE TABLE accounts (id INTEGER)", id="unmarked"),
            pytest.param("PRAGMA user_version = 7", id="of another version"),
            pytest.param("PRAGMA application_id = 7", id="of another application"),
            pytest.param(f"PRAGMA application_id = 7; PRAGMA user_version = {SCHEMA_VERSION}", id="our version"),
        ],
    )  # fmt: skip
    def test_a_database_of_somebody_else_is_left_alone(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / FILE_NAME
        with closing(sqlite3.connect(path)) as db:
            db.executescript(content)
        path.chmod(0o640)
        before = path.read_bytes()
        with pytest.raises(ConfigError, match="no audit spool of this release"):
            Spool(tmp_path, now=NOON, forwarding=True)
        assert path.read_bytes() == before
        assert path.stat().st_mode & 0o777 == 0o640
        assert sorted(each.name for each in tmp_path.iterdir()) == [FILE_NAME, LOCK_NAME]

    def test_a_spool_of_a_later_release_is_left_to_that(self, tmp_path: Path) -> None:
        Spool(tmp_path, now=NOON, forwarding=True).close()
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        with pytest.raises(ConfigError, match="go back to the release that wrote it"):
            Spool(tmp_path, now=NOON, forwarding=True)

    def test_only_its_owner_reads_a_new_one(self, tmp_path: Path) -> None:
        Spool(tmp_path, now=NOON, forwarding=True).close()
        assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600

    def test_a_crash_while_it_is_made_is_mended(self, tmp_path: Path) -> None:
        (tmp_path / FILE_NAME).touch()
        with closing(Spool(tmp_path, now=NOON, forwarding=True)) as opened:
            opened.append([entry()])
