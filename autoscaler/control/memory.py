"""What is remembered of a policy between two evaluations: its history, and the size at the start of the sync period.

After a restart `control.journal` brings back what the policy's status keeps. What is not there counts as never seen,
which delays going down by a full window and never hastens it (hpa.md §4).
"""

from __future__ import annotations

from msgspec import Struct

from autoscaler.model.plan import History
from autoscaler.model.policy import Policy

PolicyId = tuple[str, str, str, str]


class _Period(Struct, frozen=True):
    started: float
    replicas: int


def identity(policy: Policy) -> PolicyId:
    """Kind, namespace, name and uid: a policy made anew under an old name starts with an empty memory."""
    return (policy.kind, policy.namespace, policy.name, policy.uid)


class Memory:
    """`sync_period` in seconds is how long one legacy doubling lasts: our passes come faster than upstream's.

    A policy may have one of its own.
    """

    def __init__(self, sync_period: float) -> None:
        self._sync_period = sync_period
        self._histories: dict[PolicyId, History] = {}
        self._periods: dict[PolicyId, _Period] = {}

    def history(self, policy: Policy) -> History:
        """What earlier evaluations left; an empty one with `recommendations` None when there was none."""
        return self._histories.get(identity(policy), History())

    def knows(self, policy: Policy) -> bool:
        """Whether there was an evaluation before."""
        return identity(policy) in self._histories

    def keep(self, policy: Policy, history: History) -> None:
        """Remember for the next evaluation."""
        self._histories[identity(policy)] = history

    def period_start(self, policy: Policy, replicas: int, now: float) -> int:
        """Size of the target when the running sync period began; a new period begins with `replicas`."""
        period = self._periods.get(identity(policy))
        own = policy.deviations.sync_period
        lasts = self._sync_period if own is None else own
        if period is None or not 0 <= now - period.started < lasts:
            period = _Period(now, replicas)
            self._periods[identity(policy)] = period
        return period.replicas

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Drop what belongs to policies that are gone."""
        for memory in (self._histories, self._periods):
            for gone in memory.keys() - policies:
                del memory[gone]
