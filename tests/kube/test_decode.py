from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from autoscaler.errors import MalformedError
from autoscaler.kube import decode
from autoscaler.model.objects import Container, InitContainer, NodeAddress, Owner, Ready

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web-1",
        "namespace": "shop",
        "uid": "u1",
        "resourceVersion": "42",
        "creationTimestamp": "2026-11-23T09:54:21Z",
        "deletionTimestamp": "2026-11-23T10:00:00Z",
        "labels": {"app": "web"},
        "annotations": {"big": "x" * 2**20},
        "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}],
        "ownerReferences": [
            {"uid": "other"},
            {"uid": "rs-1", "controller": True, "kind": "ReplicaSet", "apiVersion": "apps/v1", "name": "web-5d8"},
        ],
    },
    "spec": {
        "nodeName": "n1",
        "containers": [
            {"name": "app", "image": "x", "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}}},
            {"name": "bare", "resources": {}},
        ],
        "initContainers": [
            {"name": "setup", "resources": {"requests": {"cpu": "1"}}},
            {"name": "proxy", "restartPolicy": "Always"},
        ],
        "overhead": {"cpu": "10m"},
        "resources": {"requests": {"cpu": "2"}},
    },
    "status": {
        "phase": "Running",
        "startTime": "2026-11-23T09:54:22Z",
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-23T09:54:30Z"},
        ],
    },
}

NODE: dict[str, Any] = {
    "metadata": {
        "name": "n1",
        "uid": "u",
        "labels": {"zone": "a"},
        "annotations": {"metrics.k8s.io/resource-metrics-path": "/m", "other/large": "x"},
    },
    "status": {
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "Unknown"}],
    },
}


def data(document: object) -> bytes:
    return json.dumps(document).encode()


def test_s21_a_pod_is_reduced_to_what_is_read() -> None:
    pod = decode.pod(data(POD))
    assert (pod.namespace, pod.name, pod.uid, pod.resource_version) == ("shop", "web-1", "u1", "42")
    assert (pod.node, pod.labels, pod.phase, pod.deleted) == ("n1", {"app": "web"}, "Running", True)
    assert (pod.created, pod.started) == (1795427661.0, 1795427662.0)
    assert pod.ready == Ready("False", 1795427670.0)
    assert pod.containers == (Container("app", {"cpu": 250, "memory": 67_108_864_000}), Container("bare"))
    assert pod.init_containers == (InitContainer("setup", {"cpu": 1000}), InitContainer("proxy", sidecar=True))
    assert (pod.pod_requests, pod.overhead, pod.owner) == (
        {"cpu": 2000}, {"cpu": 10}, Owner("apps/v1", "ReplicaSet", "web-5d8", "rs-1"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"metadata": {"name": "p", "namespace": "n"}}, id="absent"),
        pytest.param(
            {
                "metadata": {"name": "p", "namespace": "n", "labels": None, "creationTimestamp": None},
                "spec": {"containers": None, "initContainers": None, "nodeName": None, "resources": None},
                "status": {"conditions": None, "phase": None, "startTime": None},
            },
            id="null",
        ),
    ],
)
def test_absent_and_null_are_the_same(document: object) -> None:
    pod = decode.pod(data(document))
    assert (pod.node, pod.phase, pod.deleted, pod.created, pod.started, pod.ready) == ("", "", False, None, None, None)
    assert (pod.containers, pod.init_containers, pod.pod_requests, pod.labels) == ((), (), None, {})


def test_pods_share_what_is_equal() -> None:
    other = {**POD, "metadata": {**POD["metadata"], "name": "web-2"}}
    one, two = decode.pod(data(POD)), decode.pod(data(other))
    assert one.labels is two.labels
    assert (one.containers is two.containers, one.ready is two.ready, one.started is two.started) == (True,) * 3
    assert one.node is two.node
    assert one.name is sys.intern("".join(one.name)), "as the decoder of its page has it"


def test_a_node_is_reduced_to_what_is_read() -> None:
    node = decode.node(data(NODE))
    assert (node.name, node.uid, node.labels, node.ready) == ("n1", "u", {"zone": "a"}, False)
    assert node.annotations == {"metrics.k8s.io/resource-metrics-path": "/m"}
    assert node.addresses == (NodeAddress("InternalIP", "10.0.0.1"),)
    assert (node.kubelet_port, node.capacity) == (10250, {"cpu": 4000, "memory": 8 * 2**30 * 1000})


def test_a_bare_node_counts_as_ready_and_tells_nothing_else() -> None:
    node = decode.node(b'{"metadata":{"name":"n"}}')
    assert (node.ready, node.kubelet_port, node.capacity, node.addresses, node.created) == (True, 0, {}, (), None)


@pytest.mark.parametrize(
    ("document", "replicas", "observed", "selector"),
    [
        ({"spec": {"replicas": 3}, "status": {"replicas": 2, "selector": "app=web"}}, 3, 2, "app=web"),
        ({"spec": {}, "status": {"replicas": 0}}, 0, 0, ""),
        ({}, 0, 0, ""),
    ],
    ids=["whole", "scaled to zero", "empty"],
)
def test_a_scale_has_go_defaults(document: dict[str, object], replicas: int, observed: int, selector: str) -> None:
    scale = decode.scale(data({"metadata": {"name": "web", "namespace": "shop", "uid": "u"}, **document}))
    assert (scale.replicas, scale.observed, scale.selector, scale.uid) == (replicas, observed, selector, "u")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"null", "Expected `object`"),
        (b'{"metadata":7}', r"\$\.metadata"),
        (b'{"spec":{}}', "metadata"),
        (b'{"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"cpu":"lots"}}}]}}', "lots"),
        (b'{"metadata":{"name":"p","creationTimestamp":"yesterday"}}', "yesterday"),
        (b'{"metadata":{"name":"\xff"}}', "utf-8"),
    ],
    ids=["empty", "torn", "null", "wrong type", "no metadata", "a bad quantity", "a bad time", "no UTF-8"],
)
def test_what_breaks_the_grammar_says_where(text: bytes, where: str) -> None:
    with pytest.raises(MalformedError, match=where):
        decode.pod(text)


@pytest.mark.parametrize(("value", "amount"), [("1", 1000), (2, 2000), (0.5, 500)])
def test_quantities_may_be_numbers(value: str | float, amount: int) -> None:
    assert decode.amount(value) == amount


def test_the_zero_time_is_no_time() -> None:
    assert decode.instant("0001-01-01T00:00:00Z") is None
