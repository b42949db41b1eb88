"""Brokers that are away, silent, forgetful or refuse: nothing is lost, what is refused for ever is set aside.

Time is the event loop's, and virtual.
"""

from __future__ import annotations

import asyncio
import json

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
from autoscaler.audit.kafka import ROUND_WITHIN, START_WITHIN, Forwarder
from autoscaler.audit.verify import verify
from autoscaler.clock import SystemClock
from autoscaler.errors import AuditError
from autoscaler.telemetry import Telemetry
from tests.audit.backlog import Backlog, body, forwarder, records, running
from tests.audit.broker import Broker
from tests.audit.samples import record

pytestmark = pytest.mark.looptime


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
    backlog.records[20] = record(21, body=body(21, 60_000))
    backlog.records[150] = record(151, body=body(151, 60_000))
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
    backlog.records[2] = record(3, body=body(3, 60_000))
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
