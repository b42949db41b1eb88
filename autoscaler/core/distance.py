"""How far a metric was from asking for another number, from the record alone.

The same sums as in the decision are done with another usage, the pods being as they were. A step found is a true one:
just below it the metric asks for no more than it did, and there it does. Where pods without a sample damp the number,
there may be a nearer one.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from autoscaler.core.arithmetic import quotient
from autoscaler.core.rebuild import PER_POD, Ask
from autoscaler.model.plan import Proposal

_FARTHEST = 1 << 62


class Steps(Struct, frozen=True):
    """The usage at which the metric asks for more, and for fewer, in the unit of its target; None: at none."""

    more_from: int | None
    fewer_at: int | None


def steps(proposal: Proposal, current: int) -> Steps:
    """The nearest steps in both directions; none for a metric that failed."""
    usage, asks = proposal.usage, proposal.replicas
    if usage is None or asks is None or usage < 0:
        return Steps(None, None)
    metric = Ask(proposal)

    def ask(other: int) -> int:
        found = metric.of(other, current)
        return asks if found is None else found

    more = _first(usage, lambda other: ask(other) > asks)
    fewer = _last(usage, lambda other: ask(other) < asks)
    return Steps(more and _level(proposal, more), None if fewer is None else _level(proposal, fewer))


def _first(low: int, holds: Callable[[int], bool]) -> int | None:
    """A usage above `low` at which it holds, while just below it does not."""
    high = max(1, low)
    while not holds(high):
        low, high = high, high * 2
        if high > _FARTHEST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _last(high: int, holds: Callable[[int], bool]) -> int | None:
    """A usage below `high` at which it holds, while just above it does not."""
    low = 0
    if high == 0 or not holds(low):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _level(proposal: Proposal, usage: int) -> int:
    if proposal.requests is not None:
        return quotient(usage * 100, proposal.requests)
    if proposal.type in PER_POD:
        return quotient(usage, proposal.samples)
    return usage
