"""An outbox on a spool of its own, and what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from autoscaler.audit import codec
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.spool import Spool
from autoscaler.telemetry import AuditTelemetry, Telemetry
from tests.audit.samples import NOON
from tests.clock import FakeClock

PATIENT = 60.0


@asynccontextmanager
async def outbox_at(
    directory: Path, telemetry: AuditTelemetry | None = None, *, max_bytes: int = 1 << 30, patience: float = PATIENT
) -> AsyncIterator[Outbox]:
    spool = Spool(directory, now=NOON, forwarding=True, max_bytes=max_bytes)
    async with Outbox(spool, FakeClock(NOON + 100), telemetry or Telemetry().audit, patience=patience) as outbox:
        yield outbox


def kept(directory: Path) -> list[str]:
    with SpoolReader(directory) as reader:
        return [codec.decode(record.body).id for record in reader.records()]


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(name, labels)
