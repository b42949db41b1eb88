"""Our own serving certificate: every replica takes it from one Secret, and who leads makes, renews and has it trusted.

Nothing here is needed to serve: while the API server cannot be asked, what was taken last is served.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from autoscaler.clock import Clock, ticks
from autoscaler.core.rotation import Step, due, taken
from autoscaler.errors import ConflictError, ForbiddenError, KubeError, MalformedError, NotFoundError
from autoscaler.kube.authority import issued
from autoscaler.kube.servingsecret import Stored
from autoscaler.model.certificate import Keyring, Pair

LOOKS = 6
"""So often in an `overlap` the Secret is read: all replicas have a new pair long before the old one may go."""

log = structlog.get_logger(__name__)


class Secrets(Protocol):
    """Where the certificate is kept; raises KubeError or MalformedError."""

    async def read(self) -> Stored: ...
    async def write(self, over: Stored, ring: Keyring) -> Stored: ...


class Trust(Protocol):
    """Who verifies us; `keep` says whether all had these CAs already. Raises KubeError or MalformedError."""

    async def keep(self, pem: str) -> bool: ...


class Issuing:
    """`run` until cancelled. `leads` says whether this replica writes; `serve` is given every pair that is new.

    `lifetime` and `overlap` are in seconds; `problem` says why the last look failed, "" when it did not.
    """

    def __init__(
        self,
        secrets: Secrets,
        trust: Trust,
        *,
        names: Sequence[str],
        lifetime: float,
        overlap: float,
        leads: Callable[[], bool],
        serve: Callable[[Pair], None],
        clock: Clock,
    ) -> None:
        self._secrets, self._trust = secrets, trust
        self._names, self._lifetime, self._overlap = names, lifetime, overlap
        self._leads, self._serve, self._clock = leads, serve, clock
        self._served: Pair | None = None
        self._trusted = ""
        self._trusted_since = clock.monotonic()
        self.problem = ""

    async def run(self) -> None:
        """Look several times in an overlap, for ever."""
        async for _ in ticks(self._clock, self._overlap / LOOKS):
            await self.look()

    async def look(self) -> None:
        """Take up what there is, and do what is due."""
        try:
            stored = await self._secrets.read()
            if self._leads():
                stored = await self._tend(stored)
        except ConflictError:
            return  # somebody else wrote it: the next look sees what it is
        except (KubeError, MalformedError) as exc:
            self._tell(exc)
            return
        self.problem = ""
        serving = stored.ring.serving
        if serving is not None and serving != self._served:
            self._serve(serving)
            self._served = serving

    async def _tend(self, stored: Stored) -> Stored:
        """One step. What is stored has effect only once it is: nothing is shown or trusted that could be lost."""
        ring = stored.ring
        step = due(
            ring,
            self._clock.now(),
            trusted=await self._trusted_for(ring.bundle),
            lifetime=self._lifetime,
            overlap=self._overlap,
        )
        if step is Step.REST:
            return stored
        made = taken(ring, step, lambda: issued(self._names, self._clock.now(), self._lifetime))
        stored = await self._secrets.write(stored, made)
        log.info("Renewing the serving certificate", step=step.value)
        await self._trusted_for(made.bundle)
        return stored

    async def _trusted_for(self, bundle: str) -> float:
        """Seconds since these CAs were first seen where they belong; 0 when they had to be put there."""
        if not bundle:
            return 0.0
        there = await self._trust.keep(bundle)
        if not there or bundle != self._trusted:
            self._trusted, self._trusted_since = bundle if there else "", self._clock.monotonic()
        return self._clock.monotonic() - self._trusted_since

    def _tell(self, exc: Exception) -> None:
        """Once, until it changes."""
        if str(exc) != self.problem:
            self.problem = str(exc)
            log.error("Cannot tend the serving certificate", error=self.problem, hint=_hint(exc))


def _hint(exc: Exception) -> str:
    if isinstance(exc, NotFoundError):
        return "the chart makes the Secret of --tls-issue-secret-name: helm upgrade, or make an empty one"
    if isinstance(exc, ForbiddenError):
        return (
            "get and patch on the Secret and on both APIServices are needed, by name (rbac.create, apiService.create)"
        )
    return "what was taken last is served; it is tried again"
