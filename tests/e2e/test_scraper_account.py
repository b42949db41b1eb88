"""What a kubelet sees of us: the token of an account that may read its page, and nothing else anywhere."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.kubeapi import ApiError, Object
from tests.e2e.release import NAME, Release

SCRAPER = f"{NAME}-scraper"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def rules(cluster: Cluster, token: str, namespace: str) -> list[Object]:
    """What the bearer of a token may do there; the API server says it."""
    status = cluster.bearer(token).post(RULES, {"spec": {"namespace": namespace}})["status"]
    assert not status["incomplete"]
    found: list[Object] = status["resourceRules"]
    return found


def may_scrape(cluster: Cluster, account: str, namespace: str) -> bool:
    attributes = {"verb": "get", "resource": "nodes", "subresource": "metrics"}
    user = f"system:serviceaccount:{namespace}:{account}"
    review = {"spec": {"user": user, "resourceAttributes": attributes}}
    status = cluster.admin.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]
    return bool(status["allowed"])


def test_kubelets_are_read_by_an_account_that_may_do_nothing_else(cluster: Cluster, release: Release) -> None:
    """They answer the program, whose own account they would refuse: so what they see is the token of the other one."""
    assert release.serving()
    assert not may_scrape(cluster, NAME, release.namespace)
    assert may_scrape(cluster, SCRAPER, release.namespace)
    for namespace in (release.namespace, "kube-system", "default"):
        everybody = rules(cluster, cluster.token("default", "default"), namespace)
        caught = rules(cluster, cluster.token(release.namespace, SCRAPER), namespace)
        [rule] = [rule for rule in caught if rule not in everybody]
        assert (rule["verbs"], rule["apiGroups"], rule["resources"]) == (["get"], [""], ["nodes/metrics"])


def test_the_program_may_have_the_token_of_that_account_only(cluster: Cluster, release: Release) -> None:
    program = cluster.bearer(cluster.token(release.namespace, NAME))
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    base = f"/api/v1/namespaces/{release.namespace}/serviceaccounts"
    assert program.post(f"{base}/{SCRAPER}/token", request)["status"]["token"]
    for other in (
        f"{base}/default/token",
        f"{base}/{NAME}/token",
        "/api/v1/namespaces/kube-system/serviceaccounts/default/token",
    ):
        with pytest.raises(ApiError, match="forbidden"):
            program.post(other, request)
