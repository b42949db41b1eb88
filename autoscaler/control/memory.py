"""What is remembered of a policy between two evaluations: its history, and the size at the start of the sync period.

After a restart `control.journal` brings back what the policy's status keeps. What is not there counts as never seen,
which delays going down by a full window and never hastens it.

Its times are wall time, since they outlive the process, but what they measure is not: when the wall clock is set, all
of them move with it, as upstream's do by Go's monotonic reading (docs/decisions/clocks.md).
"""

from __future__ import annotations

from msgspec import Struct

from autoscaler.clock import Clock, Steps
from autoscaler.core.retention import restamped
from autoscaler.model.plan import History
from autoscaler.model.policy import Policy

PolicyId = tuple[str, str, str, str]


class _Period(Struct, frozen=True):
    started: float
    """On the monotonic clock."""
    replicas: int


class _Kept(Struct, frozen=True):
    history: History
    steps: float
    """Of the wall clock, when its times were right."""


def identity(policy: Policy) -> PolicyId:
    """Kind, namespace, name and uid: a policy made anew under an old name starts with an empty memory."""
    return (policy.kind, policy.namespace, policy.name, policy.uid)


class Memory:
    """`sync_period` in seconds is how long one legacy doubling lasts: our passes come faster than upstream's.

    A policy may have one of its own.
    """

    def __init__(self, sync_period: float, clock: Clock) -> None:
        self._sync_period = sync_period
        self._clock = clock
        self._steps = Steps(clock)
        self._histories: dict[PolicyId, _Kept] = {}
        self._read: dict[PolicyId, float] = {}
        self._periods: dict[PolicyId, _Period] = {}

    def history(self, policy: Policy) -> History:
        """What earlier evaluations left; an empty one with `recommendations` None when there was none.

        Its times are of the wall clock as it is now.
        """
        kept, steps = self._histories.get(identity(policy)), self._steps.look()
        self._read[identity(policy)] = steps
        if kept is None:
            return History()
        if kept.steps == steps:
            return kept.history
        return restamped(kept.history, steps - kept.steps, self._clock.now())

    def knows(self, policy: Policy) -> bool:
        """Whether there was an evaluation before."""
        return identity(policy) in self._histories

    def keep(self, policy: Policy, history: History) -> None:
        """Remember for the next evaluation; it was made from what `history` gave last."""
        read = self._read.get(identity(policy))
        self._histories[identity(policy)] = _Kept(history, self._steps.look() if read is None else read)

    def restore(self, policy: Policy, history: History) -> None:
        """Take up what another process left: what it has of the future, by a clock ahead of ours, is of this moment."""
        self._histories[identity(policy)] = _Kept(restamped(history, 0.0, self._clock.now()), self._steps.look())

    def period_start(self, policy: Policy, replicas: int) -> int:
        """Size of the target when the running sync period began; a new period begins with `replicas`."""
        now, period = self._clock.monotonic(), self._periods.get(identity(policy))
        own = policy.deviations.sync_period
        lasts = self._sync_period if own is None else own
        if period is None or now - period.started >= lasts:
            period = _Period(now, replicas)
            self._periods[identity(policy)] = period
        return period.replicas

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Drop what belongs to policies that are gone."""
        for memory in (self._histories, self._read, self._periods):
            for gone in memory.keys() - policies:
                del memory[gone]
