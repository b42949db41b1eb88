"""What needs no broker; the reading itself is shown on a real one in tests/e2e/test_audit_readers.py."""

from __future__ import annotations

import pytest

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.topic import topic_events
from autoscaler.clock import SystemClock
from autoscaler.errors import AuditError


async def test_brokers_that_are_away_are_named() -> None:
    settings = KafkaSettings(bootstrap_servers=("127.0.0.1:1", "127.0.0.1:2"))
    with pytest.raises(AuditError, match=r"^Kafka at 127.0.0.1:1, 127.0.0.1:2 cannot be read: KafkaConnectionError"):
        async for _ in topic_events(settings, SystemClock(), follow=False):
            pass
