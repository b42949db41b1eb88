"""From a metric to a number of replicas: the four formulas of the HPA's replica_calculator.go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from autoscaler.core.arithmetic import INT64_MAX, ceil32, ceil64, quotient, ratio, wrapped64
from autoscaler.core.requests import Failure
from autoscaler.core.samples import Samples, Sorted
from autoscaler.core.totals import Tolerance, Totals, wanted
from autoscaler.model.objects import Milli, Pod
from autoscaler.model.plan import Counted, Gaps

NO_PODS = Failure("no pods returned by selector while calculating replica count")
NO_METRICS = Failure("did not receive metrics for targeted pods (pods might be unready)")
MOST = "a sum below 0, or beyond 64 bits, counts as the most there is, as it does for the HPA"
"""Upstream takes either for an overflow, and so the two cannot be told apart afterwards."""
_NO_MATCH = Failure("no metrics returned matched known pods")


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
    gaps: Gaps | None = None
    observed: int | None = None


Values = dict[str, Milli]
Amount = Callable[[str], Milli]
"""Something of the pod of this name."""


class PerPod(Struct, frozen=True):
    """A target per pod. `requests` None: `target` is an amount, else a percentage of these.

    `assumed` is what a pod without a sample is taken to use when the others say "down"; going up it is taken to use
    nothing, and so is an unready pod.
    """

    target: int
    assumed: Amount
    requests: Mapping[str, Milli] | None = None


def utilization_of(requests: Mapping[str, Milli], target: int) -> PerPod:
    """A percentage of requests; a missing pod is taken to use all it requests, or more if the target is more."""
    most = max(100, target)
    return PerPod(target, lambda name: Milli(quotient(wrapped64(requests[name] * most), 100)), requests)


def average_of(target: Milli) -> PerPod:
    """An amount a pod; a missing pod is taken to use just that."""
    return PerPod(target, lambda _: target)


def per_pod(samples: Samples, pods: Sorted, current: int, tolerance: Tolerance, asked: PerPod) -> Answer | Failure:
    """Replicas from one value per pod (`GetResourceReplicas`, `calcPlainMetricReplicas`)."""
    values = usable(samples, pods)
    if not values:
        return NO_METRICS
    return of_totals(_totals(samples, values, pods, asked), asked.target, current, tolerance, pods.counted())


def of_totals(totals: Totals, target: int, current: int, tolerance: Tolerance, counted: Counted) -> Answer | Failure:
    """The same from the sums over these pods, which a record has; `counted` goes through as it is."""
    found = wanted(totals, target, current, tolerance)
    if found is None:
        return _NO_MATCH
    return Answer(
        replicas=found.replicas,
        current=found.first.current,
        average=Milli(quotient(totals.usage, totals.samples)),
        usage=totals.usage,
        ratio=found.first.ratio,
        why=found.why,
        samples=totals.samples,
        requests=totals.requests,
        damped_ratio=found.damped,
        pods=counted,
        gaps=_gaps(totals),
    )


def usable(samples: Samples, pods: Sorted) -> Values:
    """Values that count: not those of ignored and unready pods, but also those of pods outside the list."""
    left_out = {*pods.ignored, *pods.unready}
    return {name: sample.value for name, sample in samples.items() if name not in left_out}


def _totals(samples: Samples, values: Values, pods: Sorted, asked: PerPod) -> Totals:
    """The sums. For a percentage, values of pods that are not among the requests are left out of them."""
    requests = asked.requests
    known = values if requests is None else {name: value for name, value in values.items() if name in requests}
    return Totals(
        usage=_sum(known.values()),
        samples=len(known),
        values=len(values),
        ready=pods.ready,
        requests=None if requests is None else _sum(requests[name] for name in known),
        missing=len(pods.missing),
        unready=len(pods.unready),
        missing_requests=Milli(0) if requests is None else _sum(requests[name] for name in pods.missing),
        unready_requests=Milli(0) if requests is None else _sum(requests[name] for name in pods.unready),
        assumed=_sum(map(asked.assumed, pods.missing)),
        unready_usage=_sum(samples[name].value for name in pods.unready if name in samples),
    )


def _sum(amounts: Iterable[Milli]) -> Milli:
    return Milli(wrapped64(sum(amounts)))


def _gaps(totals: Totals) -> Gaps | None:
    if not totals.missing and not totals.unready:
        return None
    return Gaps(
        values=totals.values,
        missing_requests=totals.missing_requests,
        unready_requests=totals.unready_requests,
        assumed=totals.assumed,
        unready_usage=totals.unready_usage,
    )


def by_value(total: Milli, target: Milli, current: int, pods: Iterable[Pod], tolerance: Tolerance) -> Answer | Failure:
    """Replicas from one number shared by all ready pods; from 0 replicas, by the ratio alone
    (`getUsageRatioReplicaCount`).
    """
    listed = list(pods)
    ready = sum(pod.phase == "Running" and pod.ready is not None and pod.ready.status == "True" for pod in listed)
    if not listed and current != 0 and not tolerance.holds(ratio(total, target)):
        return Failure(f"unable to calculate ready pods: {NO_PODS.message}")
    return by_share(total, target, current, ready, tolerance)


def by_share(total: Milli, target: Milli, current: int, ready: int, tolerance: Tolerance) -> Answer:
    """The same where it is known how many are ready."""
    usage_ratio = ratio(total, target)
    replicas, why = shared_by(usage_ratio, ready, current, tolerance)
    return Answer(
        replicas=replicas,
        current=total,
        average=total,
        usage=total,
        ratio=usage_ratio,
        why=why,
        pods=Counted(ready=ready),
    )


def shared_by(usage_ratio: float, ready: int, current: int, tolerance: Tolerance) -> tuple[int, str]:
    """Replicas for a number that `ready` pods share, and how they come about."""
    if current == 0:
        return ceil32(usage_ratio), f"ratio {usage_ratio:g}, rounded up"
    if tolerance.holds(usage_ratio):
        return current, "within tolerance of the target"
    return ceil32(usage_ratio * float(ready)), f"ratio {usage_ratio:g} x {ready} ready pods, rounded up"


def by_average(total: Milli, target: Milli, observed: int, tolerance: Tolerance, average: Milli) -> Answer:
    """Replicas from one number that is to be `target` per replica; `observed` is the scale's status."""
    usage_ratio = ratio(total, float(target) * float(observed))
    replicas, why = each_of(total, target, observed, tolerance)
    return Answer(
        replicas=replicas, current=average, average=average, usage=total, ratio=usage_ratio, why=why, observed=observed
    )


def each_of(total: int, target: int, observed: int, tolerance: Tolerance) -> tuple[int, str]:
    """Replicas for a number of which each is to have `target`, and how they come about."""
    if tolerance.holds(ratio(total, float(target) * float(observed))):
        return observed, f"within tolerance of the target at {observed} replicas"
    if total == INT64_MAX:
        return ceil32(ratio(total, target)), MOST
    return ceil32(ratio(total, target)), f"total over target ({ratio(total, target):g}), rounded up"


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
    """Sum for an AverageValue target, where upstream takes any negative running sum for an overflow."""
    total = 0
    for value in values:
        total = wrapped64(total + value)
        if total < 0:
            return Milli(INT64_MAX)
    return Milli(total)
