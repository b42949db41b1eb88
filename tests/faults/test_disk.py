"""Full disks, real ones: file systems in memory, in a namespace of mounts of their own (`tests.faults.fulldisk`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autoscaler.audit.room import DISK_KEPT

Look = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def unshared() -> list[str]:
    """What a program is run with to have mounts of its own."""
    for command in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        tried = subprocess.run([*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
        if tried.returncode == 0:
            return command
    pytest.skip(f"missing mounts: user {os.geteuid()} may make no namespace of them here: {tried.stderr.decode()}")


@pytest.fixture
def look(unshared: list[str], tmp_path: Path) -> Look:
    def looked(scenario: str) -> dict[str, Any]:
        found = subprocess.run(
            [*unshared, sys.executable, "-m", "tests.faults.fulldisk", scenario, tmp_path],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr
        return dict(json.loads(found.stdout.splitlines()[-1]))

    return looked


def test_q03_a_disk_smaller_than_the_spool_may_be_is_its_bound_and_delivery_makes_room(look: Look) -> None:
    found = look("smaller than allowed")
    assert 0.7 < found["crowded"] < 0.95
    assert all(taken > 0.9 * found["first"] for taken in found["rounds"])
    assert DISK_KEPT // 2 < found["left"] < 2 * DISK_KEPT
    assert found["whole"]


def test_q03_a_disk_hardly_larger_than_what_is_left_free_of_it_stops_nothing_for_ever(look: Look) -> None:
    found = look("hardly larger")
    assert all(taken > 0.9 * found["rounds"][0] > 100 for taken in found["rounds"])
    assert found["left"] > DISK_KEPT // 2
    assert found["whole"]


def test_q03_a_disk_that_others_fill_stops_nothing_for_ever_and_loses_nothing(look: Look) -> None:
    found = look("filled by others")
    assert found == {
        "taken": 0, "sent": 4000, "left": 1100, "left after a restart": 1100, "aside": False, "whole": True,
    }  # fmt: skip


def test_q03_a_damaged_spool_there_is_no_room_to_save_is_saved_when_there_is(look: Look) -> None:
    assert look("damaged") == {"some waited": True, "all came": [0, 0, True], "whole": True}


def test_q03_what_a_full_disk_did_not_take_is_a_gap_that_is_told(look: Look) -> None:
    assert look("refused") == {"lost": 20, "numbers": [22, 20], "whole": True}


def test_q03_killed_on_a_full_disk_without_kafka_again_and_again_loses_nothing_it_acknowledged(look: Look) -> None:
    assert look("killed") == {"refused some": True, "lost": 0, "whole": True}


def test_q03_a_disk_without_inodes_keeps_an_open_spool_and_a_new_one_says_what_it_needs(look: Look) -> None:
    need = "see that its disk has room and inodes for two files beside it"
    told = f"{need}, or name another directory with --audit-spool-dir"
    assert look("no inodes") == {"told": told, "numbers": [1, 2]}


def test_q03_on_a_full_disk_scaling_goes_on_and_the_log_has_the_record(look: Look) -> None:
    found = look("shed")
    assert found["first"] == ["written", 1, ""]
    assert (found["told"], found["in the log"]) == ("NotKept", [True])


def test_q03_on_a_full_disk_nothing_is_scaled_without_a_record_where_that_is_asked(look: Look) -> None:
    found = look("halt")
    why = "the audit spool is full; nothing is scaled without a record (--audit-full=halt)"
    assert found["first"] == ["deferred", 0, why]
    assert found["second"] == ["written", 1], "there is room again"
