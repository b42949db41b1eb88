"""Says in series and in the log how good our certificate and the trust in the front proxy are (A06, A25)."""

from __future__ import annotations

import structlog

from autoscaler.api.tls import ServingContexts
from autoscaler.clock import Clock
from autoscaler.telemetry import ApiTelemetry

SOON_SECONDS = 14 * 86400.0
"""Before its end a certificate is told of in the log."""
AGAIN_SECONDS = 86400.0

_log = structlog.get_logger(__name__)


class TrustWatch:
    """Ask `look` every second."""

    def __init__(self, contexts: ServingContexts, clock: Clock, telemetry: ApiTelemetry) -> None:
        self._contexts = contexts
        self._clock = clock
        self._telemetry = telemetry
        self._refusals = 0
        self._warned: float | None = None

    def look(self) -> None:
        """Take up changed files and tell."""
        contexts, telemetry = self._contexts, self._telemetry
        contexts.reload_certificate(self._clock.now())
        telemetry.certificate_expiry.set(contexts.expires)
        telemetry.certificate_errors.inc(contexts.refusals - self._refusals)
        telemetry.trust_good.set(not contexts.problem)
        self._refusals = contexts.refusals
        self._warn(contexts.expires - self._clock.now())

    def _warn(self, left: float) -> None:
        """Once a day, that the end is near."""
        now = self._clock.monotonic()
        if left > SOON_SECONDS:
            self._warned = None
        elif self._warned is None or now - self._warned >= AGAIN_SECONDS:
            self._warned = now
            days = max(0.0, left) / 86400
            _log.warning(
                "The serving certificate ends soon",
                days=round(days, 1),
                hint="renew the files of --tls-cert-file; restart to have a self-signed one made anew; one of "
                "--tls-issue-secret-name is renewed by who leads: its log says what keeps it from that",
            )
