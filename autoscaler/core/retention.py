"""What of a history is worth keeping outside: all that can still decide, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import attrgetter
from typing import TypeVar

from msgspec.structs import replace

from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import ControllerSettings, Policy

_time = attrgetter("time")
MOST = 50
"""Of each list; the newest are kept."""


def retained(history: History, policy: Policy, settings: ControllerSettings, now: float) -> History:
    """Recommendations that are the highest or the lowest of all since, within the longest window, and scale events
    within the longest period of a rule.
    """
    log = history.recommendations
    if log is not None:
        since = now - longest_window(policy, settings)
        recent = sorted((each for each in log if each.time >= since), key=_time)
        kept = extremes(recent)
        log = tuple(each for each in recent if each in kept)[-MOST:]
    return replace(
        history,
        recommendations=log,
        scale_ups=_recent(history.scale_ups, policy, now),
        scale_downs=_recent(history.scale_downs, policy, now),
        restored=False,
    )


def restamped(history: History, step: float, now: float) -> History:
    """The same history by a wall clock that was set forward by `step` seconds meanwhile (negative: back).

    Nothing is later than `now`: what another machine wrote by a clock ahead of ours counts as of this moment.
    """
    log = history.recommendations
    return replace(
        history,
        recommendations=None if log is None else tuple(_stamped(log, step, now)),
        scale_ups=tuple(_stamped(history.scale_ups, step, now)),
        scale_downs=tuple(_stamped(history.scale_downs, step, now)),
    )


_Entry = TypeVar("_Entry", Recommendation, ScaleEvent)


def _stamped(entries: Iterable[_Entry], step: float, now: float) -> Iterable[_Entry]:
    return (replace(each, time=min(each.time + step, now)) for each in entries)


def longest_window(policy: Policy, settings: ControllerSettings) -> float:
    """For how many seconds a recommendation can count."""
    return max(up_window(policy), down_window(policy, settings))


def up_window(policy: Policy) -> float:
    """The same for going up; a policy without `behavior` has none."""
    return 0.0 if policy.behavior is None else float(policy.behavior.up.stabilization or 0)


def down_window(policy: Policy, settings: ControllerSettings) -> float:
    """The same for going down."""
    own = None if policy.behavior is None else policy.behavior.down.stabilization
    return settings.downscale_stabilization if own is None else float(own)


def longest_period(policy: Policy) -> float:
    """For how many seconds a scale event can count."""
    rules = () if policy.behavior is None else (*policy.behavior.up.policies, *policy.behavior.down.policies)
    return max((float(rule.period) for rule in rules), default=0.0)


def extremes(recent: Iterable[Recommendation]) -> set[Recommendation]:
    """Those that are higher, or lower, than all later ones."""
    found: set[Recommendation] = set()
    highest, lowest = -math.inf, math.inf
    by_time = sorted(recent, key=_time)
    for each in reversed(by_time):  # of the same time the last one first
        if each.replicas > highest:
            highest = each.replicas
            found.add(each)
        if each.replicas < lowest:
            lowest = each.replicas
            found.add(each)
    return found


def _recent(events: tuple[ScaleEvent, ...], policy: Policy, now: float) -> tuple[ScaleEvent, ...]:
    since = now - longest_period(policy)
    return tuple(each for each in events if each.time >= since and not each.outdated)[-MOST:]
