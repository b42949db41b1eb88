"""How far a metric was from asking for another number, from the record alone.

The same sums as in the decision are done with another usage, the pods being as they were. A step is a true one: at the
level that is told the metric asks for the number that is told, and one unit of that level nearer it does not. Where the
sums do not only rise with the usage (tolerance and damping keep the size that is), the step is the nearest one, and its
`end` says how far it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from autoscaler.core.arithmetic import INT32_MAX, quotient
from autoscaler.core.figures import SIZES, counted, in_bytes, in_cores
from autoscaler.core.rebuild import PER_POD, Ask
from autoscaler.core.totals import PLAIN
from autoscaler.model.plan import Proposal

_FARTHEST = 1 << 62
_SHARE = 32
"""Looked at upwards are usages that are so small a share higher each time; downwards twice as many."""
_FINE = 128
"""So many of them; further up only doublings."""


class Step(Struct, frozen=True, kw_only=True):
    """At `usage` (milli, of all pods with a sample together) the metric asks for `asks`, and from there on up to `end`,
    or without end. `level` and `end` are in the unit of the target, `total` is `usage` where it is shared by pods; all
    three are rounded to the side on which it is so.
    """

    asks: int
    usage: int
    level: str
    total: str = ""
    end: str = ""

    def upwards(self) -> str:
        """`from 93.1 % on (1396m in 3 pods)`."""
        return f"from {self._reach('to', 'on')}"

    def downwards(self) -> str:
        """`at 80.9 % or less (1213m in 3 pods)`."""
        return f"at {self._reach('down to', 'or less')}"

    def _reach(self, limit: str, free: str) -> str:
        total = f" ({self.total})" if self.total else ""
        return f"{self.level}{total} {limit} {self.end}" if self.end else f"{self.level} {free}{total}"


class Steps(Struct, frozen=True):
    """Where the metric asks for more, and where for fewer; None: nowhere."""

    more: Step | None
    fewer: Step | None


def steps(proposal: Proposal, current: int) -> Steps:
    """The nearest steps in both directions; none for a metric that failed."""
    asks = proposal.replicas
    if asks is None:
        return Steps(None, None)
    return Steps(rise(proposal, current, asks + 1), fall(proposal, current, asks - 1))


def rise(proposal: Proposal, current: int, least: int) -> Step | None:
    """The nearest higher usage at which the metric asks for at least so many; None: at none, or it failed."""
    usage = proposal.usage
    if usage is None:
        return None
    return _nearest(proposal, current, _above(usage, proposal), lambda asks: asks >= least)


def fall(proposal: Proposal, current: int, most: int) -> Step | None:
    """The nearest lower usage at which the metric asks for at most so many; None: at none, or it failed."""
    usage = proposal.usage
    if usage is None or usage < 0:
        return None
    return _nearest(proposal, current, _below(usage), lambda asks: asks <= most)


def _above(usage: int, proposal: Proposal) -> Iterator[int]:
    requests = proposal.requests  # beyond a percentage of 32 bits everything wraps
    farthest = _FARTHEST if requests is None else min(PLAIN - 1, INT32_MAX * requests // 100)
    point = usage
    for _ in range(_FINE):
        if point >= farthest:
            return
        yield point
        point += abs(point) // _SHARE + 1
    while point < farthest:
        yield point
        point = max(1, 2 * point)


def _below(usage: int) -> Iterator[int]:
    yield from range(usage, 0, -(usage // (2 * _SHARE) + 1))
    yield 0


def _nearest(proposal: Proposal, current: int, points: Iterator[int], wanted: Callable[[int], bool]) -> Step | None:
    metric, own = Ask(proposal), proposal.replicas or 0

    def holds(usage: int) -> bool:
        found = metric.of(usage, current)
        return wanted(own if found is None else found)

    before = next(points, None)
    if before is None:
        return None
    for point in points:
        if holds(point):
            edge, last, end = last_that_holds(before, point, holds), point, None
            for further in points:
                if not holds(further):
                    end = last_that_holds(further, last, holds)
                    break
                last = further
            return _step(proposal, metric, current, edge, end, up=point > before)
        before = point
    return None


def last_that_holds(outside: int, inside: int, holds: Callable[[int], bool]) -> int:
    """The last number on the way from `inside`, for which it holds, to `outside`, for which it does not."""
    while abs(inside - outside) > 1:
        middle = (inside + outside) // 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside


def _step(proposal: Proposal, metric: Ask, current: int, edge: int, end: int | None, *, up: bool) -> Step:
    asks = metric.of(edge, current)
    return Step(
        asks=proposal.replicas or 0 if asks is None else asks,
        usage=edge,
        level=level(proposal, edge, up=up),
        total=total(proposal, edge, up=up) if proposal.type in PER_POD else "",
        end="" if end is None else level(proposal, end, up=not up),
    )


def level(proposal: Proposal, usage: int, *, up: bool) -> str:
    """A usage in the unit of the target, rounded up or down: `67 %`, `341.4 MiB a pod`, `a total of 31.5`."""
    if proposal.type not in PER_POD:
        return f"a total of {_exact(usage)}"
    if proposal.requests is None:
        return f"{_rounded(proposal, usage, proposal.samples, up=up)} a pod"
    if proposal.gaps is None:  # the percentage is cut to a whole one before anything is done with it
        return f"{quotient(usage * 100, proposal.requests)} %"
    return f"{_divided(usage * 1000, proposal.requests, up=up) / 10:.12g} %"


def total(proposal: Proposal, usage: int, *, up: bool) -> str:
    """The same of all pods with a sample together: `1396m in 3 pods`."""
    return f"{_rounded(proposal, usage, 1, up=up)} in {counted(proposal.samples)}"


def _rounded(proposal: Proposal, usage: int, pods: int, *, up: bool) -> str:
    """The share of each of `pods`, to a milli-unit, of bytes to four digits."""
    if not in_bytes(proposal):
        share = _divided(usage, pods, up=up)
        return f"{share}m" if in_cores(proposal) else _exact(share)
    unit, name = next((size for size in SIZES if usage >= size[0] * 1000 * pods), SIZES[-1])
    digits = len(str(usage // (unit * 1000 * pods)))
    scale = 10 ** max(0, 4 - digits) if unit > 1 else 1
    return f"{_divided(usage * scale, unit * 1000 * pods, up=up) / scale:.12g} {name}"


def _divided(dividend: int, divisor: int, *, up: bool) -> int:
    return -(-dividend // divisor) if up else dividend // divisor


def _exact(milli: int) -> str:
    sign, whole = "-" if milli < 0 else "", abs(milli)
    return f"{sign}{whole // 1000}.{whole % 1000:03}".rstrip("0").rstrip(".")
