"""Policies of the seeded runs: metrics of any type, without behavior or with any, and perhaps an age of their own."""

from __future__ import annotations

import random

from autoscaler.model.objects import Milli
from autoscaler.model.policy import Behavior, Deviations, MetricSpec, ScalingPolicy, ScalingRules, TargetRef
from tests.control.shop import policy

UTILIZATION, EACH = 60, Milli(120_000)
INGRESS = TargetRef("networking.k8s.io/v1", "Ingress", "main")
METRICS = {
    "Resource": (
        MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=UTILIZATION),
        MetricSpec(type="Resource", name="cpu", target_type="AverageValue", average_value=Milli(140)),
    ),
    "ContainerResource": (
        MetricSpec(type="ContainerResource", name="cpu", container="main", utilization=UTILIZATION),
        MetricSpec(type="ContainerResource", name="cpu", container="main", average_value=Milli(120)),
    ),
    "Pods": (MetricSpec(type="Pods", name="rps", target_type="AverageValue", average_value=EACH),),
    "Object": (
        MetricSpec(type="Object", name="rps", described=INGRESS, target_type="Value", value=EACH),
        MetricSpec(type="Object", name="rps", described=INGRESS, target_type="AverageValue", average_value=EACH),
    ),
    "External": (
        MetricSpec(type="External", name="queue", target_type="Value", value=EACH),
        MetricSpec(type="External", name="queue", target_type="AverageValue", average_value=EACH),
    ),
}
"""By type; a core of load is 1,000 requests a second, and a pod is meant to do 120 m of it."""


def wishes(rng: random.Random):
    """A policy: one to three metrics of any type, without behavior or with any, and perhaps an age of its own."""
    kinds = rng.sample(sorted(METRICS), rng.choice((1, 1, 2, 3)))
    age = rng.choice((None, None, 30.0, 60.0))
    return policy(
        kind="HorizontalPodAutoscaler" if age is None else "HorizontalPodScaler",
        min_replicas=rng.choice((1, 2)),
        max_replicas=12,
        metrics=tuple(rng.choice(METRICS[kind]) for kind in kinds),
        behavior=rng.choice((None, Behavior(rules(rng, (0, 0, 20)), rules(rng, (None, 0, 50, 110))))),
        deviations=Deviations(max_sample_age=age),
    )


def rules(rng: random.Random, windows) -> ScalingRules:
    steps = (
        ScalingPolicy(*rng.choice((("Pods", 1), ("Pods", 4), ("Percent", 10), ("Percent", 100))), period)
        for period in rng.choices((15, 60, 120), k=rng.choice((1, 2)))
    )
    return ScalingRules(
        stabilization=rng.choice(windows),
        select=rng.choice(("Max", "Max", "Max", "Min", "Disabled")),
        policies=tuple(steps),
        tolerance=rng.choice((None, 0.0, 0.05, 0.3)),
    )
