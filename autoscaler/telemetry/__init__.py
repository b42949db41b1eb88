"""What the program says of itself: series, health verdicts and log lines."""

from autoscaler.telemetry.health import Check, Health, Verdict
from autoscaler.telemetry.series import (
    ApiTelemetry,
    AuditTelemetry,
    ControlTelemetry,
    EngineTelemetry,
    KubeTelemetry,
    Telemetry,
)

__all__ = [
    "ApiTelemetry",
    "AuditTelemetry",
    "Check",
    "ControlTelemetry",
    "EngineTelemetry",
    "Health",
    "KubeTelemetry",
    "Telemetry",
    "Verdict",
]
