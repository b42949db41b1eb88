"""Time is the event loop's, and virtual: an outage of half an hour takes no time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.errors import (
    OutOfOrderSequenceNumber,
)

from autoscaler.audit.codec import Record
from autoscaler.audit.kafka import FINISH_WITHIN, FORWARD_INTERVAL, MARK_WITHIN, Forwarder
from autoscaler.audit.verify import verify
from autoscaler.clock import SystemClock
from autoscaler.telemetry import Telemetry
from tests.audit.backlog import Backlog, Bounded, forwarder, records, running
from tests.audit.broker import Broker
from tests.audit.samples import record

pytestmark = pytest.mark.looptime


async def test_everything_arrives_once_in_order() -> None:
    backlog, broker, telemetry = Backlog(records(500)), Broker(), Telemetry()
    async with running(forwarder(backlog, broker, telemetry)):
        await backlog.empty.wait()
    assert broker.ids() == [f"web-{number}" for number in range(1, 501)]
    assert verify(broker.numbers()).whole
    assert len(broker.producers) == 1
    assert telemetry.registry.get_sample_value("autoscaler_audit_delivered_total") == 500


async def test_a_backlog_of_large_records_does_not_wait_between_rounds() -> None:
    backlog, broker = Bounded(records(300, size=10_000)), Broker()
    started = asyncio.get_running_loop().time()
    async with running(forwarder(backlog, broker)):
        await backlog.empty.wait()
    assert asyncio.get_running_loop().time() - started < FORWARD_INTERVAL


async def test_a_busy_spool_is_asked_once_a_mebibyte_not_once_a_round() -> None:
    """1,100 records of 10 kB are 120 rounds."""

    class Busy(Bounded):
        reads, marks = 0, 0

        async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
            self.reads += 1
            await asyncio.sleep(0.26)
            return await super().undelivered(max_bytes, max_rows)

        async def delivered(self, position: int) -> None:
            self.marks += 1
            await asyncio.sleep(0.26)
            await super().delivered(position)

    backlog, broker = Busy(records(1100, size=10_000)), Broker()
    async with running(forwarder(backlog, broker)):
        await backlog.empty.wait()
    assert broker.ids() == [f"web-{number}" for number in range(1, 1101)]
    assert (backlog.reads, backlog.marks) == (11, 11)


async def test_what_is_acknowledged_is_marked_before_more_is_read_after_an_error() -> None:
    backlog, broker = Bounded(records(100, size=10_000)), Broker()

    def forget(value: bytes) -> None:
        if b'"web-50"' in value and len(broker.producers) == 1:
            raise OutOfOrderSequenceNumber

    broker.fault = forget
    async with running(forwarder(backlog, broker)):
        await backlog.empty.wait()
    assert verify(broker.numbers()).whole
    assert broker.ids().count("web-45") == 1, "the round before"
    assert broker.ids().count("web-49") == 2


async def test_what_comes_later_is_delivered_too() -> None:
    backlog, broker = Backlog(records(1)), Broker()
    async with running(forwarder(backlog, broker)):
        await backlog.empty.wait()
        backlog.empty.clear()
        backlog.records.append(record(2))
        await backlog.empty.wait()
    assert broker.ids() == ["web-1", "web-2"]


async def test_rotated_credentials_make_a_new_producer_without_an_error() -> None:
    backlog, broker, telemetry = Backlog(records(1)), Broker(), Telemetry()
    async with running(forwarder(backlog, broker, telemetry)):
        await backlog.empty.wait()
        backlog.empty.clear()
        broker.producers[0].changed = True
        backlog.records.append(record(2))
        await backlog.empty.wait()
    assert broker.ids() == ["web-1", "web-2"]
    assert [producer.closed for producer in broker.producers] == [True, False]


async def test_who_wants_to_know_is_told_what_kafka_has() -> None:
    backlog, broker = Backlog(records(100)), Broker()
    told: list[int] = []
    sender = Forwarder(
        backlog,
        broker.producer,
        "decisions",
        SystemClock(),
        Telemetry().audit,
        told=[lambda found: told.extend(each.position for each in found)],
    )
    assert await sender.finish()
    assert told == list(range(1, 101))


class TestTheEnd:
    async def test_the_last_rounds_deliver_what_is_left(self) -> None:
        backlog, broker = Backlog(records(300)), Broker()
        await forwarder(backlog, broker).finish()
        assert backlog.settled, "what stood for others to join is due now"
        assert len(broker.log) == 300
        assert broker.producers[0].closed

    async def test_what_kafka_has_is_marked_also_when_the_rest_stays(self) -> None:
        backlog, broker = Bounded(records(100, size=10_000)), Broker()
        broker.fault = lambda value: asyncio.get_running_loop().create_future() if b'"web-50"' in value else None
        assert not await forwarder(backlog, broker).finish()
        assert backlog.cursor == 45

    async def test_a_disk_that_hangs_holds_up_the_end_only_for_so_long(self) -> None:
        class Hanging(Bounded):
            async def delivered(self, position: int) -> None:
                await asyncio.Event().wait()

        started = asyncio.get_running_loop().time()
        assert not await forwarder(Hanging(records(3)), Broker()).finish()
        assert asyncio.get_running_loop().time() - started == pytest.approx(FINISH_WITHIN + MARK_WITHIN, abs=0.1)

    async def test_a_broker_that_is_away_is_tried_once(self) -> None:
        backlog, broker = Backlog(records(3)), Broker()
        broker.up = False
        await forwarder(backlog, broker).finish()
        assert len(broker.producers) == 1
        assert backlog.cursor == 0

    async def test_a_broker_that_hangs_does_not_hold_up_the_end(self) -> None:
        backlog, broker = Backlog(records(3)), Broker()
        broker.fault = lambda _: asyncio.get_running_loop().create_future()
        started = asyncio.get_running_loop().time()
        await forwarder(backlog, broker).finish()
        assert asyncio.get_running_loop().time() - started == pytest.approx(FINISH_WITHIN, abs=0.1)

    async def test_a_round_under_way_is_ended_and_nothing_is_sent_twice(self) -> None:
        backlog, broker, telemetry = Backlog(records(3)), Broker(), Telemetry()
        broker.lose = True
        sender = forwarder(backlog, broker, telemetry)
        async with running(sender), asyncio.TaskGroup() as group:
            await broker.stored.wait()
            ending = group.create_task(sender.finish())
            await asyncio.sleep(FINISH_WITHIN / 2)
            backlog.records += records(4)[3:]
            broker.lose = False
            broker.acknowledge()
            assert await ending
        assert broker.ids() == [f"web-{number}" for number in range(1, 5)]
        assert len(broker.producers) == 1

    async def test_after_the_end_no_round_is_begun(self) -> None:
        """Whoever cancels `run` may come late."""
        backlog, broker = Backlog(records(3)), Broker()
        sender = forwarder(backlog, broker)
        async with running(sender):
            await sender.finish()
            backlog.records += records(4)[3:]
            await asyncio.sleep(10 * FORWARD_INTERVAL)
        assert backlog.cursor == 3
        assert len(broker.producers) == 1

    async def test_a_round_that_does_not_end_is_sent_again_at_the_next_start(self) -> None:
        backlog, broker = Backlog(records(3)), Broker()
        broker.lose = True
        sender = forwarder(backlog, broker)
        async with running(sender):
            await broker.stored.wait()
            assert not await sender.finish()
        broker.lose = False
        assert await forwarder(backlog, broker).finish()
        assert backlog.cursor == 3
        assert verify(broker.numbers()).whole
