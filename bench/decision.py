"""What one decision costs.

A Deployment of 30 ready pods with two containers each and a CPU target, planned over and over with the same inputs;
then the same decision encoded as the record it becomes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import msgspec

from autoscaler.audit import codec
from autoscaler.core import basis, planner
from autoscaler.core.evaluation import Evaluation
from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.instant import micro_text
from autoscaler.model.metrics import PodMetrics
from autoscaler.model.objects import Container, Milli, Pod, Ready, Scale
from autoscaler.model.plan import History, Plan, Recommendation
from autoscaler.model.policy import MetricSpec, Policy, TargetRef
from bench.catalogue import Say
from bench.figure import Figure

NOW = 1_800_000_000.0
PODS = 30
SIZE, QUICK_SIZE = (9, 300), (1, 1)
"""Rounds, and calls in each."""


def evaluation() -> Evaluation:
    """A target in production: long-running pods, a window full of recommendations."""
    requests = {"cpu": Milli(250), "memory": Milli(2**28 * 1000)}
    pods = [
        Pod(
            namespace="shop",
            name=f"web-{n}",
            labels={"app": "web"},
            started=NOW - 86_400,
            ready=Ready("True", NOW - 86_000),
            containers=(Container("app", requests), Container("proxy", requests)),
        )
        for n in range(PODS)
    ]
    usage = {"cpu": Milli(200), "memory": Milli(2**27 * 1000)}
    metrics = tuple(PodMetrics(pod.name, NOW - 5, 15.0, (("app", usage), ("proxy", usage))) for pod in pods)
    return Evaluation(
        policy=Policy(
            kind="HorizontalPodScaler",
            namespace="shop",
            name="web",
            target=TargetRef("apps/v1", "Deployment", "web"),
            max_replicas=100,
            metrics=(MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=60),),
        ),
        scale=Scale(namespace="shop", name="web", replicas=PODS, observed=PODS, selector="app=web"),
        pods=pods,
        pod_metrics=metrics,
        history=History(recommendations=tuple(Recommendation(PODS, NOW - 15.0 * n) for n in range(20, 0, -1))),
        now=NOW,
    )


def record(evaluation: Evaluation, plan: Plan) -> Decision:
    """The plan as the reconciler would record it."""
    policy = evaluation.policy
    return Decision(
        id="0" * 32,
        time=micro_text(NOW),
        target=policy.target,
        namespace=policy.namespace,
        policy=PolicyRef(policy.kind, policy.namespace, policy.name, policy.uid, policy.generation),
        action=plan.action,
        outcome=Outcome.WRITTEN,
        current=plan.current,
        desired=plan.desired,
        reason=plan.reason,
        stages=plan.stages,
        conditions=plan.conditions,
        events=plan.events,
        basis=basis.of(evaluation),
    )


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Medians over rounds."""
    given = evaluation()
    plan = planner.plan(given)
    decision = record(given, plan)
    say(f"{PODS} pods x 2 containers: {plan.current} -> {plan.desired} ({plan.reason})")
    size = QUICK_SIZE if quick else SIZE
    encoding = microseconds(lambda: codec.encode(decision), *size)
    floor = microseconds(lambda: msgspec.json.encode(decision), *size)
    return [
        Figure(what="plan", ours=microseconds(lambda: planner.plan(given), *size), unit="us"),
        Figure(what="encode the record", ours=encoding, unit="us", theirs=floor, beside="msgspec alone"),
    ]


def microseconds(act: Callable[[], object], rounds: int, per_round: int) -> float:
    """Median over rounds of the mean of one call."""
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(per_round):
            act()
        found.append((time.perf_counter() - begin) / per_round * 1e6)
    return statistics.median(found)
