"""The sums over pods that a metric per pod is decided from, and that decision (`calcPlainMetricReplicas`).

Nothing but these sums takes part, so a record that has them is enough to decide again: with the same target the same
number comes out, with another usage or another target the number that would have come out.
"""

from __future__ import annotations

from msgspec import Struct

from autoscaler.core.arithmetic import ceil32, quotient, ratio, wrapped32, wrapped64
from autoscaler.model.objects import Milli

PLAIN = 1 << 56
"""A hundred times less than this needs no care for the 64 bits of Go's numbers."""


class Tolerance(Struct, frozen=True):
    """How far the ratio may be from 1 in each direction without anything being done; the edges are inside."""

    down: float
    up: float

    def holds(self, usage_ratio: float) -> bool:
        """Whether this ratio is near enough to 1; infinite ones and no-numbers are not."""
        return (1.0 - self.down) <= usage_ratio <= (1.0 + self.up)


class Totals(Struct, frozen=True, kw_only=True):
    """`usage` is that of `samples` pods, `requests` theirs, None where the target is no percentage.

    `values` counts all pods with a usable sample, strangers to the selector included; `ready` those of the selector.
    Pods without a sample are `missing`, those too young or not ready `unready`, each with its requests. `assumed` is
    what the missing ones are taken to use, all together, when the others say "down"; `unready_usage` is what unready
    ones used, which decides nothing.
    """

    usage: Milli
    samples: int
    values: int
    ready: int
    requests: Milli | None = None
    missing: int = 0
    unready: int = 0
    missing_requests: Milli = Milli(0)
    unready_requests: Milli = Milli(0)
    assumed: Milli = Milli(0)
    unready_usage: Milli = Milli(0)


class Level(Struct, frozen=True):
    """Usage in the unit of the target (percent of requests, else milli a pod), and its ratio to the target."""

    current: int
    ratio: float


class Wanted(Struct, frozen=True):
    """The number of replicas, and the ratios that decided; `way` is how it came about, `pods` how many made it."""

    replicas: int
    way: str
    pods: int
    first: Level
    damped: float | None = None

    @property
    def why(self) -> str:
        """The sentence that says how it came about; whoever wants the number alone need not wait for it."""
        return self.way.format(ratio=self.first.ratio if self.damped is None else self.damped, pods=self.pods)


def level(usage: int, requests: int | None, count: int, target: int) -> Level | None:
    """Percentage of requests, whole and cut before it is compared, else the mean; None of nothing."""
    if requests is None:
        if count == 0:
            return None
        mean = quotient(usage, count)
        return Level(mean, ratio(mean, target))
    if requests == 0:
        return None
    if 0 <= usage < PLAIN and requests > 0:
        percent = wrapped32(usage * 100 // requests)
    else:
        percent = wrapped32(quotient(wrapped64(usage * 100), requests))
    return Level(percent, ratio(percent, target))


def wanted(
    totals: Totals, target: int, current: int, tolerance: Tolerance, usage: Milli | None = None
) -> Wanted | None:
    """Replicas for these sums, with another `usage` if one is given; None when no pod with a sample has a request."""
    if totals.samples == 0:  # only in a record that somebody bent: who measures has one
        return None
    usage = totals.usage if usage is None else usage
    first = level(usage, totals.requests, totals.samples, target)
    if first is None:
        return None
    share = first.ratio
    unready_too = totals.unready and share > 1.0
    if not unready_too and not totals.missing:
        if tolerance.holds(share):
            return Wanted(current, "within tolerance of the target", totals.ready, first)
        replicas = ceil32(share * float(totals.ready))
        return Wanted(replicas, "ratio {ratio:g} x {pods} ready pods, rounded up", totals.ready, first)
    size = totals.values
    requests = totals.requests
    if first.ratio < 1.0 or first.ratio > 1.0:  # not when it is exactly 1, nor when it is no number
        size += totals.missing
        requests = _more(requests, totals.missing_requests)
        usage = Milli(wrapped64(usage + totals.assumed)) if first.ratio < 1.0 else usage
    if unready_too:
        size += totals.unready
        requests = _more(requests, totals.unready_requests)
    second = level(usage, requests, size, target)
    if second is None:
        return None
    replicas, way = _damped(first.ratio, second.ratio, size, current, tolerance)
    return Wanted(replicas, way, size, first, second.ratio)


def _more(requests: Milli | None, added: Milli) -> Milli | None:
    return None if requests is None else Milli(wrapped64(requests + added))


def _damped(first: float, second: float, size: int, current: int, tolerance: Tolerance) -> tuple[int, str]:
    """The number once assumptions were filled in: never further than they allow, never the other way."""
    if tolerance.holds(second):
        return current, "within tolerance once unready and missing pods are assumed"
    if (first < 1.0 < second) or (second < 1.0 < first):
        return current, "unready and missing pods would turn the direction"
    replicas = ceil32(second * float(size))
    if (second < 1.0 and replicas > current) or (second > 1.0 and replicas < current):
        return current, "the number of pods counted would turn the direction"
    return replicas, "ratio {ratio:g} x {pods} pods, assumptions included, rounded up"
