"""What a decision rests on, for its record: taken from the evaluation, the history cut to what could decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter

from msgspec.structs import replace

from autoscaler.core.conditions import TO_ZERO, holds
from autoscaler.core.evaluation import Evaluation
from autoscaler.core.retention import down_window, extremes, longest_period, longest_window, up_window
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import ControllerSettings, Policy

_replicas = attrgetter("replicas")


def spec_of(policy: Policy) -> Spec:
    """What its owner wants, without what names it and without its status."""
    return Spec(
        min_replicas=policy.min_replicas,
        max_replicas=policy.max_replicas,
        metrics=policy.metrics,
        behavior=policy.behavior,
        mode=policy.mode,
        deviations=policy.deviations,
    )


def of(evaluation: Evaluation) -> Basis:
    """The basis of this evaluation's plan."""
    policy, scale = evaluation.policy, evaluation.scale
    start = evaluation.period_start_replicas
    return Basis(
        spec=spec_of(policy),
        settings=evaluation.settings,
        history=used(evaluation.history, policy, evaluation.settings, evaluation.now),
        observed=None if scale is None or scale.observed == scale.replicas else scale.observed,
        selector="" if scale is None else scale.selector,
        period_start=None if scale is None or start == scale.replicas else start,
        zeroed=holds(policy.conditions, TO_ZERO),
        claims=tuple(evaluation.claims),
        unseen=evaluation.unseen,
    )


def used(history: History, policy: Policy, settings: ControllerSettings, now: float) -> History:
    """What of a history can take part at `now`, in its order: the plan of an evaluation with this is that with all.

    Of recommendations those within the longest window that are the highest or the lowest of all since, and of several
    equal ones the first, which is the one a stage names. Of scale events those within the longest period.
    """
    log = history.recommendations
    if log:
        since = now - longest_window(policy, settings)
        kept = {*extremes(each for each in log if each.time >= since), *_named(log, policy, settings, now)}
        log = tuple(each for each in log if each in kept)
    since = now - longest_period(policy)
    return replace(
        history,
        recommendations=log,
        scale_ups=_recent(history.scale_ups, since),
        scale_downs=_recent(history.scale_downs, since),
    )


def _named(
    log: tuple[Recommendation, ...], policy: Policy, settings: ControllerSettings, now: float
) -> Iterator[Recommendation]:
    """The first of the highest in the window going down, and of the lowest in that going up."""
    low, high = now - up_window(policy), now - down_window(policy, settings)
    edge = policy.behavior is None  # only the legacy window has its edge inside
    falling = [each for each in log if each.time > high or (edge and each.time == high)]
    rising = [each for each in log if each.time > low]
    if falling:
        yield max(falling, key=_replicas)
    if rising:
        yield min(rising, key=_replicas)


def _recent(events: Iterable[ScaleEvent], since: float) -> tuple[ScaleEvent, ...]:
    return tuple(each for each in events if each.time > since)
