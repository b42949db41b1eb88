"""A small evaluation for tests to bend: two ready pods of Deployment shop/web at 160 m each of 100 m requested."""

from autoscaler.core.evaluation import Evaluation
from autoscaler.model.metrics import PodMetrics
from autoscaler.model.objects import Container, Pod, Ready, Scale
from autoscaler.model.plan import History, Recommendation
from autoscaler.model.policy import MetricSpec, Policy, TargetRef

NOW = 100_000.0
CPU = MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=100)
TARGET = TargetRef("apps/v1", "Deployment", "web")


def pod(index, **fields):
    known = {
        "labels": {"app": "web"},
        "started": NOW - 5000,
        "ready": Ready("True", NOW - 4000),
        "containers": (Container("app", {"cpu": 100}),),
    }
    return Pod(namespace="shop", name=f"web-{index}", **(known | fields))


def usage(index, cpu=160):
    return PodMetrics(f"web-{index}", NOW - 5, 15.0, (("app", {"cpu": cpu}),))


def scale(replicas=2, observed=None, selector="app=web"):
    observed = replicas if observed is None else observed
    return Scale(namespace="shop", name="web", replicas=replicas, observed=observed, selector=selector)


def policy(**fields):
    known = {"target": TARGET, "max_replicas": 10, "metrics": (CPU,), "generation": 3, "desired": 2}
    return Policy(kind="HorizontalPodAutoscaler", namespace="shop", name="web", **(known | fields))


def evaluation(**fields):
    known = {
        "policy": policy(),
        "scale": scale(),
        "pods": (pod(0), pod(1)),
        "pod_metrics": (usage(0), usage(1)),
        "history": History(recommendations=(Recommendation(2, NOW - 60),)),
        "now": NOW,
    }
    return Evaluation(**(known | fields))
