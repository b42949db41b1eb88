"""How far our clock is from the API server's, by the Date of its answers (S23).

Nothing is decided by it: leader election never compares clocks, and windows are monotonic. But samples, pods' start
times and what a predecessor left are by other clocks, and a person should hear that ours is off.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from autoscaler.clock import Clock, ticks
from autoscaler.errors import KubeError
from autoscaler.kube.client import KubeClient
from autoscaler.telemetry import KubeTelemetry

LOOK_SECONDS = 60.0
_HALF_SECOND = 0.5
"""A Date has whole seconds."""


class ServerClock:
    """`run` keeps `autoscaler_api_server_clock_ahead_seconds` current."""

    def __init__(self, client: KubeClient, clock: Clock, telemetry: KubeTelemetry) -> None:
        self._client = client
        self._clock = clock
        self._telemetry = telemetry

    async def run(self) -> None:
        """Look every minute, for ever; what cannot be had leaves the series as it was."""
        async for _ in ticks(self._clock, LOOK_SECONDS):
            try:
                ahead = await self.ahead()
            except KubeError:
                continue
            if ahead is not None:
                self._telemetry.clock_ahead.set(ahead)

    async def ahead(self) -> float | None:
        """Seconds by which its clock is ahead of ours, to a second; None when it does not say. Raises KubeError."""
        begun, asked = self._clock.now(), self._clock.monotonic()
        await self._client.get("/version")
        between = begun + (self._clock.monotonic() - asked) / 2
        try:
            return parsedate_to_datetime(self._client.date).timestamp() + _HALF_SECOND - between
        except ValueError:
            return None
