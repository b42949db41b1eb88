from __future__ import annotations

import logging

import pytest
from structlog.testing import capture_logs

from autoscaler.audit.brokerlog import DIFFERENT, BrokerLog
from tests.clock import FakeClock

connection = logging.getLogger("aiokafka.conn")
client = logging.getLogger("aiokafka")


async def test_a_message_is_passed_on_once_in_30_s_whatever_its_arguments() -> None:
    clock = FakeClock()
    with capture_logs() as lines, BrokerLog(clock).attached():
        for port in range(40):
            connection.warning("Connect to %s failed", port)
        connection.error("Unable to bootstrap")
        await clock.advance(30)
        connection.warning("Connect to %s failed", 99)
    assert [(line["log_level"], line["said"], line["similar_lines_dropped"]) for line in lines] == [
        ("warning", "Connect to 0 failed", 0),
        ("error", "Unable to bootstrap", 39),
        ("warning", "Connect to 99 failed", 0),
    ]


def test_the_last_error_is_kept_for_the_readiness_detail() -> None:
    broker_log = BrokerLog(FakeClock())
    with capture_logs(), broker_log.attached():
        connection.error("Authentication failed: %s", "bad password or user")
        connection.warning("later, and less important")
    assert broker_log.last_error == "Authentication failed: bad password or user"


def test_nothing_reaches_the_root_logger_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    with capture_logs(), BrokerLog(FakeClock()).attached():
        client.error("once")
    assert caplog.records == []
    client.error("afterwards as ever")
    assert [entry.message for entry in caplog.records] == ["afterwards as ever"]


def test_the_first_to_leave_does_not_open_the_floodgates(caplog: pytest.LogCaptureFixture) -> None:
    broker_log = BrokerLog(FakeClock())
    with capture_logs() as lines, broker_log.attached():
        with broker_log.attached():
            client.error("within both")
        client.error("within one")
    assert caplog.records == []
    assert [line["said"] for line in lines] == ["within both", "within one"]


def test_endless_variety_does_not_fill_the_memory() -> None:
    broker_log = BrokerLog(FakeClock())
    with capture_logs(), broker_log.attached():
        for number in range(3 * DIFFERENT):
            client.warning(f"no arguments {number}")
    assert len(broker_log._passed) <= DIFFERENT


def test_an_error_is_heard_however_little_the_program_shows() -> None:
    """The doctor shows nothing but its report, and must know the reason all the same."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.CRITICAL)
    try:
        broker_log = BrokerLog(FakeClock())
        with capture_logs(), broker_log.attached():
            connection.error("bad password or user")
        assert broker_log.last_error == "bad password or user"
    finally:
        root.setLevel(before)
