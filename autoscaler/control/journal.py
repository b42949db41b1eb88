"""What whoever leads next must know of a policy, kept in its status and taken up from there.

A decision stands in the status before its number is written. Who finds one without its end looks at the target: it has
the number, so it was written; or it has not, and everything is decided anew
(docs/decisions/leadership.md).
"""

from __future__ import annotations

from typing import Protocol

from autoscaler.control.memory import Memory, PolicyId, identity
from autoscaler.model.plan import History
from autoscaler.model.policy import Policy
from autoscaler.model.status import Pending


class Statuses(Protocol):
    """What stands in a policy's status, as it is known here."""

    def pending(self, policy: Policy) -> Pending | None: ...
    def history(self, policy: Policy) -> History | None: ...


class Epoch(Protocol):
    """Whose decisions are being made."""

    @property
    def epoch(self) -> int | None: ...


class Journal:
    """`taken_up` comes before each evaluation; a decision that was `settled` here is not found again."""

    def __init__(self, statuses: Statuses, memory: Memory, gate: Epoch) -> None:
        self._statuses = statuses
        self._memory = memory
        self._gate = gate
        self.epoch: int | None = None
        """The last leadership that was seen; None: not one of several."""
        self._settled: dict[PolicyId, str] = {}

    def taken_up(self, policy: Policy) -> Pending | None:
        """A decision of somebody else that has no end. Of an earlier leadership of our own nothing is believed."""
        epoch = self._gate.epoch
        if epoch is not None and epoch != self.epoch:
            self.epoch = epoch
            self._memory.forget_all_but(set())
            self._settled.clear()
        if not self._memory.knows(policy) and (kept := self._statuses.history(policy)) is not None:
            self._memory.restore(policy, kept)
        found = self._statuses.pending(policy)
        return None if found is None or found.decision == self.settled(policy) else found

    def settle(self, policy: Policy, decision: str) -> None:
        """What became of it is known here, or about to be."""
        self._settled[identity(policy)] = decision

    def doubt(self, policy: Policy) -> None:
        """Nobody knows what became of our last one."""
        self._settled.pop(identity(policy), None)

    def settled(self, policy: Policy) -> str:
        """The decision that may go from the status, "" for none."""
        return self._settled.get(identity(policy), "")

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Drop what belongs to policies that are gone."""
        for gone in self._settled.keys() - policies:
            del self._settled[gone]
