"""Who keeps taking our numbers back: a pipeline or a GitOps controller that sets spec.replicas as often as we do.

A change by somebody else is the new base of the next decision, whatever it is. Only when the same number comes back
several times is somebody fighting, and named.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.control.memory import PolicyId, identity
from autoscaler.model.policy import Policy

TIMES = 3
"""So often the same number must have come back."""
FORGOTTEN_AFTER = 600.0
"""Seconds in which it has not come back any more."""


class Fight(Struct, frozen=True):
    """Somebody keeps setting this number; `writer` is whom the managed fields name, "" nobody."""

    base: int
    writer: str


class _Trace(Struct, frozen=True):
    """What we wrote last, None: it is no longer there; and which number came back, how often, when last, by whom."""

    wrote: int | None = None
    base: int | None = None
    times: int = 0
    last: float = 0.0
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
        if trace is None or trace.wrote is None or trace.wrote == replicas:
            return False
        again = trace.base == replicas and now - trace.last < FORGOTTEN_AFTER
        times = trace.times + 1 if again else 1
        self._traces[identity(policy)] = _Trace(None, replicas, times, now, trace.writer if again else "")
        return times >= TIMES

    def blame(self, policy: Policy, writer: str) -> None:
        """Who set the number that was seen last."""
        self._traces[identity(policy)] = replace(self._traces[identity(policy)], writer=writer)

    def fight(self, policy: Policy, now: float) -> Fight | None:
        """Whether somebody keeps taking our number back; None: nobody, or not any more."""
        trace = self._traces.get(identity(policy), _Trace())
        if trace.base is None or trace.times < TIMES or now - trace.last >= FORGOTTEN_AFTER:
            return None
        return Fight(trace.base, trace.writer)

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Drop what belongs to policies that are gone."""
        for gone in self._traces.keys() - policies:
            del self._traces[gone]
