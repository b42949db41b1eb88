"""What `kubectl get` shows of usage, through the real aggregator, and in which encodings clients ask for it."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tests.api import protodecode
from tests.e2e.cluster import Cluster, node_name
from tests.e2e.eventually import eventually
from tests.e2e.release import VERSIONS
from tests.e2e.workloads import Namespace

pytestmark = pytest.mark.usefixtures("release")

PROTOBUF = "application/vnd.kubernetes.protobuf"


def rows(cluster: Cluster, *arguments: str) -> list[list[str]]:
    """The cells of what is printed, the header first; cells are three spaces apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in cluster.kubectl("get", *arguments).splitlines()]


def test_pods_have_the_columns_of_kubectl_top_and_more_when_wide(cluster: Cluster, shop: Namespace) -> None:
    header, *pods = rows(cluster, "podmetrics", "-n", "shop")
    assert header == ["NAME", "CPU", "MEMORY", "WINDOW"]
    assert len(pods) == 3
    for _, cpu, memory, window in pods:
        assert int(cpu.removesuffix("m")) == pytest.approx(50, abs=3)
        assert (memory, window.endswith("s")) == ("64Mi", True)
    header, *pods = rows(cluster, "podmetrics", "-n", "shop", "-o", "wide")
    assert header == ["NAME", "CPU", "MEMORY", "WINDOW", "NODE", "SAMPLE AGE"]
    bound = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in shop.pods("web")}
    assert {name: node for name, _, _, _, node, _ in pods} == bound
    assert all(int(age.removesuffix("s")) < 60 for *_, age in pods)


def test_pods_of_all_namespaces_with_labels_in_an_order(cluster: Cluster, shop: Namespace) -> None:
    header, *found = rows(cluster, "podmetrics", "-A", "-L", "app", "--sort-by", ".metadata.name", "-l", "app=web")
    assert header == ["NAMESPACE", "NAME", "CPU", "MEMORY", "WINDOW", "APP"]
    mine = [row for row in found if row[0] == "shop"]
    assert len(mine) == 3
    assert [row[1] for row in found] == sorted(row[1] for row in found)
    assert all(row[-1] == "web" for row in mine)


def test_nodes(cluster: Cluster, shop: Namespace) -> None:
    header, *nodes = rows(cluster, "nodes.metrics.k8s.io", "-o", "wide")
    assert header == ["NAME", "CPU", "MEMORY", "WINDOW", "SAMPLE AGE"]
    assert [row[0] for row in nodes] == [node_name(number) for number in range(3)]
    assert rows(cluster, "nodes.metrics.k8s.io", node_name(1))[1][0] == node_name(1)


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_whole_objects(cluster: Cluster, shop: Namespace, output: str) -> None:
    shown = yaml.safe_load(cluster.kubectl("get", "podmetrics", "-n", "shop", "-o", output))
    assert [item["kind"] for item in shown["items"]] == ["PodMetrics"] * 3
    for item in shown["items"]:
        assert [container["name"] for container in item["containers"]] == ["app"]
        assert isinstance(item["timestamp"], str)


def test_kubectl_top_takes_protobuf_when_it_asks_for_it(cluster: Cluster, shop: Namespace) -> None:
    trace = cluster.traced_kubectl("top", "pods", "-n", "shop")
    _, _, answered = trace.partition("metrics.k8s.io/v1/namespaces/shop/pods")
    assert f"Content-Type: {PROTOBUF}" in answered, trace[-3000:]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_encoding_passes_the_aggregator_and_says_the_same(
    cluster: Cluster, shop: Namespace, version: str
) -> None:
    path = f"/apis/metrics.k8s.io/{version}/namespaces/shop/pods"

    def asked(accept: str) -> bytes:
        status, body = cluster.admin.raw("GET", path, headers={"Accept": accept})
        assert status == 200, body
        return body

    def same() -> bool:
        found = json.loads(asked("application/json")), yaml.safe_load(asked("application/yaml"))
        binary = protodecode.document(asked(PROTOBUF))
        shown = [
            (each["kind"], each["apiVersion"], [(item["timestamp"], item["containers"]) for item in each["items"]])
            for each in (*found, binary)
        ]
        assert shown[0][:2] == shown[1][:2] == shown[2][:2] == ("PodMetricsList", f"metrics.k8s.io/{version}")
        return shown[0] == shown[1] == shown[2]

    eventually(10, same, "no new sample between the three requests")


def test_bare_metadata_as_garbage_collectors_and_dashboards_ask_for_it(cluster: Cluster, shop: Namespace) -> None:
    many = f"{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    path = "/apis/metrics.k8s.io/v1/namespaces/shop/pods"
    shown = protodecode.document(cluster.admin.raw("GET", path, headers={"Accept": many})[1])
    assert shown["kind"] == "PartialObjectMetadataList"
    assert all(item["metadata"]["labels"]["app"] == "web" for item in shown["items"])


def test_who_takes_none_of_them_is_told_what_there_is(cluster: Cluster, shop: Namespace) -> None:
    path = "/apis/metrics.k8s.io/v1/nodes"
    status, body = cluster.admin.raw("GET", path, headers={"Accept": "text/html"})
    assert status == 406
    assert PROTOBUF in json.loads(body)["message"]
