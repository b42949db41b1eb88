"""What kubectl and the aggregator make of our discovery and our schema (A29)."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cluster import Cluster, node_name
from tests.e2e.eventually import eventually
from tests.e2e.release import VERSIONS
from tests.e2e.workloads import Namespace

pytestmark = pytest.mark.usefixtures("release")

SCHEMA = 90.0
"""Seconds within which the aggregator fetches the schema of a new APIService; it looks every minute at the latest."""
META = "io.k8s.apimachinery.pkg.apis.meta.v1."


def explained(cluster: Cluster, *arguments: str) -> str:
    """The words of `kubectl explain`, once the aggregator has our schema."""

    def told() -> str:
        return " ".join(cluster.kubectl("explain", *arguments).split())

    return eventually(SCHEMA, told, "the schema is known")


@pytest.mark.parametrize("version", VERSIONS)
def test_a29_kubectl_explains_the_objects(cluster: Cluster, version: str) -> None:
    chosen = f"--api-version=metrics.k8s.io/{version}"
    pods = explained(cluster, "podmetrics", chosen)
    assert f"GROUP: metrics.k8s.io KIND: PodMetrics VERSION: {version}" in pods
    assert "PodMetrics sets resource usage metrics of a pod." in pods
    assert "containers <[]ContainerMetrics> -required-" in pods
    assert "<no description>" not in pods
    assert "GROUP: metrics.k8s.io KIND: NodeMetrics" in explained(cluster, "nodemetrics", chosen)


def test_a29_kubectl_explains_a_field_down_to_the_quantity(cluster: Cluster) -> None:
    field = explained(cluster, "podmetrics.containers.usage", "--api-version=metrics.k8s.io/v1beta1")
    assert "FIELD: usage <map[string]Quantity>" in field
    assert "The memory usage is the memory working set." in field
    everything = explained(cluster, "nodemetrics", "--recursive")
    assert "creationTimestamp <string>" in everything


def test_a29_kubectl_lists_our_resources(cluster: Cluster) -> None:
    lines = cluster.kubectl("api-resources", "--api-group=metrics.k8s.io", "--no-headers").splitlines()
    assert [line.split() for line in lines] == [
        ["nodes", "metrics.k8s.io/v1", "false", "NodeMetrics"],
        ["pods", "metrics.k8s.io/v1", "true", "PodMetrics"],
    ]
    versions = cluster.kubectl("api-versions").split()
    assert {f"metrics.k8s.io/{version}" for version in VERSIONS} <= set(versions)


def test_a29_kubectl_gets_pods_as_a_table(cluster: Cluster, shop: Namespace) -> None:
    head, *rows = cluster.kubectl("get", "podmetrics", "-n", "shop").splitlines()
    assert head.split()[:3] == ["NAME", "CPU", "MEMORY"]
    assert sorted(row.split()[0] for row in rows) == sorted(pod["metadata"]["name"] for pod in shop.pods("web"))


def test_a29_kubectl_gets_nodes_wide(cluster: Cluster, shop: Namespace) -> None:
    head, *rows = cluster.kubectl("get", "nodes.metrics.k8s.io", "-o", "wide").splitlines()
    assert {"NAME", "CPU", "MEMORY", "WINDOW"} <= set(head.split())
    assert [row.split()[0] for row in rows] == [node_name(number) for number in range(3)]


def test_a29_kubectl_top_shows_containers_and_sorts(cluster: Cluster, shop: Namespace) -> None:
    rows = cluster.kubectl("top", "pod", "-n", "shop", "--containers", "--no-headers").splitlines()
    assert {tuple(row.split()[1:2]) for row in rows} == {("app",)}
    sums = cluster.kubectl("top", "pod", "-A", "--sort-by=memory", "--no-headers", "--sum").splitlines()
    amounts = [int(row.split()[3].removesuffix("Mi")) for row in sums if row.split()[0] == "shop"]
    assert amounts == sorted(amounts, reverse=True)
    assert cluster.kubectl("top", "pod", "-n", "shop", "-l", "app=nothing") == ""


def test_the_aggregator_merges_our_schema_without_renaming_a_word_of_its_own(cluster: Cluster) -> None:
    def merged() -> bool:
        found = cluster.admin.get("/openapi/v2")["definitions"]
        ours = {name for name in found if ".metrics.pkg.apis.metrics." in name}
        renamed = {name for name in found if name.startswith(META) and name[-3:-1] == "_v"}
        assert not renamed, "a definition of ours differs from the API server's"
        return {name.split(".")[-1] for name in ours} >= {"NodeMetrics", "PodMetricsList", "ContainerMetrics"}

    assert eventually(SCHEMA, merged, "the merged document has our kinds")


def test_the_aggregated_discovery_has_our_group(cluster: Cluster) -> None:
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    status, body = cluster.admin.raw("GET", "/apis", headers=accept)
    [group] = [each for each in json.loads(body)["items"] if each["metadata"]["name"] == "metrics.k8s.io"]
    assert status == 200
    assert [each["version"] for each in group["versions"]] == list(reversed(VERSIONS))
    assert {each["freshness"] for each in group["versions"]} == {"Current"}


def test_a_404_says_why_and_kubectl_shows_it(cluster: Cluster, shop: Namespace) -> None:
    unbound = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "waiting"},
        "spec": {"schedulingGates": [{"name": "tests/wait"}], "containers": [{"name": "app", "image": "x"}]},
    }
    cluster.admin.post("/api/v1/namespaces/shop/pods", unbound)
    path = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/waiting"

    def told() -> bytes:
        status, body = cluster.admin.raw("GET", path)
        return body if status == 404 and b"phase" in body else b""

    found = json.loads(eventually(15, told, "the pod is known"))
    assert found["message"].endswith('"shop/waiting" not found: the pod\'s phase is Pending')
    assert found["details"]["causes"] == [{"reason": "PodNotRunning", "message": "the pod's phase is Pending"}]
    with pytest.raises(AssertionError, match="the pod's phase is Pending"):
        cluster.kubectl("get", "--raw", path)
