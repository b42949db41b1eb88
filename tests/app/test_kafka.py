"""What the settings make of Kafka; that it delivers is shown on a real broker (tests/e2e/test_kafka_topics.py)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from autoscaler.app.kafka import Decisions, Kafka
from autoscaler.audit.latest import Latest
from autoscaler.clock import SystemClock
from autoscaler.config.load import load
from autoscaler.config.settings import Settings
from autoscaler.telemetry import Telemetry
from tests.clock import FakeClock, settle


@pytest.fixture
def settings(tmp_path: Path, unused_tcp_port: int) -> Settings:
    return load(
        {
            "audit-kafka-bootstrap-servers": f"127.0.0.1:{unused_tcp_port}",
            "audit-kafka-latest-topic": "last",
            "audit-spool-dir": str(tmp_path),
        },
        {},
    )


async def test_an_end_without_a_broker_waits_for_nobody_twice(settings: Settings) -> None:
    decisions = Decisions(settings.audit, Latest(), SystemClock(), Telemetry())
    await decisions.finish()
    assert (decisions.problem, decisions.alarm) == ("", "")


@pytest.mark.parametrize("there", [False, True], ids=["it is missing", "it is there"])
async def test_a_missing_credential_file_is_told_at_the_start_and_not_with_the_first_record(
    settings: Settings, tmp_path: Path, *, there: bool
) -> None:
    for name in ("user", "password")[: 2 if there else 1]:
        (tmp_path / name).write_text("x")
    access = structs.replace(
        settings.audit.kafka,
        security_protocol="SASL_SSL",
        username_file=str(tmp_path / "user"),
        password_file=str(tmp_path / "password"),
    )
    decisions = Decisions(structs.replace(settings.audit, kafka=access), Latest(), FakeClock(), Telemetry())
    with capture_logs() as lines:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(decisions.run(), name="decisions")
            await settle()
            running.cancel()
    told = [line["problem"] for line in lines if line["log_level"] == "warning"]
    assert told == ([] if there else [f"Kafka credential file '{tmp_path}/password' cannot be read: no such file"])


async def test_the_alarm_is_that_of_the_cluster_remembered_beside_the_spool(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "kafka-cluster").write_text("a\n")
    kafka = Kafka(settings.audit, SystemClock(), Telemetry().audit)
    kafka.cluster.seen("b")
    assert "Kafka cluster b" in kafka.cluster.alarm
