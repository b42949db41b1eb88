"""From the number the metrics ask for to the one that may be: windows, rate limits, bounds.

The planner goes this way, and so does whoever decides again from a record.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.core import behavior
from autoscaler.core.behavior import Bounds
from autoscaler.model.plan import History, Limited, Recommendation, Stabilized
from autoscaler.model.policy import ControllerSettings, Policy
from autoscaler.model.reason import Reason


class Course(Struct, frozen=True):
    """Both steps, where they end, and the history with this recommendation in it."""

    stabilized: Stabilized
    limited: Limited
    desired: int
    history: History


def seen(history: History, replicas: int, now: float) -> History:
    """At first sight of a policy the current size counts as its first recommendation (`recordInitialRecommendation`).

    It is made a moment before all else, so that windows of 0 s do not reach it and its place in the log is free again.
    The same after a restart, beside what another process left: what it recommended last may have been no less.
    """
    if history.recommendations is not None and not history.restored:
        return history
    first = Recommendation(replicas, math.nextafter(now, -math.inf))
    return replace(history, recommendations=(*(history.recommendations or ()), first), restored=False)


def largest(asked: Iterable[int | None]) -> int | None:
    """Which of several proposals wins, by its place: the first of the largest; 0 is given up for any later one, and
    None is none (`computeReplicasForMetrics`). None: there is none at all.
    """
    place, best = None, 0
    for index, each in enumerate(asked):
        if each is not None and (place is None or best == 0 or each > best):
            place, best = index, each
    return place


def course(
    policy: Policy,
    settings: ControllerSettings,
    *,
    current: int,
    asked: int,
    history: History,
    now: float,
    period_start: int | None,
) -> Course:
    """What becomes of the number that is asked for; `period_start` as in `Evaluation.period_start_replicas`."""
    bounds, raw = Bounds(policy.min_replicas, policy.max_replicas), max(0, asked)
    past, rules = history.recommendations or (), policy.behavior
    window = settings.downscale_stabilization
    if rules is None:
        stabilized, log = behavior.stabilized(raw, past, now, window)
        limited = behavior.limited(stabilized.replicas, current, bounds, settings, period_start)
    else:
        stabilized, log = behavior.stabilized_by_behavior(raw, current, past, now, behavior=rules, window=window)
        limited = behavior.limited_by_behavior(stabilized.replicas, current, bounds, rules, history=history, now=now)
    desired = max(limited.replicas, policy.min_replicas) if current == 0 else limited.replicas
    kept = History(recommendations=log, scale_ups=history.scale_ups, scale_downs=history.scale_downs)
    return Course(stabilized, limited, desired, kept)


def stands(before: Course, at: float) -> bool:
    """Whether the same ask at the same size comes to the same `at` that later time; False: perhaps.

    Recommendations and changes only leave a window as time goes by, and one that is equal to the ask outdoes nothing.
    So what held the number holds it while it is in its window, and where nothing did nothing will; a rate limit stands
    where it does not depend on what was changed before.
    """
    held, limit, history = before.stabilized, before.limited, before.history
    if held.by is not None:
        window = held.down_window
        if held.up_window is not None and held.reason == behavior.UP_STABILIZED:
            window = held.up_window
        if held.by.time <= at - window:
            return False
    return limit.limit is None or not (history.scale_ups or history.scale_downs)


def reason(found: Course, current: int) -> Reason:
    """One word for why it ends there."""
    stabilized, limited = found.stabilized, found.limited
    if limited.replicas != limited.wanted:
        return Reason(limited.reason)
    if stabilized.replicas != stabilized.proposed:
        return Reason(stabilized.reason)
    if found.desired == current:
        return Reason.ON_TARGET
    return Reason.ABOVE_TARGET if found.desired > current else Reason.BELOW_TARGET
