"""Evaluations by chance, all kinds of them, the same for the same seed: for tests that want very many."""

import random

from msgspec.structs import replace

from autoscaler.core.evaluation import Evaluation
from autoscaler.core.requests import Failure
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Container, Owner, Pod, Ready, Scale
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.policy import (
    Behavior,
    Condition,
    Deviations,
    MetricSpec,
    Pause,
    Policy,
    ScalingPolicy,
    ScalingRules,
)
from tests.core.evaluations import NOW, TARGET

WENT_TO_ZERO = Condition(type="ScaledToZero", status="True", reason="ScaledToZero", message="")


def evaluations(seed, count, *, deviating=0.0):
    """`deviating` is the share of HorizontalPodScalers that depart from the HPA, in every way there is."""
    chance, ways = random.Random(seed), random.Random(-seed - 1)
    for _ in range(count):
        found = evaluation(chance)
        yield departing(ways, found) if ways.random() < deviating else found


def evaluation(chance):
    pods = tuple(pod(chance, index) for index in range(chance.choice((0, 1, 2, 3, 5, 8))))
    minimum = chance.choice((0, 1, 1, 2))
    policy = Policy(
        kind="HorizontalPodScaler",
        namespace="shop",
        name="web",
        target=TARGET,
        min_replicas=minimum,
        max_replicas=minimum + chance.choice((1, 5, 20)),
        metrics=tuple(metric(chance) for _ in range(chance.choice((1, 1, 1, 2, 3)))),
        behavior=behavior(chance) if chance.random() < 0.5 else None,
        conditions=(WENT_TO_ZERO,) if chance.random() < 0.5 else (),
    )
    current = chance.choice((0, 1, 2, 3, len(pods), len(pods), 7, 30))
    return Evaluation(
        policy=policy,
        scale=Scale(
            namespace="shop",
            name="web",
            replicas=current,
            observed=chance.choice((current, len(pods), current + 1)),
            selector="app=web",
        ),
        pods=pods,
        pod_metrics=samples(chance, pods),
        values={each: values(chance, pods) for each in policy.metrics if chance.random() < 0.9},
        history=history(chance),
        now=NOW,
        period_start_replicas=chance.choice((None, current, 1)),
    )


def departing(chance, found):
    """The same evaluation as of an owner who wants it otherwise, with all that this asks of the world."""
    return replace(
        found,
        policy=replace(found.policy, deviations=deviations(chance)),
        scale=replace(found.scale, uid="web"),
        pods=tuple(replace(each, owner=owner(chance)) for each in found.pods),
        values={spec: [replace(each, at=NOW - ago(chance)) for each in each_] for spec, each_ in found.values.items()},
        owners=Failure("forbidden") if chance.random() < 0.02 else {"rs-1": "web", "rs-2": "api"},
        claims=("HorizontalPodAutoscaler shop/web",) if chance.random() < 0.1 else (),
        unseen="horizontalpodautoscalers: forbidden" if chance.random() < 0.05 else "",
    )


def deviations(chance):
    directions = chance.choice((("Up",), ("Down",), ("Up", "Down")))
    pause = Pause(directions=directions, until=NOW + chance.choice((-60, 60)), reason="load test", actor="sam")
    return Deviations(
        owned_pods_only=chance.random() < 0.3,
        ignore_rollout_surge=chance.random() < 0.3,
        max_sample_age=chance.choice((None, None, 5.0, 60.0)),
        usage_window=chance.choice((None, None, 60.0)),
        cpu_initialization=chance.choice((None, None, 0.0, 150.0)),
        initial_readiness_delay=chance.choice((None, None, 0.0, 60.0)),
        sync_period=chance.choice((None, None, 30.0)),
        pause=pause if chance.random() < 0.3 else None,
    )


def owner(chance):
    """Mostly the target's own ReplicaSet; else another's, the target itself, a Job's or nobody."""
    uid = chance.choice(("rs-1",) * 6 + ("rs-2", "web", "job-1", ""))
    return Owner("apps/v1", "ReplicaSet", uid, uid) if uid else None


def ago(chance):
    return chance.choice((5, 5, 70))


def pod(chance, index):
    return Pod(
        namespace="shop",
        name=f"web-{index}",
        labels={"app": "web"},
        phase=chance.choice(("Running",) * 8 + ("Pending", "Failed")),
        deleted=chance.random() < 0.05,
        started=NOW - chance.choice((10, 100, 5000)),
        ready=chance.choice((None,) + (Ready("True", NOW - 90),) * 6 + (Ready("False", NOW - 60),)),
        containers=(Container("app", {"cpu": chance.choice((50, 100, 333)), "memory": 64 << 20}),),
    )


def samples(chance, pods):
    if chance.random() < 0.05:
        return None
    names = [each.name for each in pods if chance.random() < 0.85] + ["stranger"] * (chance.random() < 0.1)
    return tuple(
        PodMetrics(name, NOW - chance.choice((5, 70)), 15.0,
                   (("app", {"cpu": chance.randrange(700), "memory": chance.randrange(200 << 20)}),))
        for name in names
    )  # fmt: skip


def values(chance, pods):
    return tuple(MetricValue(chance.randrange(-50, 3000), each.name) for each in pods[: chance.choice((1, 1, 8))])


def metric(chance):
    target = chance.choice((1, 50, 80, 250, 1000))
    kind = chance.choice(("Resource",) * 4 + ("ContainerResource", "Pods", "Object", "External"))
    by_value = chance.random() < 0.5
    match kind:
        case "Resource" | "ContainerResource":
            amount = {"utilization": target} if by_value else {"average_value": target * 1000}
            container = "app" if kind == "ContainerResource" else ""
            return MetricSpec(type=kind, name=chance.choice(("cpu", "memory")), container=container, **amount)
        case "Pods":
            return MetricSpec(type=kind, name="qps", average_value=target)
        case "Object":
            amount = {"value": target} if by_value else {"average_value": target}
            named = "Value" if by_value else "AverageValue"
            return MetricSpec(type=kind, name="qps", described=TARGET, target_type=named, **amount)
    return MetricSpec(type=kind, name="queue", **({"value": target} if by_value else {"average_value": target}))


def behavior(chance):
    return Behavior(rules(chance), rules(chance))


def rules(chance):
    return ScalingRules(
        stabilization=chance.choice((None, 0, 15, 60)),
        select=chance.choice(("Max", "Min", "Disabled")),
        policies=tuple(
            ScalingPolicy(chance.choice(("Pods", "Percent")), chance.choice((1, 4, 100)), chance.choice((15, 60)))
            for _ in range(chance.choice((1, 2)))
        ),
        tolerance=chance.choice((None, None, 0.05)),
    )


def history(chance):
    def ago():
        return NOW - chance.choice((1.5, 14.5, 40.5, 400.5))

    return History(
        recommendations=chance.choice((None, tuple(Recommendation(chance.randrange(12), ago()) for _ in range(3)))),
        scale_ups=tuple(ScaleEvent(chance.randrange(1, 5), ago()) for _ in range(chance.choice((0, 1, 2)))),
        scale_downs=tuple(ScaleEvent(chance.randrange(1, 5), ago()) for _ in range(chance.choice((0, 1)))),
    )
