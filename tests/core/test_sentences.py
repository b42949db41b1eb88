from __future__ import annotations

import pytest

from autoscaler.core import sentences
from autoscaler.model.objects import Milli
from autoscaler.model.plan import (
    Aged,
    Chosen,
    Contested,
    Counted,
    Final,
    Forced,
    Limited,
    Overridden,
    Proposal,
    Recommendation,
    Selected,
    Stabilized,
)
from autoscaler.model.policy import MetricSpec, TargetRef
from tests.audit.samples import cpu_proposal
from tests.core.asked import PAUSED, proposal

GIB = 1 << 30


@pytest.mark.parametrize(
    ("metric", "name", "target"),
    [
        pytest.param(proposal("Resource", "cpu"), "cpu", "60 % of requests", id="utilization"),
        pytest.param(
            proposal("ContainerResource", "memory", container="app", target_type="AverageValue", target=GIB * 1000),
            "memory of container app",
            "1 GiB a pod",
            id="average of a container",
        ),
        pytest.param(
            proposal("External", "queue", target_type="AverageValue", target=30_000),
            "external metric queue",
            "30 a replica",
            id="external average",
        ),
        pytest.param(
            proposal("Object", "rps", target_type="Value", target=10_500),
            "object metric rps",
            "10.5",
            id="object value",
        ),
    ],
)
def test_names_and_targets(metric: Proposal, name: str, target: str) -> None:
    assert sentences.metric_name(metric) == name
    assert sentences.target(metric) == target


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        pytest.param(
            MetricSpec(type="External", name="jobs", selector="queue=mail", value=1),
            "external metric jobs of queue=mail",
            id="an external one",
        ),
        pytest.param(
            MetricSpec(type="Pods", name="jobs", selector="queue=mail", average_value=1),
            "pods metric jobs of queue=mail",
            id="of pods",
        ),
        pytest.param(
            MetricSpec(
                type="Object", name="jobs", described=TargetRef("v1", "Service", "mail"), selector="a=b", value=1
            ),
            "object metric jobs of Service mail of a=b",
            id="of an object",
        ),
    ],
)
def test_metrics_of_one_name_are_told_apart(spec: MetricSpec, name: str) -> None:
    assert sentences.metric_name(proposal(spec.type, spec.name), spec) == name


@pytest.mark.parametrize(
    ("changes", "word", "sentence"),
    [
        pytest.param({"ratio": 1.05}, "ratio", "1.05 of the target, inside the tolerance of 0.9 to 1.1", id="inside"),
        pytest.param(
            {"ratio": 1.2, "tolerance_up": 0.3, "tolerance_down": 0.0},
            "ratio",
            "1.2 of the target, inside the tolerance of 1 to 1.3",
            id="a tolerance per direction",
        ),
        pytest.param(
            {"ratio": 0.5, "damped_ratio": 0.75},
            "filled",
            "0.75 if the pods without a sample use 100 % of their request",
            id="going down, missing pods are taken to be busy",
        ),
        pytest.param(
            {"ratio": 0.5, "damped_ratio": 0.75, "target": 150},
            "filled",
            "0.75 if the pods without a sample use 150 % of their request",
            id="a target above the request",
        ),
        pytest.param(
            {"ratio": 0.5, "damped_ratio": 0.75, "target_type": "AverageValue"},
            "filled",
            "0.75 if the pods without a sample use the target",
            id="an average target",
        ),
        pytest.param(
            {"ratio": 1.0, "damped_ratio": 1.0},
            "filled",
            "1: nothing is assumed of the pods without a sample, for the others are on target",
            id="exactly on target",
        ),
        pytest.param(
            {"type": "External", "target_type": "AverageValue", "requests": None, "samples": 0, "average": Milli(5500),
             "usage": Milli(11_000)},
            "usage",
            "11 in total, 5.5 a replica",
            id="a total shared by replicas",
        ),
        pytest.param(
            {"type": "Object", "target_type": "Value", "requests": None, "samples": 0, "usage": Milli(11_000)},
            "usage",
            "11 in total",
            id="one number for all",
        ),
        pytest.param(
            {"samples": 1, "usage": Milli(450), "requests": Milli(500)},
            "usage",
            "450m of 500m requested by 1 pod: 90 %, 450m a pod",
            id="a single pod",
        ),
        pytest.param(
            {"replicas": None, "reason": "FailedGetResourceMetric", "message": "none"},
            "failed",
            "FailedGetResourceMetric: none",
            id="a failure",
        ),
    ],
)  # fmt: skip
def test_facts_of_a_metric(changes: dict[str, object], word: str, sentence: str) -> None:
    assert dict(sentences.measured(cpu_proposal(**changes)))[word] == sentence


def test_nothing_is_told_of_what_did_not_happen() -> None:
    bare = Proposal(type="Resource", name="cpu", label="cpu", replicas=3)
    assert list(sentences.measured(bare)) == []


def test_pods_of_one_kind_only() -> None:
    assert sentences.pods(Counted(ready=5)) == "5 ready"


@pytest.mark.parametrize(
    ("stage", "proposals", "sentence"),
    [
        (Chosen(metric="cpu", replicas=5), 1, "cpu"),
        (Chosen(metric="cpu", replicas=5), 2, "cpu, which asks for the most"),
        (Chosen(metric="cpu", replicas=5, failed=1), 2, "cpu; 1 of 2 failed, so never down"),
        (Chosen(metric="", replicas=0), 0, "no metric asks for any"),
    ],
)
def test_chosen(stage: Chosen, proposals: int, sentence: str) -> None:
    assert sentences.chosen(stage, proposals) == sentence


@pytest.mark.parametrize(
    ("current", "replicas", "sentence"),
    [
        (0, 0, "somebody has scaled the target to 0: scaling is off until it is scaled up again"),
        (12, 10, "12 is above spec.maxReplicas, 10; no metric is asked"),
        (1, 2, "1 is below spec.minReplicas, 2; no metric is asked"),
    ],
)
def test_forced(current: int, replicas: int, sentence: str) -> None:
    stage = Forced(current=current, replicas=replicas, min_replicas=2, max_replicas=10, reason="any")
    assert sentences.forced(stage) == sentence


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({}, "no recommendation of the window stands against it (down 5 min)", id="free to go"),
        pytest.param(
            {"up_window": 30.0}, "no recommendation of the window stands against it (up 30 s, down 5 min)", id="both"
        ),
        pytest.param(
            {"by": Recommendation(3, 958.0), "up_window": 60.0, "reason": "ScaleUpStabilized"},
            "3, recommended 42 s before, counts until 00:16:58Z (scale-up window of 60 s)",
            id="going up",
        ),
        pytest.param(
            {"by": Recommendation(9, 760.0), "reason": "ScaleDownStabilized"},
            "9, recommended 4 min before, counts until 00:17:40Z (scale-down window of 5 min)",
            id="going down",
        ),
    ],
)
def test_stabilized(changes: dict[str, object], sentence: str) -> None:
    stage = Stabilized(**({"proposed": 5, "replicas": 5, "down_window": 300.0} | changes))
    assert sentences.stabilized(stage, 1000.0) == sentence


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reason": "DesiredWithinRange"}, "within 2 to 10"),
        ({"reason": "DesiredWithinRange", "limit": 6}, "within 2 to 10"),
        ({"reason": "ScaleUpLimit", "limit": 6, "start": 3}, "not above 6 for now: at most doubled from 3, or to 4"),
        (
            {"reason": "ScaleUpLimit", "limit": 7, "start": 3, "policy": "Pods 4 per 15 s"},
            "not above 7 for now: Pods 4 per 15 s, from 3",
        ),
        (
            {"reason": "ScaleDownLimit", "limit": 8, "start": 9, "policy": "Percent 10 per 60 s"},
            "not below 8 for now: Percent 10 per 60 s, from 9",
        ),
        ({"reason": "TooManyReplicas"}, "spec.maxReplicas is 10"),
        ({"reason": "TooFewReplicas"}, "spec.minReplicas is 2"),
    ],
)
def test_limited(changes: dict[str, object], sentence: str) -> None:
    stage = Limited(**({"wanted": 5, "replicas": 5, "min_replicas": 2, "max_replicas": 10} | changes))
    assert sentences.limited(stage) == sentence


@pytest.mark.parametrize(
    ("current", "replicas", "before", "sentence"),
    [
        (3, 3, 3, "as many as there are"),
        (3, 5, 5, "2 more than now"),
        (5, 4, 4, "1 fewer than now"),
        (0, 2, 1, "lifted from 1 to spec.minReplicas, for the target wakes from 0"),
        (3, 3, None, "as many as there are"),
    ],
)
def test_final(current: int, replicas: int, before: int | None, sentence: str) -> None:
    assert sentences.final(Final(current=current, replicas=replicas, why=""), before) == sentence


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        pytest.param(
            sentences.paused(PAUSED), "5 is wanted; sam holds it until 2027-01-31T18:00:00Z: load test", id="paused"
        ),
        pytest.param(
            sentences.contested(Contested(wanted=5, replicas=2, claims=("HorizontalPodAutoscaler shop/web",))),
            "5 is wanted; scaled by HorizontalPodAutoscaler shop/web too, so nobody of ours writes",
            id="contested",
        ),
        pytest.param(
            sentences.contested(Contested(wanted=5, replicas=2, unseen="forbidden")),
            "5 is wanted; who else scales it is unknown: forbidden",
            id="perhaps contested",
        ),
        pytest.param(
            sentences.overridden(Overridden(cpu_initialization=60.0, sync_period=300.0)),
            "The policy's own: CPU initialization period 60 s, sync period 5 min.",
            id="periods",
        ),
        pytest.param(
            sentences.selected(Selected(counted=3, foreign=("job-a",), surge=("web-x", "web-y"), observed=6)),
            "Not counted: 1 of another owner (job-a), 2 beyond the wanted number (web-x, web-y), "
            "a size of 6 during the rollout; counted: 3 pods.",
            id="selected",
        ),
        pytest.param(
            sentences.selected(Selected(counted=1, unnamed=40)),
            "Not counted: 40 whose names were left out; counted: 1 pod.",
            id="selected, in a long record",
        ),
        pytest.param(
            sentences.aged(Aged(max_age=45.0, pods=("web-a",), values=2)),
            "Too old to count, at more than 45 s: samples of 1 pod (web-a), 2 custom or external values.",
            id="aged",
        ),
        pytest.param(
            sentences.aged(Aged(max_age=120.0, values=1)),
            "Too old to count, at more than 2 min: 1 custom or external value.",
            id="aged, no pod's",
        ),
    ],
)
def test_what_an_hps_adds(told: str, sentence: str) -> None:
    assert told == sentence
