from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from autoscaler.audit import codec, deadletters
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.room import OnFull, Pressure
from autoscaler.audit.spool import Spool
from autoscaler.audit.verify import Number, verify
from autoscaler.errors import AuditError, ShedError, SlowError, SpoolFullError, UnwritableError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import micro_text
from autoscaler.model.plan import Action
from autoscaler.telemetry import Telemetry
from tests.audit.box import PATIENT, kept, outbox_at, value
from tests.audit.samples import NOON, decision
from tests.clock import FakeClock


def held(second: float) -> Decision:
    return decision(
        1, id=f"web-{second:g}", time=micro_text(NOON + second), action=Action.HOLD, outcome=Outcome.HELD, desired=3
    )


async def test_a_recorded_decision_is_on_disk(tmp_path: Path) -> None:
    async with outbox_at(tmp_path) as outbox:
        await outbox.record(decision(1))
        assert kept(tmp_path) == ["web-1"]
        assert codec.decode((await outbox.undelivered(1 << 20, 10))[0].body) == decision(1)


async def test_many_at_once_keep_their_order_per_target(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit) as outbox, asyncio.TaskGroup() as group:
        for number in range(1, 1501):
            group.create_task(outbox.record(decision(number, f"web{number % 7}")))
    with SpoolReader(tmp_path) as reader:
        records = list(reader.records())
    assert len(records) == 1500
    assert [record.at - NOON for record in records] == list(range(1, 1501))
    assert verify(Number(record.key, record.epoch, record.seq) for record in records).whole
    assert value(telemetry, "autoscaler_audit_committed_total") == 1500
    assert value(telemetry, "autoscaler_audit_undelivered") == 1500


async def test_leaving_commits_what_nobody_waited_for(tmp_path: Path) -> None:
    async with outbox_at(tmp_path) as outbox:
        impatient = asyncio.get_running_loop().create_task(outbox.record(decision(1)))
        await asyncio.sleep(0)
        impatient.cancel()
    assert kept(tmp_path) == ["web-1"]
    with pytest.raises(AuditError, match="closed"):
        await outbox.record(decision(2))


async def test_the_cursor_moves_and_the_gauges_follow(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit) as outbox:
        for number in (1, 2, 3):
            await outbox.record(decision(number))
        assert value(telemetry, "autoscaler_audit_oldest_undelivered_seconds") == 99
        await outbox.delivered(2)
        assert value(telemetry, "autoscaler_audit_undelivered") == 1
        assert value(telemetry, "autoscaler_audit_oldest_undelivered_seconds") == 97
        await outbox.delivered(3)
        assert value(telemetry, "autoscaler_audit_undelivered") == 0
        assert value(telemetry, "autoscaler_audit_oldest_undelivered_seconds") == 0
        assert await outbox.undelivered(1 << 20, 10) == []


async def test_news_come_with_a_record_and_with_what_an_earlier_life_left(tmp_path: Path) -> None:
    async with outbox_at(tmp_path) as outbox:
        assert await outbox.undelivered(1 << 20, 10) == []
        waiting = asyncio.get_running_loop().create_task(outbox.news())
        await outbox.record(decision(1))
        await waiting
    async with outbox_at(tmp_path) as outbox:
        await outbox.news()
        assert len(await outbox.undelivered(1 << 20, 10)) == 1


async def _record_many(outbox: Outbox) -> None:
    for number in range(2000):
        await outbox.record(decision(number, error="e" * 20_000))


async def test_a_full_spool_refuses_and_counts(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit, max_bytes=1 << 20) as outbox:
        with pytest.raises(SpoolFullError):
            await _record_many(outbox)
        assert value(telemetry, "autoscaler_audit_refused_total", reason="full") == 1
        position = (await outbox.undelivered(1 << 30, 5000))[-1].position
        await outbox.delivered(position)
        await outbox.record(decision(2001))
    assert kept(tmp_path)[-1] == "web-2001"


async def test_where_there_is_little_room_holds_are_dropped_and_counted(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit, max_bytes=1 << 20) as outbox:
        await outbox.record(held(1))
        while outbox.pressure is Pressure.NONE:
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    group.create_task(outbox.record(decision(number)))
            with suppress(ShedError):
                await outbox.record(held(2))
        with pytest.raises(ShedError, match="nearly full"):
            await outbox.record(held(2.5))
        await outbox.record(decision(3))
        assert value(telemetry, "autoscaler_audit_shed_total") == 2
        await outbox.delivered((await outbox.undelivered(1 << 30, 5000))[-1].position)
        assert await outbox.record(held(4)) == "web-4"
        assert outbox.pressure is Pressure.NONE


async def test_who_halts_is_told_before_it_scales_that_there_would_be_no_record(tmp_path: Path) -> None:
    spool = Spool(tmp_path, now=NOON, forwarding=True, max_bytes=1 << 20, on_full=OnFull.HALT)
    async with Outbox(spool, FakeClock(NOON), Telemetry().audit, patience=PATIENT) as outbox:
        assert outbox.halting
        await outbox.reserve(decision(1))
        assert await outbox.reserved(decision(1).key) == decision(1)
        await outbox.record(decision(1))
        assert await outbox.reserved(decision(1).key) is None
        with pytest.raises(SpoolFullError):
            await _record_many(outbox)
        with pytest.raises(SpoolFullError):
            await outbox.reserve(decision(2, error="e" * 20_000))
        assert outbox.pressure is Pressure.FULL


async def test_who_halts_does_not_wait_for_ever_either(tmp_path: Path) -> None:
    spool = Spool(tmp_path, now=NOON, forwarding=True, on_full=OnFull.HALT)
    async with Outbox(spool, FakeClock(NOON), Telemetry().audit, patience=0.05) as outbox:
        with closing(sqlite3.connect(tmp_path / "spool.db", isolation_level=None)) as hog:
            hog.execute("BEGIN IMMEDIATE")
            with pytest.raises(SlowError):
                await outbox.reserve(decision(1))


async def test_who_sheds_reserves_nothing(tmp_path: Path) -> None:
    async with outbox_at(tmp_path) as outbox:
        await outbox.reserve(decision(1))
        assert await outbox.reserved(decision(1).key) is None
        assert not outbox.halting
    with closing(sqlite3.connect(tmp_path / "spool.db")) as db:
        assert db.execute("SELECT count(*) FROM reserved").fetchone() == (0,)


async def test_a_record_that_is_set_aside_is_in_a_file_or_else_it_is_not_set_aside(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path / "spool", telemetry.audit) as outbox:
        await outbox.record(decision(1))
        [record] = await outbox.undelivered(1 << 20, 10)
        await outbox.set_aside(record, "too large")
        letters = tmp_path / "spool" / deadletters.FILE_NAME
        assert b"too large" in letters.read_bytes()
        letters.unlink()
        letters.mkdir()
        with pytest.raises(AuditError, match=deadletters.FILE_NAME):
            await outbox.set_aside(record, "too large")
        assert value(telemetry, "autoscaler_audit_kept_back_total") == 1
        with capture_logs() as logs:
            await outbox.set_aside(replace(record, body=b"no JSON"), "too large")
    assert [each["record"] for each in logs] == ["no JSON"], "of what nobody can read there is no line in that file"


async def test_what_cannot_be_written_down_is_refused_before_the_disk_and_leaves_a_gap(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit) as outbox:
        with pytest.raises(UnwritableError, match="no RFC 3339"):
            await outbox.record(decision(1, time="yesterday"))
        with pytest.raises(UnwritableError, match="no Unicode"):
            await outbox.record(decision(2, error="\ud800"))
        await outbox.record(decision(3))
        [record] = await outbox.undelivered(1 << 20, 10)
    assert (record.seq, record.shed) == (3, 2)
    assert value(telemetry, "autoscaler_audit_refused_total", reason="text") == 2


async def test_evaluations_that_come_to_the_same_share_a_record_that_waits_for_them(tmp_path: Path) -> None:
    telemetry = Telemetry()
    async with outbox_at(tmp_path, telemetry.audit) as outbox:
        ids = [await outbox.record(held(number)) for number in (1, 2, 3)]
        assert ids == ["web-1"] * 3
        assert len(await outbox.undelivered(1 << 20, 10)) == 1, "it is 99 s old by the clock of this test"
        await outbox.record(held(97))
        await outbox.record(held(98))
        await outbox.record(decision(99))
        found = [codec.decode(record.body) for record in await outbox.undelivered(1 << 20, 10)]
    assert [(each.id, [row.after for row in each.repeats]) for each in found] == [
        ("web-1", [1.0, 2.0]),
        ("web-97", [1.0]),
        ("web-99", []),
    ]
    assert value(telemetry, "autoscaler_audit_committed_total") == 6


async def test_a_standing_record_is_read_but_not_delivered_until_it_is_settled(tmp_path: Path) -> None:
    async with outbox_at(tmp_path) as outbox:
        await outbox.record(held(99))
        await outbox.record(held(99.5))
        assert await outbox.undelivered(1 << 20, 10) == []
        with SpoolReader(tmp_path) as reader:
            [standing] = reader.records()
        assert len(codec.decode(standing.body).repeats) == 1
        await outbox.settle()
        [record] = await outbox.undelivered(1 << 20, 10)
        assert record.body == standing.body


async def test_a_standing_record_survives_and_is_delivered_in_the_next_life(tmp_path: Path) -> None:
    async with outbox_at(tmp_path) as outbox:
        await outbox.record(held(1))
        await outbox.record(held(2))
    async with outbox_at(tmp_path) as outbox:
        assert await outbox.record(held(3)) == "web-3"
        [first] = await outbox.undelivered(1 << 20, 1)
        assert len(codec.decode(first.body).repeats) == 1
