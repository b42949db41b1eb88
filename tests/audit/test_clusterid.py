from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from autoscaler.audit.clusterid import FILE_NAME, ClusterId
from autoscaler.telemetry import Telemetry


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def cluster(directory: Path, telemetry: Telemetry) -> ClusterId:
    return ClusterId(directory, telemetry.audit.cluster_changed)


def alarmed(telemetry: Telemetry) -> float | None:
    return telemetry.registry.get_sample_value("autoscaler_audit_kafka_cluster_changed")


def test_the_first_one_is_remembered(tmp_path: Path, telemetry: Telemetry) -> None:
    found = cluster(tmp_path, telemetry)
    found.seen("a")
    found.seen("a")
    assert found.alarm == ""
    assert alarmed(telemetry) == 0
    assert (tmp_path / FILE_NAME).read_text() == "a\n"


def test_q16_another_one_is_an_alarm_once_in_the_log_and_for_as_long_as_it_lasts(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    cluster(tmp_path, telemetry).seen("a")
    later = cluster(tmp_path, telemetry)
    with capture_logs() as logs:
        later.seen("b")
        later.seen("b")
    assert [each["event"] for each in logs] == ["Kafka is another cluster than before"]
    assert "Kafka cluster b, those of before are in a" in later.alarm
    assert str(tmp_path / FILE_NAME) in later.alarm
    assert alarmed(telemetry) == 1
    later.seen("a")
    assert (later.alarm, alarmed(telemetry)) == ("", 0)


def test_who_removes_the_file_has_meant_it(tmp_path: Path, telemetry: Telemetry) -> None:
    found = cluster(tmp_path, telemetry)
    found.seen("a")
    found.seen("b")
    (tmp_path / FILE_NAME).unlink()
    found.seen("b")
    assert found.alarm == ""
    assert (tmp_path / FILE_NAME).read_text() == "b\n"


def test_a_cluster_that_tells_no_id_changes_nothing(tmp_path: Path, telemetry: Telemetry) -> None:
    cluster(tmp_path, telemetry).seen("")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_line_in_the_log(tmp_path: Path, telemetry: Telemetry) -> None:
    found = cluster(tmp_path / "gone", telemetry)
    with capture_logs() as logs:
        found.seen("a")
    assert logs[0]["log_level"] == "warning"
    assert found.alarm == ""
