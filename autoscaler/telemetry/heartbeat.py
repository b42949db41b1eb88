"""Whether the event loop turns, and how late it comes to its timers."""

from __future__ import annotations

from autoscaler.clock import Clock
from autoscaler.telemetry.health import Verdict
from autoscaler.telemetry.series import ProcessTelemetry

BEAT_SECONDS = 1.0
DEAD_AFTER_SECONDS = 20.0
"""A23: a loop that was blocked for some seconds is no reason to be restarted."""


class Heartbeat:
    """`run` beats; `verdict` is the check of /livez."""

    def __init__(self, clock: Clock, telemetry: ProcessTelemetry) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._beat = clock.monotonic()

    async def run(self) -> None:
        """Beat, for ever."""
        while True:
            due = self._clock.monotonic() + BEAT_SECONDS
            await self._clock.sleep(BEAT_SECONDS)
            self._beat = self._clock.monotonic()
            self._telemetry.loop_lag.observe(max(0.0, self._beat - due))

    def verdict(self) -> Verdict:
        """Good while the last beat is fresh."""
        silent = self._clock.monotonic() - self._beat
        return Verdict("event-loop", silent < DEAD_AFTER_SECONDS, f"no heartbeat for {silent:.0f} s")
