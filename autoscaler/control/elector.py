"""Who of several processes decides: the holder of a Lease, as client-go's leader election has it.

A holder renews every `retry_period`. Whether one has given up is judged only by how long nothing changed in the Lease
as seen from here, on the monotonic clock: no other machine's clock matters. Nobody takes over before
`lease_duration` of that, while a holder that could not renew writes nothing more from nine tenths of `renew_deadline`
on, counted from before it sent its last renewal: in between nobody writes.

- A holder that cannot renew steps down in time, goes on serving and stands for election again.
- One that finds out too late (it was stopped, starved, or its machine was) cannot know what its other tasks are about
  to do: the process ends at once, without an orderly shutdown.
- One whose work loop stands still is no leader: nothing is renewed any more and the process ends.
- A Lease that was deleted or had its holder removed is not taken for released: whoever held it may not have seen it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from autoscaler.clock import Clock
from autoscaler.errors import ConflictError, KubeError, MalformedError, NotFoundError
from autoscaler.model.instant import micro_text
from autoscaler.model.lease import Claim, Lease
from autoscaler.telemetry import ControlTelemetry

log = structlog.get_logger(__name__)

GATE_SHARE = 0.9
"""Of the renew deadline: so long after a renewal a write may begin; the rest is for it to arrive."""
LOOKS = 2
"""So often in a retry period others look at the Lease: how late a change is seen adds to the time of a takeover."""
RELEASED_SECONDS = 1
"""The duration in a Lease that was given up, as client-go writes it."""
LONGEST_SECONDS = 3600
"""A longer duration in a Lease is a mistake; its holder, if there is one, will renew it."""
_LAST_TRANSITION = (1 << 31) - 1


class Leases(Protocol):
    """The Lease; raises KubeError (ConflictError: it is not what was read any more) or MalformedError."""

    async def read(self) -> Lease | None: ...
    async def write(self, over: Lease | None, claim: Claim) -> Lease: ...


class Timings(Struct, frozen=True, kw_only=True):
    """In seconds; `lease_duration` > `renew_deadline` > `retry_period`."""

    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


class Grant(Struct, frozen=True):
    """The right to write; both on the monotonic clock: no write begins from `until` on, `lost` is when it is over."""

    epoch: int
    until: float
    lost: float


class Alone:
    """The gate of a process that has no others beside it: it always leads."""

    def __init__(self, telemetry: ControlTelemetry) -> None:
        telemetry.leading.set(1)

    @property
    def epoch(self) -> int | None:
        """There is nothing to count."""
        return None

    def refusal(self) -> str:
        """Nothing is refused."""
        return ""


class Elector:
    """`run` until cancelled, then `release`; `refusal` and `epoch` may be asked from any thread.

    `identity` must be nobody else's, not even that of an earlier process. `alive` says whether the work loop turns.
    `end` ends the process, given the reason.
    """

    def __init__(
        self,
        leases: Leases,
        *,
        identity: str,
        timings: Timings,
        clock: Clock,
        alive: Callable[[], bool],
        end: Callable[[str], None],
        telemetry: ControlTelemetry,
    ) -> None:
        self._leases = leases
        self._identity = identity
        self._timings = timings
        self._clock = clock
        self._alive = alive
        self._end = end
        self._telemetry = telemetry
        self._grant: Grant | None = None
        self._held: Lease | None = None
        self._observed = Claim()
        self._observed_at: float | None = None
        self._transitions = -1
        self._failing = False

    @property
    def epoch(self) -> int | None:
        """The number of this leadership; None: we do not lead."""
        grant = self._grant
        return None if grant is None or self._clock.monotonic() >= grant.until else grant.epoch

    def refusal(self) -> str:
        """Why no write may begin now, "" when one may; the process ends when that should have been known before."""
        grant, now = self._grant, self._clock.monotonic()
        if grant is None:
            return "this process does not lead: who does decides anew"
        if now >= grant.lost:
            self._too_late(now - grant.lost)
        if now >= grant.until:
            return "the Lease could not be renewed in time: who leads next decides anew"
        return ""

    async def run(self) -> None:
        """Stand for election, lead, and stand again, for ever."""
        while True:
            self._look()
            await self._turn()
            self._look()
            await self._clock.sleep(self._pause())

    async def release(self) -> None:
        """Give the Lease up, if we have it: somebody else need not wait until it expires."""
        self._step_down("this process ends")
        if self._held is None:
            return
        try:
            async with asyncio.timeout(self._timings.retry_period):
                found = await self._leases.read()
                if found is not None and found.claim.holder == self._identity:
                    now = micro_text(self._clock.now())
                    await self._leases.write(
                        found, replace(found.claim, holder="", duration=RELEASED_SECONDS, renewed=now)
                    )
                    log.info("Released the Lease")
        except (KubeError, MalformedError, TimeoutError) as exc:
            log.warning("Could not release the Lease: others wait until it expires", error=str(exc))

    def _look(self) -> None:
        """Leave in time what could not be renewed."""
        grant, now = self._grant, self._clock.monotonic()
        if grant is None:
            return
        if not self._alive():
            self._finish("the work loop stands still: whoever leads must decide")
        elif now >= grant.lost:
            self._too_late(now - grant.lost)
        elif now >= grant.until:
            self._step_down("the Lease could not be renewed in time")

    async def _turn(self) -> None:
        asked = self._clock.monotonic()
        limit = self._timings.renew_deadline / 2
        if self._grant is not None:
            limit = min(limit, self._grant.until - asked)
        try:
            async with asyncio.timeout(limit):
                held = await self._claimed()
        except (KubeError, MalformedError, TimeoutError) as exc:
            if not self._failing:
                log.warning("Cannot ask for the Lease", error=str(exc) or f"no answer within {limit:.1f} s")
            self._failing = True
            return
        self._failing = False
        if held is not None:
            self._lead(held, asked)

    async def _claimed(self) -> Lease | None:
        """The Lease with us in it, or None while another has it."""
        if self._grant is not None and self._held is not None:
            try:
                return await self._leases.write(self._held, self._claim(self._held))
            except (ConflictError, NotFoundError):
                pass  # our own write whose answer was lost, or somebody else's: read what it is
        found = await self._leases.read()
        self._observe(found)
        if self._taken(found):
            self._step_down("another has the Lease")
            return None
        try:
            return await self._leases.write(found, self._claim(found))
        except ConflictError:
            return None  # somebody was faster

    def _observe(self, found: Lease | None) -> None:
        claim = found.claim if found is not None else self._observed
        if claim != self._observed:
            self._observed, self._observed_at = claim, self._clock.monotonic()
            self._transitions = max(self._transitions, claim.transitions)

    def _taken(self, found: Lease | None) -> bool:
        """Whether somebody else may still believe in leading."""
        if found is not None and found.claim.holder == self._identity:
            return False
        if self._grant is not None and (found is None or not found.claim.holder):
            return False  # we have it still, and nobody else could
        if found is not None and not found.claim.holder and 0 < found.claim.duration <= RELEASED_SECONDS:
            return False
        return self._left() > 0

    def _left(self) -> float:
        """Seconds until the Lease counts as given up; 0 when nothing was ever seen of it."""
        if self._observed_at is None:
            return 0.0
        told = self._observed.duration if self._observed.duration <= LONGEST_SECONDS else 0
        return self._observed_at + max(self._timings.lease_duration, told) - self._clock.monotonic()

    def _claim(self, over: Lease | None) -> Claim:
        now = micro_text(self._clock.now())
        if over is not None and over.claim.holder == self._identity:
            epoch = over.claim.transitions if self._grant is None else self._grant.epoch
            acquired = over.claim.acquired
        else:
            epoch, acquired = self._next(over), now
        return Claim(
            holder=self._identity,
            duration=math.ceil(self._timings.lease_duration),
            transitions=epoch,
            acquired=acquired,
            renewed=now,
        )

    def _next(self, over: Lease | None) -> int:
        """Higher than any before, also than those of a Lease that is gone: at least the minutes since 1970."""
        minutes = int(self._clock.now() // 60)
        following = max(self._transitions, over.claim.transitions if over is not None else 0) + 1
        return minutes if following > _LAST_TRANSITION else max(following, minutes)

    def _lead(self, held: Lease, asked: float) -> None:
        """Renewed, or new: from before it was `asked` for."""
        if self._grant is None:
            log.info("Leading", epoch=held.claim.transitions, identity=self._identity)
        self._held = held
        self._observe(held)
        deadline = self._timings.renew_deadline
        self._grant = Grant(held.claim.transitions, asked + GATE_SHARE * deadline, asked + deadline)
        self._telemetry.leading.set(1)

    def _step_down(self, why: str) -> None:
        if self._grant is not None:
            log.warning("Leading no more", why=why)
        self._grant = None
        self._telemetry.leading.set(0)

    def _too_late(self, seconds: float) -> None:
        self._finish(f"the Lease was lost {seconds:.1f} s ago and nobody noticed: this process was stopped or starved")

    def _finish(self, why: str) -> None:
        self._step_down(why)
        self._end(why)

    def _pause(self) -> float:
        """Until the next turn: never past the instant at which we or they have to let go."""
        retry = self._timings.retry_period
        if self._grant is not None:
            return max(0.0, min(retry, self._grant.until - self._clock.monotonic()))
        left = self._left()
        return min(retry / LOOKS, left) if left > 0 else retry / LOOKS
