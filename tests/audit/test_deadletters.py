from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.deadletters import FILE_NAME, DeadLetters
from autoscaler.audit.event import Event
from autoscaler.audit.sources import events, source_of
from autoscaler.clock import SystemClock
from autoscaler.errors import AuditError
from tests.audit.samples import record

NO_KAFKA = KafkaSettings(bootstrap_servers=())


async def read(path: Path) -> list[Event]:
    found = [each async for each in events(source_of(str(path), "", NO_KAFKA), SystemClock())]
    assert all(isinstance(each, Event) for each in found)
    return [each for each in found if isinstance(each, Event)]


async def test_a_line_is_a_record_that_audit_reads_and_says_why(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.add(record(1), "too large\nfor the topic")
    letters.add(record(2), "x" * 5000)
    found = await read(letters.path)
    assert [(each.id, each.number.seq, each.number.epoch) for each in found] == [("web-1", 1, 7), ("web-2", 2, 7)]
    assert found[0].body == record(1).body
    lines = [json.loads(line) for line in letters.path.read_text().splitlines()]
    assert [line["refusal"] for line in lines] == ["too large\nfor the topic", "x" * 1024]
    assert letters.path.stat().st_mode & 0o777 == 0o600


async def test_what_a_crash_cut_off_goes_and_the_lines_before_it_stay(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.add(record(1), "first")
    with letters.path.open("ab") as file:
        file.write(b'{"specversion":"1.0","id":"web-')
    DeadLetters(tmp_path).add(record(2), "second")
    assert [each.id for each in await read(letters.path)] == ["web-1", "web-2"]


async def test_a_full_file_takes_no_more_and_loses_nothing_until_it_is_moved_away(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path, max_bytes=10_000)
    taken = 0
    error = ""
    while not error:
        try:
            letters.add(record(taken + 1), "too large")
            taken += 1
        except AuditError as exc:
            error = str(exc)
    assert f"{FILE_NAME} is full (10000 bytes): move it away" in error
    assert [each.number.seq for each in await read(letters.path)] == list(range(1, taken + 1))
    assert letters.path.stat().st_size <= 10_000
    letters.path.rename(tmp_path / "elsewhere.jsonl")
    letters.add(record(taken + 1), "too large")
    assert [each.number.seq for each in await read(letters.path)] == [taken + 1]


def test_a_folder_that_takes_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=rf"absent/{FILE_NAME} cannot be written: No such file"):
        DeadLetters(tmp_path / "absent").add(record(1), "too large")
