"""From a metric to a number of replicas: the four formulas of the HPA's replica calculator (hpa.md §3.4-3.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from autoscaler.core.arithmetic import INT64_MAX, ceil32, ceil64, quotient, ratio, wrapped32, wrapped64
from autoscaler.core.requests import Failure
from autoscaler.core.samples import Samples, Sorted
from autoscaler.model.objects import Milli, Pod
from autoscaler.model.plan import Counted

NO_PODS = Failure("no pods returned by selector while calculating replica count")
NO_METRICS = Failure("did not receive metrics for targeted pods (pods might be unready)")
_NO_MATCH = Failure("no metrics returned matched known pods")


class Tolerance(Struct, frozen=True):
    """How far the ratio may be from 1 in each direction without anything being done; the edges are inside."""

    down: float
    up: float

    def holds(self, usage_ratio: float) -> bool:
        """Whether this ratio is near enough to 1; infinite ones and no-numbers are not."""
        return (1.0 - self.down) <= usage_ratio <= (1.0 + self.up)


class Measured(Struct, frozen=True):
    """A ratio and what it was made of; `current` is a percentage for a percentage target, milli else."""

    ratio: float
    current: int
    average: Milli
    usage: Milli
    count: int
    requests: Milli | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """A formula's result; `why` is a sentence that tells which way it came about."""

    replicas: int
    current: int
    average: Milli
    usage: Milli
    ratio: float
    why: str
    samples: int = 0
    requests: Milli | None = None
    damped_ratio: float | None = None
    pods: Counted | None = None


Values = dict[str, Milli]
Measure = Callable[[Values], Measured | Failure]


def utilization_of(requests: Mapping[str, Milli], target: int) -> Measure:
    """Percentage of requests, whole and cut, before it is compared with the target (hpa.md §1.4).

    Values of pods that are not among the requests are left out.
    """

    def measure(values: Values) -> Measured | Failure:
        known = [name for name in values if name in requests]
        usage = wrapped64(sum(values[name] for name in known))
        requested = wrapped64(sum(requests[name] for name in known))
        if requested == 0:
            return _NO_MATCH
        percent = wrapped32(quotient(wrapped64(usage * 100), requested))
        average = Milli(quotient(usage, len(known)))
        return Measured(ratio(percent, target), percent, average, Milli(usage), len(known), Milli(requested))

    return measure


def average_of(target: Milli) -> Measure:
    """Mean of the values, also of pods nobody knows, against the target (hpa.md §1.5)."""

    def measure(values: Values) -> Measured | Failure:
        usage = wrapped64(sum(values.values()))
        average = quotient(usage, len(values))
        return Measured(ratio(average, target), average, Milli(average), Milli(usage), len(values))

    return measure


def per_pod(
    samples: Samples,
    pods: Sorted,
    current: int,
    tolerance: Tolerance,
    *,
    measure: Measure,
    assumed: Callable[[str], Milli],
) -> Answer | Failure:
    """Replicas from one value per pod (hpa.md §3.4, §3.5).

    `assumed` is what a pod without a sample is taken to use when the others say "down"; going up it is taken to use
    nothing, and so is an unready pod.
    """
    values = usable(samples, pods)
    if not values:
        return NO_METRICS
    first = measure(values)
    if isinstance(first, Failure):
        return first
    unready_too = bool(pods.unready) and first.ratio > 1.0
    if not unready_too and not pods.missing:
        if tolerance.holds(first.ratio):
            return _answer(first, pods, current, "within tolerance of the target")
        wanted = ceil32(first.ratio * float(pods.ready))
        return _answer(first, pods, wanted, f"ratio {first.ratio:g} x {pods.ready} ready pods, rounded up")
    if first.ratio < 1.0:
        values |= {name: assumed(name) for name in pods.missing}
    elif first.ratio > 1.0:
        values |= dict.fromkeys(pods.missing, Milli(0))
    if unready_too:
        values |= dict.fromkeys(pods.unready, Milli(0))
    second = measure(values)
    if isinstance(second, Failure):
        return second
    wanted, why = _damped(first.ratio, second.ratio, len(values), current, tolerance)
    return _answer(first, pods, wanted, why, second.ratio)


def usable(samples: Samples, pods: Sorted) -> Values:
    """Values that count: not those of ignored and unready pods, but also those of pods outside the list."""
    left_out = {*pods.ignored, *pods.unready}
    return {name: sample.value for name, sample in samples.items() if name not in left_out}


def _damped(first: float, second: float, size: int, current: int, tolerance: Tolerance) -> tuple[int, str]:
    """The number once assumptions were filled in: never further than they allow, never the other way."""
    if tolerance.holds(second):
        return current, "within tolerance once unready and missing pods are assumed"
    if (first < 1.0 < second) or (second < 1.0 < first):
        return current, "unready and missing pods would turn the direction"
    wanted = ceil32(second * float(size))
    if (second < 1.0 and wanted > current) or (second > 1.0 and wanted < current):
        return current, "the number of pods counted would turn the direction"
    return wanted, f"ratio {second:g} x {size} pods, assumptions included, rounded up"


def _answer(measured: Measured, pods: Sorted, replicas: int, why: str, damped: float | None = None) -> Answer:
    return Answer(
        replicas=replicas,
        current=measured.current,
        average=measured.average,
        usage=measured.usage,
        ratio=measured.ratio,
        why=why,
        samples=measured.count,
        requests=measured.requests,
        damped_ratio=damped,
        pods=pods.counted(),
    )


def by_value(total: Milli, target: Milli, current: int, pods: Iterable[Pod], tolerance: Tolerance) -> Answer | Failure:
    """Replicas from one number shared by all ready pods (hpa.md §3.6); from 0 replicas, by the ratio alone."""
    usage_ratio = ratio(total, target)
    if current == 0:
        return _shared(total, usage_ratio, ceil32(usage_ratio), f"ratio {usage_ratio:g}, rounded up")
    if tolerance.holds(usage_ratio):
        return _shared(total, usage_ratio, current, "within tolerance of the target")
    listed = list(pods)
    if not listed:
        return Failure(f"unable to calculate ready pods: {NO_PODS.message}")
    ready = sum(pod.phase == "Running" and pod.ready is not None and pod.ready.status == "True" for pod in listed)
    wanted = ceil32(usage_ratio * float(ready))
    return _shared(total, usage_ratio, wanted, f"ratio {usage_ratio:g} x {ready} ready pods, rounded up")


def by_average(total: Milli, target: Milli, observed: int, tolerance: Tolerance, average: Milli) -> Answer:
    """Replicas from one number that is to be `target` per replica; `observed` is the scale's status (hpa.md §3.6)."""
    usage_ratio = ratio(total, float(target) * float(observed))
    if tolerance.holds(usage_ratio):
        wanted, why = observed, f"within tolerance of the target at {observed} replicas"
    else:
        wanted, why = ceil32(ratio(total, target)), f"total over target ({ratio(total, target):g}), rounded up"
    return Answer(replicas=wanted, current=average, average=average, usage=total, ratio=usage_ratio, why=why)


def _shared(total: Milli, usage_ratio: float, replicas: int, why: str) -> Answer:
    return Answer(replicas=replicas, current=total, average=total, usage=total, ratio=usage_ratio, why=why)


def average_per_replica(total: Milli, observed: int, *, guarded: bool, saturated: bool) -> Milli:
    """What the status says per replica; with 0 replicas 1.37 says the smallest int64, later (`guarded`) 0 (#140958).

    `saturated` keeps a total at its cap there: External always does, Object only when guarded.
    """
    if saturated and float(total) >= 2.0**63:
        return Milli(INT64_MAX)
    if guarded and observed == 0:
        return Milli(0)
    return Milli(ceil64(ratio(total, observed)))


def external_total(values: Iterable[Milli]) -> Milli:
    """Sum of all series for a Value target: capped at the top, wrapping at the bottom."""
    total = 0
    for value in values:
        if value > 0 and total > INT64_MAX - value:
            return Milli(INT64_MAX)
        total = wrapped64(total + value)
    return Milli(total)


def external_total_per_pod(values: Iterable[Milli]) -> Milli:
    """Sum for an AverageValue target, where upstream takes any negative running sum for an overflow (hpa.md §3.6)."""
    total = 0
    for value in values:
        total = wrapped64(total + value)
        if total < 0:
            return Milli(INT64_MAX)
    return Milli(total)
