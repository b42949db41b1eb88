"""Who keeps taking our numbers back: a pipeline or a GitOps controller that sets spec.replicas as often as we do.

A change by somebody else is the new base of the next decision, whatever it is. Only when the same number comes back
several times is somebody fighting, and named, for as long as it goes on; our numbers are written all the same, as the
HPA's would be. A number that is neither ours nor the one that kept coming back is a person's, and ends the fight; so
does ours, once the next round is overdue.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.control.memory import PolicyId, identity
from autoscaler.model.policy import Policy

TIMES = 3
"""So often the same number must have come back."""
FORGOTTEN_AFTER = 900.0
"""Seconds after which the same number is another story: GitOps controllers look every 3 to 10 minutes."""
GRACE = 60.0
"""Seconds by which the next round may be later than the longest wait for one so far, before the fight is over."""


class Fight(Struct, frozen=True):
    """Somebody keeps setting this number; `writer` is whom the managed fields name, "" nobody."""

    base: int
    writer: str


class _Trace(Struct, frozen=True):
    """What we wrote last, None: it is no longer there; and which number came back, how often, when last, by whom.

    `apart` is the longest time from one round to the next.
    """

    wrote: int | None = None
    base: int | None = None
    times: int = 0
    last: float = 0.0
    apart: float = 0.0
    writer: str = ""


class Reverts:
    """One trace a policy; all times are of the monotonic clock."""

    def __init__(self) -> None:
        self._traces: dict[PolicyId, _Trace] = {}

    def wrote(self, policy: Policy, replicas: int) -> None:
        """Our write was taken."""
        self._traces[identity(policy)] = replace(self._traces.get(identity(policy), _Trace()), wrote=replicas)

    def saw(self, policy: Policy, replicas: int, now: float) -> bool:
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
        made = _Trace(base=replicas, times=1, last=now)
        if trace.base == replicas and now - trace.last < FORGOTTEN_AFTER:
            apart = max(trace.apart, now - trace.last)
            made = replace(made, times=trace.times + 1, apart=apart, writer=trace.writer)
        self._traces[identity(policy)] = made
        return made.times >= TIMES

    def blame(self, policy: Policy, writer: str) -> None:
        """Who set the number that was seen last."""
        if (trace := self._traces.get(identity(policy))) is not None:  # the policy may be gone meanwhile
            self._traces[identity(policy)] = replace(trace, writer=writer)

    def fight(self, policy: Policy, now: float) -> Fight | None:
        """Whether somebody keeps taking our number back; None: nobody, or not any more."""
        trace = self._traces.get(identity(policy), _Trace())
        if trace.base is None or trace.times < TIMES or now - trace.last >= trace.apart + GRACE:
            return None
        return Fight(trace.base, trace.writer)

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Drop what belongs to policies that are gone."""
        for gone in self._traces.keys() - policies:
            del self._traces[gone]
