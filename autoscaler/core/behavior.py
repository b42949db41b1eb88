"""From the number the metrics ask for to the number that may be written: stabilized, then limited.

A policy without `behavior` takes the legacy path: a window going down only, and a doubling as the only rate limit
(`normalizeDesiredReplicas`); else both directions have both (`normalizeDesiredReplicasWithBehaviors`).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from autoscaler.core.arithmetic import INT32_MAX, INT32_MIN, ceil32, trunc32, wrapped32
from autoscaler.model.plan import History, Limited, Recommendation, ScaleEvent, Stabilized
from autoscaler.model.policy import Behavior, ControllerSettings, ScalingPolicy, ScalingRules

READY = "ReadyForNewScale"
UP_STABILIZED = "ScaleUpStabilized"
DOWN_STABILIZED = "ScaleDownStabilized"
WITHIN = "DesiredWithinRange"
TOO_FEW = "TooFewReplicas"
TOO_MANY = "TooManyReplicas"
UP_LIMIT = "ScaleUpLimit"
DOWN_LIMIT = "ScaleDownLimit"

Recommendations = tuple[Recommendation, ...]


class Bounds(Struct, frozen=True):
    """The policy's own limits."""

    minimum: int
    maximum: int


def stabilized(raw: int, past: Recommendations, now: float, window: float) -> tuple[Stabilized, Recommendations]:
    """Legacy: the highest recommendation of the window, and the log with `raw` in it.

    The last entry older than the window is overwritten, otherwise the log grows.
    """
    cutoff = now - window
    best, by, slot = raw, None, None
    for index, each in enumerate(past):
        if each.time < cutoff:
            slot = index
        elif each.replicas > best:
            best, by = each.replicas, each
    stage = Stabilized(
        proposed=raw, replicas=best, down_window=window, by=by, reason=READY if by is None else DOWN_STABILIZED
    )
    return stage, _logged(past, slot, Recommendation(raw, now))


def stabilized_by_behavior(
    raw: int, current: int, past: Recommendations, now: float, *, behavior: Behavior, window: float
) -> tuple[Stabilized, Recommendations]:
    """The current size, moved only as far as all recommendations of both windows agree, and the new log.

    `window` is the controller's own, for a policy that names none for going down.
    """
    up_window = float(behavior.up.stabilization or 0)
    down_window = window if behavior.down.stabilization is None else float(behavior.down.stabilization)
    up_cutoff, down_cutoff = now - up_window, now - down_window
    lowest = highest = Recommendation(raw, now)
    slot = None
    for index, each in enumerate(past):
        if each.time > up_cutoff and each.replicas < lowest.replicas:
            lowest = each
        if each.time > down_cutoff and each.replicas > highest.replicas:
            highest = each
        if each.time < up_cutoff and each.time < down_cutoff:
            slot = index
    result = min(max(current, lowest.replicas), highest.replicas)
    held_by = lowest if raw >= current else highest
    stage = Stabilized(
        proposed=raw,
        replicas=result,
        up_window=up_window,
        down_window=down_window,
        by=held_by if result != raw else None,
        reason=READY if result == raw else UP_STABILIZED if raw >= current else DOWN_STABILIZED,
    )
    return stage, _logged(past, slot, Recommendation(raw, now))


def _logged(past: Recommendations, slot: int | None, new: Recommendation) -> Recommendations:
    return (*past, new) if slot is None else (*past[:slot], new, *past[slot + 1 :])


def limited(
    wanted: int, current: int, bounds: Bounds, settings: ControllerSettings, base: int | None = None
) -> Limited:
    """Legacy: at most a doubling, then the policy's bounds; nothing limits going down.

    `base` is the size at the start of the sync period, for passes that come faster than one per period: what is
    doubled is the smaller of both sizes, and a size that somebody else has raised beyond that is not taken back.
    """
    start = current if base is None else min(base, current)
    up = max(trunc32(max(settings.legacy_up_factor * float(start), settings.legacy_up_minimum)), current)
    ceiling, reason = (up, UP_LIMIT) if bounds.maximum > up else (bounds.maximum, TOO_MANY)
    result = wanted
    if wanted < bounds.minimum:
        result, reason = bounds.minimum, TOO_FEW
    elif wanted > ceiling:
        result = ceiling
    else:
        reason = WITHIN
    return Limited(
        wanted=wanted,
        replicas=result,
        min_replicas=bounds.minimum,
        max_replicas=bounds.maximum,
        limit=up,
        start=start,
        reason=reason,
    )


def limited_by_behavior(
    wanted: int, current: int, bounds: Bounds, behavior: Behavior, *, history: History, now: float
) -> Limited:
    """The policies of the direction taken, then the policy's bounds."""
    if wanted == current:
        return _rated(wanted, wanted, bounds, None, WITHIN)
    going_up = wanted > current
    limit = _limit(current, behavior.up if going_up else behavior.down, history, now, going_up=going_up)
    if going_up:
        allowed, reason = (limit.replicas, UP_LIMIT) if bounds.maximum > limit.replicas else (bounds.maximum, TOO_MANY)
        within = wanted <= allowed
    else:
        allowed, reason = (limit.replicas, DOWN_LIMIT) if bounds.minimum < limit.replicas else (bounds.minimum, TOO_FEW)
        within = wanted >= allowed
    return _rated(wanted, wanted if within else allowed, bounds, limit, WITHIN if within else reason)


def _rated(wanted: int, replicas: int, bounds: Bounds, limit: RateLimit | None, reason: str) -> Limited:
    return Limited(
        wanted=wanted,
        replicas=replicas,
        min_replicas=bounds.minimum,
        max_replicas=bounds.maximum,
        limit=limit.replicas if limit else None,
        policy=limit.policy if limit else "",
        start=limit.start if limit else None,
        reason=reason,
    )


class RateLimit(Struct, frozen=True):
    """How far the size may go; `policy` is the rule that says so and `start` the size when its period began."""

    replicas: int
    policy: str
    start: int | None = None


def _limit(current: int, rules: ScalingRules, history: History, now: float, *, going_up: bool) -> RateLimit:
    limit = rate_limit(current, rules, history, now, going_up=going_up)
    nearest = max(limit.replicas, current) if going_up else min(limit.replicas, current)
    return limit if nearest == limit.replicas else RateLimit(nearest, limit.policy, limit.start)


def rate_limit(current: int, rules: ScalingRules, history: History, now: float, *, going_up: bool) -> RateLimit:
    """What the policies of one direction allow, before it is compared with `current`.

    "Min" is the smallest change in both directions; of several equal policies the first is named.
    """
    if rules.select == "Disabled":
        return RateLimit(current, "selectPolicy Disabled", current)
    smallest = rules.select == "Min"
    wants_lower = smallest is going_up
    best = RateLimit(INT32_MAX if wants_lower else INT32_MIN, "")
    for policy in rules.policies:
        added, removed = (change(events, policy.period, now) for events in (history.scale_ups, history.scale_downs))
        start = wrapped32(current - added + removed)
        proposed = _grown(start, policy) if going_up else _shrunk(start, policy)
        if proposed < best.replicas if wants_lower else proposed > best.replicas:
            best = RateLimit(proposed, f"{policy.type} {policy.value} per {policy.period} s", start)
    return best


def _grown(start: int, policy: ScalingPolicy) -> int:
    """Percentages round up, so that a small target can grow at all; doubles show through."""
    if policy.type == "Percent":
        return ceil32(float(start) * (1 + float(policy.value) / 100))
    return wrapped32(start + policy.value)


def _shrunk(start: int, policy: ScalingPolicy) -> int:
    """Percentages round down: what may be taken away rounds up."""
    if policy.type == "Percent":
        return trunc32(float(start) * (1 - float(policy.value) / 100))
    return wrapped32(start - policy.value)


def change(events: Iterable[ScaleEvent], period: int, now: float) -> int:
    """Sum of what was written within the last `period` seconds, in 32 bits; the outdated mark is not asked."""
    cutoff = now - period
    return wrapped32(sum(each.change for each in events if each.time > cutoff))


def recorded(history: History, behavior: Behavior | None, before: int, after: int, now: float) -> History:
    """The history once `after` has been written; without `behavior` nobody reads events, so none are kept."""
    if behavior is None or before == after:
        return history
    if after > before:
        events = _with_event(history.scale_ups, behavior.up, after - before, now)
        return History(recommendations=history.recommendations, scale_ups=events, scale_downs=history.scale_downs)
    events = _with_event(history.scale_downs, behavior.down, before - after, now)
    return History(recommendations=history.recommendations, scale_ups=history.scale_ups, scale_downs=events)


def _with_event(events: tuple[ScaleEvent, ...], rules: ScalingRules, size: int, now: float) -> tuple[ScaleEvent, ...]:
    """Events older than the longest period are marked; the new one overwrites the last of them, else is appended."""
    cutoff = now - max((policy.period for policy in rules.policies), default=0)
    marked = [ScaleEvent(each.change, each.time, outdated=True) if each.time < cutoff else each for each in events]
    slot = next((index for index in reversed(range(len(marked))) if marked[index].outdated), None)
    new = ScaleEvent(size, now)
    if slot is None:
        return (*marked, new)
    marked[slot] = new
    return tuple(marked)
