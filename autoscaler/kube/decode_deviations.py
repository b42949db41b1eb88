"""What the spec of a HorizontalPodScaler has beside autoscaling/v2's to `model.policy.Deviations`."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.errors import MalformedError
from autoscaler.model.duration import seconds
from autoscaler.model.instant import parse_instant
from autoscaler.model.policy import Deviations, Pause


class PauseWire(Struct):
    """`spec.pause`."""

    until: str = ""
    directions: list[str] | None = None
    reason: str = ""
    actor: str = ""


class DeviationsWire(Struct, rename="camel"):
    """The fields, as they stand among the others of the spec."""

    owned_pods_only: bool | None = None
    ignore_rollout_surge: bool | None = None
    max_sample_age: str | None = None
    usage_window: str | None = None
    cpu_initialization_period: str | None = None
    initial_readiness_delay: str | None = None
    sync_period: str | None = None
    pause: PauseWire | None = None


def deviations(wire: DeviationsWire) -> Deviations:
    """Absent and null are the HPA's behaviour; MalformedError names the field of a duration or time that is none."""
    return Deviations(
        owned_pods_only=bool(wire.owned_pods_only),
        ignore_rollout_surge=bool(wire.ignore_rollout_surge),
        max_sample_age=_seconds(wire.max_sample_age, "spec.maxSampleAge"),
        usage_window=_seconds(wire.usage_window, "spec.usageWindow"),
        cpu_initialization=_seconds(wire.cpu_initialization_period, "spec.cpuInitializationPeriod"),
        initial_readiness_delay=_seconds(wire.initial_readiness_delay, "spec.initialReadinessDelay"),
        sync_period=_seconds(wire.sync_period, "spec.syncPeriod"),
        pause=None if wire.pause is None else _pause(wire.pause),
    )


def _seconds(text: str | None, field: str) -> float | None:
    if text is None:
        return None
    try:
        return seconds(text)
    except ValueError as exc:
        raise MalformedError(f"{field}: {exc}") from exc


def _pause(wire: PauseWire) -> Pause:
    try:
        until = parse_instant(wire.until)
    except MalformedError as exc:
        raise MalformedError(f"spec.pause.until: {exc}") from exc
    directions = ("Up", "Down") if wire.directions is None else tuple(wire.directions)
    return Pause(directions=directions, until=until, reason=wire.reason, actor=wire.actor)
