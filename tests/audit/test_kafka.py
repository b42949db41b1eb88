"""Time is the event loop's, and virtual: an outage of half an hour takes no time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import accumulate

import pytest
from aiokafka.errors import (
    DuplicateSequenceNumber,
    InvalidProducerEpoch,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    TopicAuthorizationFailedError,
    UnknownProducerId,
    UnknownTopicOrPartitionError,
)
from tenacity import wait_fixed

from autoscaler.audit import refusals
from autoscaler.audit.codec import Record
from autoscaler.audit.kafka import FINISH_WITHIN, FORWARD_INTERVAL, MARK_WITHIN, ROUND_WITHIN, START_WITHIN, Forwarder
from autoscaler.audit.verify import verify
from autoscaler.clock import SystemClock
from autoscaler.errors import AuditError
from autoscaler.telemetry import Telemetry
from tests.audit.broker import Broker
from tests.audit.samples import record

pytestmark = pytest.mark.looptime


class Backlog:
    """The spool's side, in memory."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.records = list(records)
        self.cursor = 0
        self.settled = False
        self.parked: list[tuple[int, str]] = []
        self.faults: list[Exception] = []
        self.empty = asyncio.Event()

    async def news(self) -> None:
        while not self._left():
            await asyncio.sleep(1)

    async def settle(self) -> None:
        self.settled = True

    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        if self.faults:
            raise self.faults.pop()
        return self._left()[:max_rows]

    async def delivered(self, position: int) -> None:
        self.cursor = position
        if not self._left():
            self.empty.set()

    async def set_aside(self, record: Record, reason: str) -> None:
        self.parked.append((record.position, reason))

    def _left(self) -> list[Record]:
        return [record for record in self.records if record.position > self.cursor]


class Bounded(Backlog):
    """As the spool: a round is bounded by bytes too."""

    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        sizes = accumulate(len(each.body) for each in self._left())
        fitting = sum(size <= max_bytes for size in sizes)
        return self._left()[: min(max_rows, max(1, fitting))]


def forwarder(backlog: Backlog, broker: Broker, telemetry: Telemetry | None = None) -> Forwarder:
    audit = (telemetry or Telemetry()).audit
    return Forwarder(backlog, broker.producer, "decisions", SystemClock(), audit, backoff=wait_fixed(1))


@asynccontextmanager
async def running(forwarder: Forwarder) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(forwarder.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def records(count: int, size: int = 0) -> list[Record]:
    return [record(number, body=None if not size else _body(number, size)) for number in range(1, count + 1)]


def _body(number: int, size: int) -> bytes:
    return json.dumps({"id": f"web-{number}", "time": "2027-01-15T08:00:00Z", "pad": "x" * size}).encode()


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


async def test_an_absent_broker_is_tried_until_it_is_there() -> None:
    backlog, broker, telemetry = Backlog(records(3)), Broker(), Telemetry()
    sender = forwarder(backlog, broker, telemetry)
    broker.up = False
    async with running(sender):
        await asyncio.sleep(1800)
        assert "KafkaConnectionError: Unable to bootstrap" in sender.problem
        assert len(broker.producers) == pytest.approx(1800, abs=5)
        assert all(producer.closed for producer in broker.producers[:-1])
        broker.up = True
        await backlog.empty.wait()
    assert broker.ids() == ["web-1", "web-2", "web-3"]
    assert sender.problem == ""
    replaced = telemetry.registry.get_sample_value(
        "autoscaler_audit_producer_replacements_total", {"error": "KafkaConnectionError"}
    )
    assert replaced == pytest.approx(1800, abs=5)


async def test_acknowledgements_that_never_come_are_given_up_and_sent_anew() -> None:
    backlog, broker = Backlog(records(3)), Broker()
    broker.fault = lambda value: None if b"web-1" in value else asyncio.get_running_loop().create_future()
    sender = forwarder(backlog, broker)
    started = asyncio.get_running_loop().time()
    async with running(sender):
        await asyncio.sleep(ROUND_WITHIN + 0.5)
        assert sender.problem.startswith("audit delivery: TimeoutError: no acknowledgement within 30 s")
        broker.fault = lambda _: None
        await backlog.empty.wait()
    assert asyncio.get_running_loop().time() - started == pytest.approx(ROUND_WITHIN + 1, abs=0.6)
    assert broker.ids() == ["web-1", "web-1", "web-2", "web-3"]
    assert verify(broker.numbers()).whole


async def test_a_start_that_never_returns_is_given_up() -> None:
    class Hanging:
        async def start(self) -> None:
            await asyncio.Event().wait()

        asked = ""

        def stale(self) -> bool:
            return False

        async def send(self, topic: str, **_: object) -> asyncio.Future[object]:
            raise AssertionError

        async def close(self) -> None:
            await asyncio.Event().wait()

    backlog, broker = Backlog(records(1)), Broker()
    hanging = [Hanging, Hanging]
    sender = Forwarder(
        backlog,
        lambda: hanging.pop()() if hanging else broker.producer(),
        "decisions",
        SystemClock(),
        Telemetry().audit,
        backoff=wait_fixed(1),
    )
    started = asyncio.get_running_loop().time()
    async with running(sender):
        await backlog.empty.wait()
    assert asyncio.get_running_loop().time() - started == pytest.approx(2 * (START_WITHIN + 2), abs=1)


async def test_a_withdrawn_right_is_retried_with_a_new_producer_each_time() -> None:
    backlog, broker = Backlog(records(5)), Broker()

    def refuse(value: bytes) -> None:
        if b"web-3" in value:
            raise TopicAuthorizationFailedError("decisions")

    broker.fault = refuse
    sender = forwarder(backlog, broker)
    async with running(sender):
        await asyncio.sleep(2.5)
        assert "TopicAuthorizationFailedError" in sender.problem
        broker.fault = lambda _: None
        await backlog.empty.wait()
    assert backlog.parked == []
    verdict = verify(broker.numbers())
    assert verdict.whole
    assert len(verdict.duplicates) == 6


async def test_a_record_too_large_for_the_topic_is_parked_and_the_rest_flows() -> None:
    backlog, broker, telemetry = Backlog(records(200)), Broker(), Telemetry()
    backlog.records[20] = record(21, body=_body(21, 60_000))
    backlog.records[150] = record(151, body=_body(151, 60_000))
    broker.limit = 20_000
    sender = forwarder(backlog, broker, telemetry)
    async with running(sender):
        await backlog.empty.wait()
    assert [position for position, _ in backlog.parked] == [21, 151]
    assert all("MessageSizeTooLargeError" in reason for _, reason in backlog.parked)
    verdict = verify(broker.numbers())
    assert verdict.whole
    stubs = [json.loads(value) for _, value, headers in broker.log if headers["ce_type"].endswith(b".parked.v1")]
    assert [stub["id"] for stub in stubs] == ["web-21", "web-151"]
    assert sender.problem == ""
    assert telemetry.registry.get_sample_value("autoscaler_audit_parked_total") == 2


async def test_when_even_the_stub_is_refused_nothing_is_skipped() -> None:
    backlog, broker = Backlog(records(2)), Broker()
    broker.limit = 10
    sender = forwarder(backlog, broker)
    async with running(sender):
        await asyncio.sleep(60)
        assert "MessageSizeTooLargeError" in sender.problem
        assert broker.log == []
        broker.limit = 1 << 20
        await backlog.empty.wait()
    assert broker.ids() == ["web-1", "web-2"]
    assert backlog.parked == []


async def test_a_spool_that_cannot_be_read_now_is_read_later() -> None:
    backlog, broker = Backlog(records(2)), Broker()
    backlog.faults = [AuditError("audit spool: disk I/O error")]
    async with running(forwarder(backlog, broker)):
        await backlog.empty.wait()
    assert broker.ids() == ["web-1", "web-2"]


@pytest.mark.parametrize("error", [TopicAuthorizationFailedError, UnknownTopicOrPartitionError])
async def test_q09_records_wait_for_their_topic_however_long_and_none_is_set_aside(error: type[Exception]) -> None:
    backlog, broker = Backlog(records(200)), Broker()

    def refuse(_: bytes) -> None:
        raise error("decisions")

    broker.fault = refuse
    clock, audit = SystemClock(), Telemetry().audit
    sender = Forwarder(backlog, broker.producer, "decisions", clock, audit, backoff=wait_fixed(600))
    async with running(sender):
        await asyncio.sleep(3 * 86400)
        assert (backlog.cursor, backlog.parked) == (0, [])
        assert error.__name__ in sender.problem
        broker.fault = lambda _: None
        await backlog.empty.wait()
    assert backlog.parked == []
    assert broker.ids() == [f"web-{number}" for number in range(1, 201)]
    assert sender.problem == ""


@pytest.mark.parametrize("error", refusals.OF_A_RECORD)
async def test_q09_what_the_broker_finds_wrong_with_a_record_is_final_for_that_record(error: type[Exception]) -> None:
    backlog, broker = Backlog(records(5)), Broker()

    def refuse(value: bytes) -> None:
        if b'"web-3"' in value and b'"size"' not in value:  # but its stub is fine
            raise error

    broker.fault = refuse
    async with running(forwarder(backlog, broker)):
        await backlog.empty.wait()
    assert [position for position, _ in backlog.parked] == [3]
    assert verify(broker.numbers()).whole


async def test_a_body_that_no_one_can_read_holds_up_nothing() -> None:
    backlog, broker = Backlog([record(1), record(2, body=b'{"id": \x00'), record(3)]), Broker()
    async with running(forwarder(backlog, broker)):
        await backlog.empty.wait()
    assert [position for position, _ in backlog.parked] == [2]
    assert verify(broker.numbers()).whole


async def test_a_refused_record_that_is_safe_nowhere_stays_in_the_spool_and_its_stub_is_sent_once() -> None:
    class Full(Backlog):
        full = True

        async def set_aside(self, record: Record, reason: str) -> None:
            if self.full:
                raise AuditError("dead-letters.jsonl is full")
            await super().set_aside(record, reason)

    backlog, broker = Full(records(5)), Broker()
    backlog.records[2] = record(3, body=_body(3, 60_000))
    broker.limit = 20_000
    sender = forwarder(backlog, broker)
    async with running(sender):
        await asyncio.sleep(60)
        assert backlog.cursor == 2
        assert "dead-letters.jsonl is full" in sender.problem
        backlog.full = False
        await backlog.empty.wait()
    assert [position for position, _ in backlog.parked] == [3]
    assert broker.ids()[-3:] == ["web-3", "web-4", "web-5"]
    assert broker.ids().count("web-3") == 1


@pytest.mark.parametrize(
    "error",
    [UnknownProducerId, OutOfOrderSequenceNumber, ProducerFenced, InvalidProducerEpoch, DuplicateSequenceNumber],
)
async def test_q12_a_producer_the_broker_does_not_know_any_more_is_replaced_and_ids_stay(
    error: type[Exception],
) -> None:
    backlog, broker, telemetry = Backlog(records(5)), Broker(), Telemetry()

    def forget(value: bytes) -> None:
        if b"web-3" in value and len(broker.producers) == 1:
            raise error

    broker.fault = forget
    async with running(forwarder(backlog, broker, telemetry)):
        await backlog.empty.wait()
    assert len(broker.producers) == 2
    assert verify(broker.numbers()).whole
    assert broker.ids() == ["web-1", "web-2", *(f"web-{number}" for number in range(1, 6))]
    replaced = {"error": error.__name__}
    assert telemetry.registry.get_sample_value("autoscaler_audit_producer_replacements_total", replaced) == 1


async def test_q04_an_acknowledgement_that_was_lost_leaves_a_duplicate_with_the_same_id_and_number() -> None:
    backlog, broker = Backlog(records(3)), Broker()

    async with running(forwarder(backlog, broker)):
        broker.lose = True
        await asyncio.sleep(ROUND_WITHIN + 0.5)
        broker.lose = False
        await backlog.empty.wait()
    assert broker.ids() == ["web-1", "web-2", "web-3"] * 2
    first, again = broker.log[:3], broker.log[3:]
    assert first == again, "body, id and number"
    verdict = verify(broker.numbers())
    assert verdict.whole
    assert len(verdict.duplicates) == 3


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
