from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.sources import FileSource, Source, SpoolSource, TopicSource
from autoscaler.cli.recordsource import record_source
from autoscaler.config.load import load

BROKERS = {"audit-kafka-bootstrap-servers": "kafka:9092", "audit-topic": "decisions"}
KAFKA = KafkaSettings(bootstrap_servers=("kafka:9092",), topic="decisions")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", SpoolSource(Path("/spool")), id="the configured spool"),
        pytest.param("kafka", TopicSource(KAFKA), id="the configured topic"),
        pytest.param("-", FileSource("-"), id="what needs no settings"),
    ],
)
def test_a_source_is_what_the_settings_make_of_it(text: str, expected: Source) -> None:
    assert record_source(text, load({"audit-spool-dir": "/spool", **BROKERS}, {})) == expected
