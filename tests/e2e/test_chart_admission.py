"""The API server admits the chart's pod where only restricted ones may run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.chart import objects
from tests.e2e.chartvalues import SASL, TESTS, kafka
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import ApiError, Object


@pytest.fixture
def restricted(cluster: Cluster) -> Iterator[str]:
    """The path of the pods of a namespace that enforces the Pod Security Standard `restricted`."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(20, lambda: cluster.admin.exists(account), "pods have an account")
    yield f"/api/v1/namespaces/{name}/pods?dryRun=All"
    cluster.admin.delete(f"/api/v1/namespaces/{name}")


def pod(which: str = "Deployment") -> Object:
    """The one the chart's Deployment makes, or one of `helm test`, of an account that is there."""
    made = objects(kafka(**SASL))
    spec = (
        made["Deployment", "try-hpa-companion"]["spec"]["template"]["spec"]
        if which == "Deployment"
        else made["Pod", f"try-hpa-companion-test-{which}"]["spec"]
    )
    return {"metadata": {"name": "try"}, "spec": {**spec, "serviceAccountName": "default"}}


@pytest.mark.parametrize("which", ["Deployment", *TESTS])
def test_c20_our_pods_are_admitted_where_only_restricted_ones_are(
    cluster: Cluster, restricted: str, which: str
) -> None:
    made = cluster.admin.post(restricted, pod(which))
    assert made["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("needed", ["allowPrivilegeEscalation", "capabilities"])
def test_c20_without_what_makes_it_one_it_is_not(cluster: Cluster, restricted: str, needed: str) -> None:
    careless = pod()
    [container] = careless["spec"]["containers"]
    del container["securityContext"][needed]
    with pytest.raises(ApiError, match="violates PodSecurity"):
        cluster.admin.post(restricted, careless)
