"""What the settings make of Kafka; that it delivers is shown on a real broker (tests/e2e/test_kafka_topics.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler.app.kafka import Decisions, Kafka
from autoscaler.audit.latest import Latest
from autoscaler.clock import SystemClock
from autoscaler.config.load import load
from autoscaler.config.settings import Settings
from autoscaler.telemetry import Telemetry


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


async def test_the_alarm_is_that_of_the_cluster_remembered_beside_the_spool(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "kafka-cluster").write_text("a\n")
    kafka = Kafka(settings.audit, SystemClock(), Telemetry().audit)
    kafka.cluster.seen("b")
    assert "Kafka cluster b" in kafka.cluster.alarm
