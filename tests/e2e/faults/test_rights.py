"""What is not installed or not allowed costs just that; the program says what helps, and takes up what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec, scaler

SOON = 30.0
HEALED = 60.0
"""Seconds until a refused watch was tried again: the pause between two tries grows to 30."""
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/horizontalpodscalers.hpa-companion.dev"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/hpa-companion"

Rules = list[Object]


@pytest.fixture
def rules(cluster: Cluster) -> Iterator[Rules]:
    """Those of the program's ClusterRole, to be changed at will; they are as before afterwards."""
    before: Rules = cluster.admin.get(ROLE)["rules"]
    yield deepcopy(before)
    cluster.admin.patch(ROLE, {"rules": before})


def without(rules: Rules, resource: str) -> Rules:
    left = [rule for rule in rules if resource not in rule["resources"]]
    assert len(left) == len(rules) - 1
    return left


def restart(release: Release) -> Callable[[], str]:
    """End the program and have it serve again; what gives what it said since."""
    said = len(release.program.output())
    assert release.program.terminate() == 0
    release.serve()
    return lambda: release.program.output()[said:]


def test_s16_without_the_crd_the_metrics_api_is_served_and_what_to_install_is_said(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    definition = cluster.admin.get(CRD)
    cluster.admin.delete(CRD)
    eventually(SOON, lambda: not cluster.admin.exists(CRD))
    try:
        said = restart(release)
        eventually(SOON, lambda: "install the CustomResourceDefinition of HorizontalPodScaler" in said())
        assert release.serving()
    finally:
        kept = {name: definition["metadata"][name] for name in ("name", "labels", "annotations")}
        cluster.admin.post(CRD.rpartition("/")[0], {**definition, "metadata": kept, "status": None})
        eventually(SOON, lambda: cluster.admin.raw("GET", here.scalers)[0] == 200, "the API server serves the CRD")
    cluster.admin.post(here.scalers, scaler("web", autoscaler_spec("web", least=2)))
    eventually(HEALED, lambda: here.replicas("web") == 2, "a policy is followed as soon as there can be one")


def test_without_the_right_to_read_policies_the_metrics_api_is_served_and_what_to_grant_is_said(
    cluster: Cluster, release: Release, rules: Rules, here: Namespace
) -> None:
    cluster.admin.patch(ROLE, {"rules": without(rules, "horizontalpodscalers")})
    said = restart(release)
    refused = 'cannot list resource "horizontalpodscalers" in API group "hpa-companion.dev" at the cluster scope'
    eventually(SOON, lambda: refused in said().replace("\\", ""))
    assert "grant our account get, list and watch on it" in said()
    assert release.serving()
    cluster.admin.patch(ROLE, {"rules": rules})
    here.ask_for("web", 2)
    eventually(HEALED, lambda: here.replicas("web") == 2, "the policy is followed once it may be read")


def test_s07_a_namespace_we_may_not_scale_in_harms_its_own_policies_only(
    cluster: Cluster, release: Release, rules: Rules, here: Namespace, make_namespace: Callable[[], Namespace]
) -> None:
    elsewhere = make_namespace()
    cluster.admin.patch(ROLE, {"rules": without(rules, "deployments/scale")})
    allow(cluster, elsewhere, "get", "update")
    for each in (here, elsewhere):
        each.ask_for("web", 2)
    eventually(SOON, lambda: elsewhere.replicas("web") == 2, "where we may, we do")

    def refused() -> bool:
        found = here.condition("web", "AbleToScale")
        assert (found["status"], found["reason"]) == ("False", "FailedUpdateScale")
        assert 'cannot update resource "deployments/scale" in API group "apps"' in found["message"]
        assert f'in the namespace "{here.name}"' in found["message"]
        return True

    eventually(SOON, refused)
    assert here.replicas("web") == 1
    allow(cluster, here, "get", "update")
    eventually(SOON, lambda: here.replicas("web") == 2, "once we may, we do")
    eventually(SOON, lambda: here.condition("web", "AbleToScale")["status"] == "True")


def allow(cluster: Cluster, where: Namespace, *verbs: str) -> None:
    """The program may do this to the scale of Deployments in a namespace."""
    base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{where.name}"
    rule = {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": list(verbs)}
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "scaling"}}
    cluster.admin.apply(f"{base}/roles/scaling", {**kind, "kind": "Role", "rules": [rule]})
    bound = {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "scaling"},
        "subjects": [{"kind": "ServiceAccount", "name": "hpa-companion", "namespace": "hpa-companion-system"}],
    }
    cluster.admin.apply(f"{base}/rolebindings/scaling", {**kind, "kind": "RoleBinding", **bound})
