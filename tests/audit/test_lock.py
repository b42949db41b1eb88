from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoscaler.audit.lock import LOCK_NAME, SpoolLock
from autoscaler.errors import ConfigError


def test_the_second_one_is_told_who_holds_it_and_what_to_do(tmp_path: Path) -> None:
    lock = SpoolLock(tmp_path)
    with pytest.raises(ConfigError, match=rf"in use by process {os.getpid()} on .*; stop it, .* --audit-spool-dir"):
        SpoolLock(tmp_path)
    lock.release()


def test_it_is_free_again_once_released(tmp_path: Path) -> None:
    SpoolLock(tmp_path).release()
    SpoolLock(tmp_path).release()


def test_a_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    SpoolLock(tmp_path / "state" / "spool").release()
    assert (tmp_path / "state" / "spool").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "spool" / LOCK_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda place: place.write_text("a file"), id="a file is in its place"),
        pytest.param(lambda place: place.symlink_to("/proc/no/such"), id="a link that leads nowhere is in its place"),
        pytest.param(lambda place: (place.mkdir(), (place / LOCK_NAME).symlink_to("x")), id="the lock is a link"),
    ],
)
def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path, spoil) -> None:
    place = tmp_path / "spool"
    spoil(place)
    with pytest.raises(ConfigError, match=r"spool cannot be written: .*--audit-spool-dir"):
        SpoolLock(place)


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from autoscaler.audit.lock import SpoolLock\n"
        "lock = SpoolLock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=f"process {holder.pid} "):
            SpoolLock(tmp_path)
        holder.kill()
    SpoolLock(tmp_path).release()
