"""Up and down with the load: one Deployment by a HorizontalPodScaler of ours, one by the real HPA from our numbers.

A plain consumer finds every evaluation of ours in Kafka, with its sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.conftest import TOPIC
from tests.e2e.eventually import eventually
from tests.e2e.kafka.broker import Broker
from tests.e2e.kubeapi import Object
from tests.e2e.release import Release
from tests.e2e.requirements import need
from tests.e2e.topic import decisions, stage, writes
from tests.e2e.workloads import Namespace, autoscaler_spec, hpa, scaler

pytestmark = pytest.mark.timeout(600)

PATIENCE = 200.0
"""Two samples of a new pod, and a pass of the controller, are 40 s on a machine that does nothing else."""
DELIVERY = 30.0

Steps = Mapping[str, "Future[Namespace]"]


@pytest.fixture(scope="module")
def steps(cluster: Cluster, release: Release) -> Iterator[Steps]:
    """At the same time, as each is mostly waiting: cart/web is scaled by us, stock/web by the real HPA."""
    policies = {"cart": scaler("web", autoscaler_spec("web")), "stock": hpa("web", autoscaler_spec("web"))}
    with ThreadPoolExecutor() as pool:
        yield {name: pool.submit(_steps, cluster, name, policy) for name, policy in policies.items()}


def _steps(cluster: Cluster, name: str, policy: Object) -> Namespace:
    """A Deployment that went from 1 pod to 6 under load, and down to 2 after it."""
    cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": name}})
    here = Namespace(cluster, name)
    here.run("web", 1, cpu="40m")
    cluster.admin.post(here.scalers if policy["kind"] == "HorizontalPodScaler" else here.hpas, policy)
    here.follows("web", 300, 6, PATIENCE)  # 300m at 50m each, as a pod requests 100m
    here.follows("web", 60, 2, PATIENCE)
    return here


@pytest.fixture(scope="module")
def cart(steps: Steps) -> Namespace:
    """What we scaled."""
    return steps["cart"].result()


@pytest.fixture(scope="module")
def stock(steps: Steps) -> Namespace:
    """What the HPA scaled."""
    return steps["stock"].result()


@pytest.fixture(scope="module")
def told(cart: Namespace, kafka: Broker | None) -> list[Object]:
    """What Kafka has of it, the last change included."""
    need("java")
    assert kafka is not None

    def complete() -> list[Object]:
        found = decisions(kafka, TOPIC, "cart/Deployment/web")
        assert writes(found), "no written decision yet"
        assert writes(found)[-1]["desired"] == 2, writes(found)[-1]
        return found

    return eventually(DELIVERY, complete, "the last change is in the topic")


def test_the_real_hpa_follows_our_numbers_up_and_down(cluster: Cluster, stock: Namespace) -> None:
    def told() -> bool:
        status = cluster.admin.get(f"{stock.hpas}/web")["status"]
        conditions = {each["type"]: each["reason"] for each in status["conditions"]}
        assert conditions["ScalingActive"] == "ValidMetricFound"
        assert status["currentMetrics"][0]["resource"]["current"]["averageUtilization"] == pytest.approx(30, abs=4)
        return True

    eventually(30, told, "its status shows the usage we serve")


def test_the_status_tells_what_an_hpa_would(cart: Namespace) -> None:
    def settled() -> Object:
        status: Object = cart.scaler("web")["status"]
        assert (status["currentReplicas"], status["desiredReplicas"]) == (2, 2)
        assert status["currentMetrics"][0]["resource"]["current"]["averageUtilization"] == pytest.approx(30, abs=4)
        return status

    status = eventually(60, settled, "the status has caught up with the last samples")
    assert status["observedGeneration"] == 1
    assert status["lastScaleTime"]
    assert status["lastDecisionId"]
    assert cart.condition("web", "Ready")["status"] == "True"
    assert cart.condition("web", "ScalingActive")["reason"] == "ValidMetricFound"
    assert cart.condition("web", "AbleToScale")["status"] == "True"


def test_the_status_has_every_condition(cart: Namespace, told: list[Object]) -> None:
    expected = {
        "Ready": ("True", "Evaluated"),
        "MetricsAvailable": ("True", "MetricsRead"),
        "AbleToScale": ("True", "ReadyForNewScale"),
        "ScalingActive": ("True", "ValidMetricFound"),
        "ScalingLimited": ("False", "DesiredWithinRange"),
        "ScaledToZero": ("False", "NotScaledToZero"),
        "Conflicted": ("False", "OnlyWriter"),
        "AuditDelivered": ("True", "Delivered"),
    }

    def all_told() -> str:
        found = cart.scaler("web")
        conditions = {each["type"]: (each["status"], each["reason"]) for each in found["status"]["conditions"]}
        assert conditions == expected
        assert all(each["lastTransitionTime"] for each in found["status"]["conditions"])
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
        return str(found["status"]["lastDecisionId"])

    assert eventually(60, all_told, "it has settled")


def test_kubectl_lists_it_with_its_sizes(cluster: Cluster, cart: Namespace) -> None:
    def settled() -> bool:
        row = cluster.kubectl("-n", "cart", "get", "hps", "--no-headers").split()
        assert row[:7] == ["web", "web", "1", "8", "2", "2", "Enforce"]
        return True

    eventually(30, settled)


def test_an_event_tells_of_each_change(cluster: Cluster, cart: Namespace) -> None:
    events = cluster.admin.items("/apis/events.k8s.io/v1/namespaces/cart/events")
    about = [event for event in events if event["regarding"]["kind"] == "HorizontalPodScaler"]
    assert {event["reason"] for event in about} >= {"SuccessfulRescale"}


def test_the_records_tell_each_change_in_order(told: list[Object]) -> None:
    sizes = [(each["current"], each["desired"]) for each in writes(told)]
    assert sizes[0][0] == 1
    assert sizes[-1][1] == 2
    assert all(after[0] == before[1] for before, after in pairwise(sizes)), sizes
    assert [each["time"] for each in told] == sorted(each["time"] for each in told)


def test_evaluations_that_changed_nothing_are_there_too(told: list[Object]) -> None:
    held = [each for each in told if each["outcome"] == "held"]
    assert held
    assert all(each["reason"] for each in held)


def test_a_record_is_enough_to_do_its_sums_again(told: list[Object]) -> None:
    up = next(each for each in writes(told) if each["desired"] > each["current"])
    proposal, final = stage(up, "proposal"), stage(up, "final")
    assert proposal["target"] == 50
    assert proposal["ratio"] == pytest.approx(proposal["usage"] * 100 / proposal["requests"] / 50, rel=0.02)
    assert proposal["replicas"] == math.ceil(proposal["ratio"] * proposal["samples"])
    assert stage(up, "chosen")["replicas"] == proposal["replicas"]
    assert final["replicas"] == up["desired"] == stage(up, "limited")["replicas"]


def test_every_evaluation_counted_became_a_record(release: Release, told: list[Object]) -> None:
    """The program's own two counts agree; that the topic has what was committed, `told` proved by its numbers."""

    def agreed() -> bool:
        series = release.series()
        evaluations = sum(value for name, value in series.items() if name.startswith("autoscaler_evaluations_total"))
        assert evaluations >= len(told)
        assert series["autoscaler_audit_committed_total"] == evaluations, "one may be under way"
        return True

    eventually(10, agreed)
