"""A policy that cannot work is refused by the API server, or gets a condition; either says what to fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import ApiError, Object
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec, cpu_utilization, deployment, scaler

SOON = 20.0
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/horizontalpodscalers.hpa-companion.dev"
UNKNOWN_TYPE = {"type": "Cpu", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}}}
GPU = {"type": "Resource", "resource": {"name": "gpu", "target": {"type": "AverageValue", "averageValue": "1"}}}
LOTS = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "lots"}}}
QUEUE = {"type": "Pods", "pods": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "5"}}}
GADGET = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Gadget", "name": "other"}}
REVISION = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "ControllerRevision", "name": "other"}}
NO_TARGET = {"maxReplicas": 3, "metrics": [cpu_utilization(50)]}


def changed(**fields: object) -> Object:
    """A spec for a Deployment that no other policy is for: two on one would not be followed for that alone."""
    return {**autoscaler_spec("other"), **fields}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(NO_TARGET, "spec.scaleTargetRef: Required value", id="no target"),
        pytest.param(
            changed(minReplicas=9), "spec.minReplicas must not be greater than spec.maxReplicas", id="min over max"
        ),
        pytest.param(changed(metrics=[UNKNOWN_TYPE]), 'Unsupported value: "Cpu"', id="unknown type of metric"),
    ],
)
def test_the_api_server_refuses_what_is_wrong_in_itself(
    cluster: Cluster, release: Release, here: Namespace, spec: Object, said: str
) -> None:
    with pytest.raises(ApiError) as caught:
        cluster.admin.post(here.scalers, scaler("wrong", spec))
    assert caught.value.status == 422
    assert said in caught.value.body["message"]


@pytest.mark.parametrize(
    ("spec", "condition", "reason", "said"),
    [
        pytest.param(
            autoscaler_spec("gone"),
            "AbleToScale",
            "FailedGetScale",
            'deployments.apps "gone" not found',
            id="no target",
        ),
        pytest.param(
            changed(**GADGET), "AbleToScale", "FailedGetScale", "no matches for kind 'Gadget'", id="no such kind"
        ),
        pytest.param(
            changed(**REVISION),
            "AbleToScale",
            "FailedGetScale",
            "has no scale subresource",
            id="a kind that has no size",
        ),
        pytest.param(changed(metrics=[GPU]), "ScalingActive", "FailedGetResourceMetric", "gpu", id="unknown resource"),
        pytest.param(changed(metrics=[QUEUE]), "ScalingActive", "FailedGetPodsMetric", "queue", id="unknown metric"),
    ],
)
def test_c02_what_does_not_fit_the_cluster_gets_a_condition(
    cluster: Cluster, release: Release, here: Namespace, spec: Object, condition: str, reason: str, said: str
) -> None:
    here.run("other", 1)
    cluster.admin.post(here.scalers, scaler("wrong", spec))

    def told() -> bool:
        found = here.condition("wrong", condition)
        assert found, "not evaluated yet"
        assert (found["status"], found["reason"]) == ("False", reason)
        assert said in found["message"]
        return True

    eventually(SOON, told)
    assert here.replicas("other") == 1


def test_c02_a_selector_that_matches_no_pod_holds(cluster: Cluster, release: Release, here: Namespace) -> None:
    empty = deployment("empty", 3)
    empty["spec"]["paused"] = True  # it makes no ReplicaSet, so there is no pod
    cluster.admin.post(here.deployments, empty)
    cluster.admin.post(here.scalers, scaler("empty", autoscaler_spec("empty")))

    def told() -> bool:
        found = here.condition("empty", "ScalingActive")
        assert (found.get("status"), found.get("reason")) == ("False", "FailedGetResourceMetric"), found
        assert "no metrics returned" in found["message"], found
        return True

    eventually(SOON, told)
    assert here.replicas("empty") == 3


def test_c10_a_policy_with_the_longest_name_is_followed_and_told_of(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    name = f"{'a' * 199}.{'b' * 53}"
    here.run("other", 1)
    cluster.admin.post(here.scalers, scaler(name, autoscaler_spec("other", least=2)))
    eventually(SOON, lambda: here.replicas("other") == 2)
    events = f"/apis/events.k8s.io/v1/namespaces/{here.name}/events"

    def noted() -> bool:
        return any(
            (each["regarding"]["name"], each["reason"]) == (name, "SuccessfulRescale")
            for each in cluster.admin.items(events)
        )

    eventually(SOON, noted, "its Event")


@contextmanager
def without_rules(cluster: Cluster) -> Iterator[None]:
    """The CRD as an older or a hand-made one."""
    before = cluster.admin.get(CRD)
    spec = deepcopy(before["spec"])
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    [version] = spec["versions"]
    del version["selectableFields"]
    version["schema"] = {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}}
    cluster.admin.patch(CRD, {"spec": spec})
    try:
        yield
    finally:
        cluster.admin.patch(CRD, {"spec": before["spec"]})


@pytest.fixture
def lenient(cluster: Cluster, release: Release) -> Iterator[None]:
    """The CRD without its rules."""
    with without_rules(cluster):
        yield


@pytest.fixture
def without_status(cluster: Cluster) -> Iterator[None]:
    """The CRD without its status subresource."""
    before = cluster.admin.get(CRD)["spec"]
    spec = deepcopy(before)
    spec["versions"][0]["subresources"] = None
    cluster.admin.patch(CRD, {"spec": spec})
    yield
    cluster.admin.patch(CRD, {"spec": before})


@pytest.mark.usefixtures("without_status")
def test_s16_without_a_status_subresource_targets_are_scaled_all_the_same(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    eventually(SOON, lambda: cluster.admin.raw("GET", f"{here.scalers}/web/status")[0] == 404)
    here.ask_for("web", 2)
    eventually(SOON, lambda: here.replicas("web") == 2)
    assert release.program.running()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(NO_TARGET, "spec.scaleTargetRef", id="no target"),
        pytest.param(
            changed(minReplicas=9), "spec.minReplicas: is 9, more than spec.maxReplicas (8)", id="min over max"
        ),
        pytest.param(changed(metrics=[UNKNOWN_TYPE]), "spec.metrics[0].type: 'Cpu' is unknown", id="unknown type"),
        pytest.param(changed(maxReplicas="many"), "spec.maxReplicas: Expected `int", id="a text for a number"),
        pytest.param(
            changed(metrics=[LOTS]), "spec.metrics[0].resource.target.averageValue: ", id="a quantity that is none"
        ),
    ],
)
@pytest.mark.usefixtures("lenient")
def test_c01_what_a_lenient_crd_lets_through_gets_a_condition(
    cluster: Cluster, here: Namespace, spec: Object, said: str
) -> None:
    stored(cluster, here, spec)
    eventually(SOON, lambda: refused(here, said))
    here.ask_for("web", 2)
    eventually(SOON, lambda: here.replicas("web") == 2, "its neighbour is followed as before")


def test_s16_what_was_stored_before_a_rule_came_gets_its_condition_all_the_same(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    """The API server lets us write the status of what it would not take any more (CRD validation ratcheting)."""
    with without_rules(cluster):
        stored(cluster, here, changed(metrics=[LOTS]))
        eventually(SOON, lambda: refused(here, "averageValue: "))
    eventually(SOON, lambda: rules_hold(cluster, here))
    cluster.admin.patch(f"{here.scalers}/wrong/status", {"status": None})
    eventually(SOON, lambda: refused(here, "averageValue: "))


def stored(cluster: Cluster, here: Namespace, spec: Object) -> None:
    """Returns when it is; the API server takes a moment to forget its rules."""

    def taken() -> bool:
        try:
            cluster.admin.post(here.scalers, scaler("wrong", spec))
        except ApiError as exc:
            raise AssertionError(str(exc)) from exc
        return True

    eventually(SOON, taken)


def rules_hold(cluster: Cluster, here: Namespace) -> bool:
    """The API server takes a moment to have its rules again, too."""
    try:
        cluster.admin.post(f"{here.scalers}?dryRun=All", scaler("another", changed(metrics=[LOTS])))
    except ApiError:
        return True
    raise AssertionError("it takes what the rules refuse")


def refused(here: Namespace, said: str) -> bool:
    found = here.condition("wrong", "Ready")
    assert found, "not evaluated yet"
    assert (found["status"], found["reason"]) == ("False", "InvalidSpec")
    assert said in found["message"]
    return True
