"""Through the real aggregator, verified: what `kubectl top` and any other client see is what the pods use."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.e2e.cluster import Cluster, node_name
from tests.e2e.eventually import eventually
from tests.e2e.release import VERSIONS, Release
from tests.e2e.workloads import Namespace

pytestmark = pytest.mark.usefixtures("release")


def pod_rows(cluster: Cluster, *flags: str) -> list[list[str]]:
    return [line.split() for line in cluster.kubectl("top", "pods", "--no-headers", *flags).splitlines() if line]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_server_verifies_and_reaches_us(cluster: Cluster, release: Release, version: str) -> None:
    service = cluster.admin.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.metrics.k8s.io")
    assert release.registered(version)["reason"] == "Passed"
    assert not service["spec"].get("insecureSkipTLSVerify")
    assert service["spec"]["caBundle"]


def test_kubectl_top_nodes_shows_every_node(cluster: Cluster, shop: Namespace) -> None:
    rows = [line.split() for line in cluster.kubectl("top", "nodes", "--no-headers").splitlines()]
    assert [row[0] for row in rows] == [node_name(number) for number in range(3)]
    for _, cpu, _, memory, _ in rows:
        assert int(cpu.removesuffix("m")) >= 50, "a node's own 50m, and its pods'"
        assert int(memory.removesuffix("Mi")) >= 200


def test_kubectl_top_pods_shows_what_they_use(cluster: Cluster, shop: Namespace) -> None:
    rows = [row for row in pod_rows(cluster, "-A") if row[0] == "shop"]
    assert len(rows) == 3
    for _, _, cpu, memory in rows:
        assert int(cpu.removesuffix("m")) == pytest.approx(50, abs=3)
        assert memory == "64Mi"


def test_kubectl_top_pods_takes_a_selector_and_a_name(cluster: Cluster, shop: Namespace) -> None:
    name = shop.pods("web")[0]["metadata"]["name"]
    assert len(pod_rows(cluster, "-n", "shop", "-l", "app=web")) == 3
    assert [row[0] for row in pod_rows(cluster, "-n", "shop", name)] == [name]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("nodes",), id="all nodes"),
        pytest.param(("nodes", node_name(1)), id="one node"),
        pytest.param(("pods", "-n", "shop"), id="pods"),
    ],
)
def test_our_own_top_tells_of_the_same(cluster: Cluster, shop: Namespace, words: tuple[str, ...]) -> None:
    config = cluster.plane.kubeconfig("admin")
    command = [sys.executable, "-m", "autoscaler", "top", *words, f"--kubeconfig={config}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    ours = [line.split() for line in done.stdout.splitlines()[1:]]
    theirs = [line.split() for line in cluster.kubectl("top", *words, "--no-headers").splitlines()]
    assert [row[0] for row in ours] == [row[0] for row in theirs]
    if words[0] == "nodes":
        assert all(row[2].endswith("%") and row[4].endswith("%") for row in ours), "shares of what pods may use"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_raw_request_gives_the_documented_object(cluster: Cluster, shop: Namespace, version: str) -> None:
    path = f"/apis/metrics.k8s.io/{version}/namespaces/shop/pods"
    found = json.loads(cluster.kubectl("get", "--raw", path))
    assert (found["kind"], found["apiVersion"]) == ("PodMetricsList", f"metrics.k8s.io/{version}")
    for item in found["items"]:
        assert {"timestamp", "window", "containers"} <= item.keys()
        assert [container["name"] for container in item["containers"]] == ["app"]
        assert item["containers"][0]["usage"].keys() == {"cpu", "memory"}


def test_who_may_read_nothing_is_refused(cluster: Cluster, shop: Namespace) -> None:
    """The aggregator passes the caller on; we ask the API server what that caller may."""
    answer = cluster.bearer(cluster.token("shop", "default")).raw("GET", "/apis/metrics.k8s.io/v1beta1/nodes")
    assert answer[0] == 403
    assert json.loads(answer[1])["reason"] == "Forbidden"


def test_who_may_view_a_namespace_sees_its_usage_and_no_other(cluster: Cluster, shop: Namespace) -> None:
    """By the roles of the chart, which aggregate to view."""
    cluster.kubectl(
        "-n", "shop", "create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount=shop:default"
    )
    viewer = cluster.bearer(cluster.token("shop", "default"))
    mine = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"
    eventually(15, lambda: viewer.raw("GET", mine)[0] == 200, "the aggregated role reaches the authorizer")
    assert viewer.raw("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/kube-system/pods")[0] == 403


def test_a_pod_nobody_knows_is_a_404_that_says_why(cluster: Cluster, shop: Namespace) -> None:
    status, body = cluster.admin.raw("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/nobody")
    assert (status, json.loads(body)["reason"]) == (404, "NotFound")
