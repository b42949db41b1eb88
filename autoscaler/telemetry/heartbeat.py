"""Whether the event loop turns, how late it comes to its timers, and whether somebody set the wall clock."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from autoscaler.clock import Clock, Steps
from autoscaler.telemetry.health import Verdict
from autoscaler.telemetry.series import ProcessTelemetry

BEAT_SECONDS = 0.1
"""Once a second would meet one stall of 0.1 s in ten, and that be the p99 of a minute. Ten take 0.002 of a core."""
DEAD_AFTER_SECONDS = 20.0
"""A23: a loop that was blocked for some seconds is no reason to be restarted."""

log = structlog.get_logger(__name__)


class Heartbeat:
    """`run` beats; `verdict` is the check of /livez. `beaten` is called after each beat: it saves a timer."""

    def __init__(self, clock: Clock, telemetry: ProcessTelemetry, beaten: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._beaten = beaten
        self._beat = clock.monotonic()
        self._steps = Steps(clock)

    async def run(self) -> None:
        """Beat, for ever: each beat that was due while the loop stood still counts, as late as it came."""
        due = self._clock.monotonic()
        while True:
            due = max(due + BEAT_SECONDS, self._beat - DEAD_AFTER_SECONDS)  # no hour of them after a suspension
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
            self._beat = self._clock.monotonic()
            self._telemetry.loop_lag.observe(max(0.0, self._beat - due))
            self._tell_steps()
            self._beaten()

    def verdict(self) -> Verdict:
        """Good while the last beat is fresh."""
        silent = self._clock.monotonic() - self._beat
        return Verdict("event-loop", silent < DEAD_AFTER_SECONDS, f"no heartbeat for {silent:.0f} s")

    def _tell_steps(self) -> None:
        steps = self._steps
        count, total = steps.count, steps.total
        moved = steps.look() - total
        if steps.count > count:
            self._telemetry.clock_steps.inc()
            log.warning(
                "The wall clock was set: windows and limits go on as if it had not been",
                seconds=round(moved, 1),
                hint="mend NTP; samples of kubelets more than 60 s off our clock are not believed",
            )
