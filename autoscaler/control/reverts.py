"""Who keeps taking our numbers back: a pipeline or a GitOps controller that sets spec.replicas as often as we do.

A change by somebody else is the new base of the next decision, whatever it is. Only when the same number comes back
several times is somebody fighting, and named; from then on every further round is a minute later than the last one at
first, then two, four, up to ten. A number that is neither ours nor the one that kept coming back is a person's, and
ends the fight; so does ours, once it has stood for ten minutes.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.control.memory import PolicyId, identity
from autoscaler.model.policy import Policy

TIMES = 3
"""So often the same number must have come back."""
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 600.0
"""Seconds between a round and our next write. GitOps controllers look every 3 to 10 minutes (Argo CD 3, Flux 10): more
rounds than theirs move pods for nothing, and after ten minutes whoever mended the manifest should see us at work.
"""
FORGOTTEN_AFTER = 600.0
"""Seconds for which our number must stand."""


class Fight(Struct, frozen=True):
    """Somebody keeps setting this number; `writer` is whom the managed fields name, "" nobody.

    Nothing is written for `left` more seconds; by the wall clock, as it was at the last round, that is `until`.
    """

    base: int
    writer: str
    left: float
    until: float


class _Trace(Struct, frozen=True):
    """What we wrote last, None: it is no longer there; and which number came back, how often, when last, by whom."""

    wrote: int | None = None
    base: int | None = None
    times: int = 0
    last: float = 0.0
    wall: float = 0.0
    writer: str = ""

    @property
    def pause(self) -> float:
        """Seconds from the last round to our next write; 0 while it is no fight."""
        rounds = self.times - TIMES
        return 0.0 if rounds < 0 else min(FIRST_PAUSE * 2.0 ** min(rounds, 10), LONGEST_PAUSE)

    def remembered(self, now: float) -> bool:
        """Whether a further round would belong to the same fight."""
        return now - self.last < self.pause + FORGOTTEN_AFTER


class Reverts:
    """One trace a policy; all times but `wall` are of the monotonic clock."""

    def __init__(self) -> None:
        self._traces: dict[PolicyId, _Trace] = {}

    def wrote(self, policy: Policy, replicas: int) -> None:
        """Our write was taken."""
        self._traces[identity(policy)] = replace(self._traces.get(identity(policy), _Trace()), wrote=replicas)

    def saw(self, policy: Policy, replicas: int, now: float, wall: float) -> bool:
        """The target is asked to have this many, as an evaluation read it; whether that is a fight's next round.

        Only now, before we write again, do the managed fields still name who it was: `blame` is to be told.
        """
        trace = self._traces.get(identity(policy))
        if trace is None or trace.wrote == replicas:
            return False
        if trace.wrote is None:
            if trace.base != replicas:
                del self._traces[identity(policy)]  # somebody else's number: a new base
            return False
        again = trace.base == replicas and trace.remembered(now)
        times = trace.times + 1 if again else 1
        self._traces[identity(policy)] = _Trace(
            base=replicas, times=times, last=now, wall=wall, writer=trace.writer if again else ""
        )
        return times >= TIMES

    def blame(self, policy: Policy, writer: str) -> None:
        """Who set the number that was seen last."""
        if (trace := self._traces.get(identity(policy))) is not None:  # the policy may be gone meanwhile
            self._traces[identity(policy)] = replace(trace, writer=writer)

    def fight(self, policy: Policy, now: float) -> Fight | None:
        """Whether somebody keeps taking our number back; None: nobody, or not any more."""
        trace = self._traces.get(identity(policy), _Trace())
        if trace.base is None or trace.times < TIMES or not trace.remembered(now):
            return None
        left = max(0.0, trace.last + trace.pause - now)
        return Fight(trace.base, trace.writer, left, trace.wall + trace.pause)

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Drop what belongs to policies that are gone."""
        for gone in self._traces.keys() - policies:
            del self._traces[gone]
