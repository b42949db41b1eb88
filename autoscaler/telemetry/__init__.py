"""What the program says of itself: series, health verdicts and log lines."""

from autoscaler.telemetry.health import Check, Health, Verdict
from autoscaler.telemetry.heartbeat import Heartbeat
from autoscaler.telemetry.series import (
    ApiTelemetry,
    AuditTelemetry,
    ControlTelemetry,
    DeliveryTelemetry,
    EngineTelemetry,
    KubeTelemetry,
    ProcessTelemetry,
    Telemetry,
    UsageTelemetry,
)

__all__ = [
    "ApiTelemetry",
    "AuditTelemetry",
    "Check",
    "ControlTelemetry",
    "DeliveryTelemetry",
    "EngineTelemetry",
    "Health",
    "Heartbeat",
    "KubeTelemetry",
    "ProcessTelemetry",
    "Telemetry",
    "UsageTelemetry",
    "Verdict",
]
