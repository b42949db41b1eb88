"""Who keeps taking our numbers back: a pipeline or a GitOps controller that sets spec.replicas as often as we do.

A change by somebody else is the new base of the next decision, whatever it is. Only when the same number comes back
several times is somebody fighting, and named.
"""

from __future__ import annotations

from msgspec import Struct

from autoscaler.control.memory import PolicyId, identity
from autoscaler.model.policy import Policy

TIMES = 3
"""So often the same number must have come back."""
FORGOTTEN_AFTER = 600.0
"""Seconds in which it has not come back any more."""


class _Trace(Struct, frozen=True):
    """What we wrote last, None: it is no longer there; and which number came back, how often, when last."""

    wrote: int | None = None
    base: int | None = None
    times: int = 0
    last: float = 0.0


class Reverts:
    """One trace a policy; all times in seconds since 1970."""

    def __init__(self) -> None:
        self._traces: dict[PolicyId, _Trace] = {}

    def wrote(self, policy: Policy, replicas: int) -> None:
        """Our write was taken."""
        before = self._traces.get(identity(policy), _Trace())
        self._traces[identity(policy)] = _Trace(replicas, before.base, before.times, before.last)

    def saw(self, policy: Policy, replicas: int, now: float) -> None:
        """The target is asked to have this many, as an evaluation read it."""
        trace = self._traces.get(identity(policy))
        if trace is None or trace.wrote is None or trace.wrote == replicas:
            return
        again = trace.base == replicas and now - trace.last < FORGOTTEN_AFTER
        self._traces[identity(policy)] = _Trace(None, replicas, trace.times + 1 if again else 1, now)

    def base(self, policy: Policy, now: float) -> int | None:
        """The number that somebody keeps setting; None when nobody does, or not any more."""
        trace = self._traces.get(identity(policy), _Trace())
        return trace.base if trace.times >= TIMES and now - trace.last < FORGOTTEN_AFTER else None

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Drop what belongs to policies that are gone."""
        for gone in self._traces.keys() - policies:
            del self._traces[gone]
