"""What a monitoring pipeline reads of us, with the chart's own role and without it."""

from __future__ import annotations

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.cluster import Cluster, node_name
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Api
from tests.e2e.release import NAME, Release
from tests.e2e.workloads import Namespace

PATHS = ("/metrics/core", "/debug/nodes")
NODES = [node_name(number) for number in range(3)]


@pytest.fixture(scope="module")
def pipeline(cluster: Cluster, release: Release) -> Api:
    """An account that is bound to the chart's role."""
    cluster.admin.post(f"/api/v1/namespaces/{release.namespace}/serviceaccounts", {"metadata": {"name": "pipeline"}})
    account = f"--serviceaccount={release.namespace}:pipeline"
    cluster.kubectl("create", "clusterrolebinding", "pipeline", f"--clusterrole={NAME}-core-metrics", account)
    api = release.direct(cluster.token(release.namespace, "pipeline"))
    eventually(15, lambda: api.raw("GET", "/debug/nodes")[0] == 200, "the binding reaches the authorizer")
    return api


@pytest.mark.parametrize("path", PATHS)
def test_without_the_role_nothing_is_told(cluster: Cluster, release: Release, path: str) -> None:
    stranger = release.direct(cluster.token(release.namespace, "default"))
    for api in (stranger, release.direct()):
        status, body = api.raw("GET", path)
        assert (status, json.loads(body)["reason"]) == (403, "Forbidden")


def test_the_core_metrics_are_the_kubelets_own(cluster: Cluster, pipeline: Api, namespace: str) -> None:
    Namespace(cluster, namespace).run("web", 1)

    def read() -> dict[str, list[dict[str, str]]]:
        status, body = pipeline.raw("GET", "/metrics/core")
        assert status == 200
        families = {family.name: family.samples for family in text_string_to_metric_families(body.decode())}
        return {name: [dict(sample.labels) for sample in samples] for name, samples in families.items() if samples}

    def complete() -> dict[str, list[dict[str, str]]]:
        told = read()
        enough = len(told.get("node_cpu_usage_seconds", [])) == 3 and namespace in str(told)
        return told if enough else {}

    found = eventually(60, complete, "every node and some container")
    assert sorted(labels["node"] for labels in found["node_cpu_usage_seconds"]) == NODES
    assert namespace in {labels["namespace"] for labels in found["container_cpu_usage_seconds"]}
    assert {"container", "namespace", "node", "pod"} == set(found["container_memory_working_set_bytes"][0])


def test_every_node_says_how_its_scraping_goes(pipeline: Api) -> None:
    found = json.loads(pipeline.raw("GET", "/debug/nodes")[1])["nodes"]
    assert [(each["node"], each["state"]) for each in found] == [(name, "served") for name in NODES]
    for each in found:
        assert each["certificate"] == "verified by its address"
        assert each["address"].startswith("127.1.")
        assert each["lastScrapeAgeSeconds"] < 15
        assert "error" not in each
