"""A record as a controller would have left it: one target under a load that rises and falls, decided by the planner."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from autoscaler.core import basis, planner
from autoscaler.core.evaluation import Evaluation
from autoscaler.core.repeats import outline, repeat
from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.instant import micro_text, parse_instant
from autoscaler.model.metrics import PodMetrics
from autoscaler.model.objects import Container, Milli, Pod, Ready, Scale
from autoscaler.model.plan import Action, History, Plan
from autoscaler.model.policy import ControllerSettings, MetricSpec, Policy, TargetRef

START = 1_800_000_000.0
HEARTBEAT = 60.0
READY_AFTER = 20.0
EVERY = 15.0
REQUEST = Milli(500)
DAY = 86_400.0

Load = Callable[[float], int]
"""Milli-cores of all pods together, so many seconds after the start."""


def daily(seed: int = 1) -> Load:
    """Between 2 and 20 cores over a day, with noise."""
    chance = random.Random(seed)
    return lambda after: round(11_000 - 9_000 * math.cos(2 * math.pi * after / DAY) + chance.gauss(0, 250))


def policy(name: str = "web", **changes: object) -> Policy:
    """60 % of 500 m, 2 to 50 replicas."""
    fields: dict[str, object] = {
        "kind": "HorizontalPodScaler",
        "namespace": "shop",
        "name": name,
        "uid": "u",
        "generation": 1,
        "target": TargetRef("apps/v1", "Deployment", name),
        "min_replicas": 2,
        "max_replicas": 50,
        "metrics": (MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=60),),
    }
    return Policy(**(fields | changes))  # type: ignore[arg-type]  # a table


def decisions(
    load: Load,
    seconds: float,
    wanted: Policy | None = None,
    settings: ControllerSettings = ControllerSettings(),  # noqa: B008 - a frozen value
) -> Iterator[Decision]:
    """One a period, as the controller tells them; what is decided is written at once."""
    wanted = policy() if wanted is None else wanted
    history, size = History(), wanted.min_replicas
    started: dict[str, float] = {}
    number, period = 0, (float("-inf"), size)
    after = 0.0
    while after < seconds:
        now = START + after
        while len(started) > size:
            started.popitem()
        while len(started) < size:
            started[f"{wanted.name}-{number}"] = now
            number += 1
        pods = [_pod(name, at if at > START else at - DAY, now) for name, at in started.items()]
        up = [each for each in pods if each.ready and each.ready.status == "True"]
        share = Milli(max(0, load(after)) // max(1, len(up)))
        if now - period[0] >= settings.sync_period:
            period = (now, size)
        evaluation = Evaluation(
            policy=wanted,
            scale=Scale(namespace="shop", name=wanted.name, replicas=size, observed=size, selector="app=web"),
            pods=pods,
            pod_metrics=[PodMetrics(each.name, now - 4, 15.0, (("app", {"cpu": share}),)) for each in up],
            history=history,
            now=now,
            settings=settings,
            period_start_replicas=period[1],
        )
        plan = planner.plan(evaluation)
        written = plan.action is Action.RESIZE
        yield decision(evaluation, plan, Outcome.WRITTEN if written else Outcome.HELD)
        plan = planner.settled(plan, wanted, written=written, error="", now=now)
        history, size = plan.history, plan.desired
        after += EVERY


def decision(evaluation: Evaluation, plan: Plan, outcome: Outcome) -> Decision:
    """What is recorded of it."""
    wanted = evaluation.policy
    return Decision(
        id=f"{wanted.name}-{evaluation.now:.0f}",
        time=micro_text(evaluation.now),
        target=wanted.target,
        namespace=wanted.namespace,
        policy=PolicyRef(wanted.kind, wanted.namespace, wanted.name, wanted.uid, wanted.generation),
        action=plan.action,
        outcome=outcome,
        current=plan.current,
        desired=plan.desired,
        reason=plan.reason,
        error=plan.error,
        compat=evaluation.settings.compat.release,
        sample_age=4.0,
        stages=plan.stages,
        conditions=plan.conditions,
        events=plan.events,
        basis=basis.of(evaluation),
    )


def records(found: Iterator[Decision], heartbeat: float = HEARTBEAT) -> Iterator[Decision]:
    """The same as records: those that came to the same share one for `heartbeat` seconds."""
    first: Decision | None = None
    shape: Decision | None = None
    later: list[Decision] = []
    for each in found:
        mine = outline(each)
        if first is not None and mine is not None and mine == shape and _seconds(first, each) < heartbeat:
            later.append(each)
            continue
        if first is not None:
            yield _record(first, later)
        first, shape, later = each, mine, []
    if first is not None:
        yield _record(first, later)


def _record(first: Decision, later: list[Decision]) -> Decision:
    return replace(first, repeats=tuple(repeat(first, each) for each in later))


def _seconds(first: Decision, each: Decision) -> float:
    return parse_instant(each.time) - parse_instant(first.time)


def _pod(name: str, started: float, now: float) -> Pod:
    ready = now - started >= READY_AFTER
    return Pod(
        namespace="shop",
        name=name,
        labels={"app": "web"},
        phase="Running" if ready else "Pending",
        started=started,
        ready=Ready("True" if ready else "False", started + READY_AFTER if ready else started),
        containers=(Container("app", {"cpu": REQUEST}),),
    )
