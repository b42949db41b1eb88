"""Answers of the real metrics-server and the items they were made of."""

from __future__ import annotations

from pathlib import Path

from autoscaler.api.items import Item, node_item, pod_item
from autoscaler.model.metrics import NodeUsage, PodUsage, Usage
from autoscaler.model.objects import Node, NodeName, Pod
from tests.api.cluster import SAMPLED, pod_usage

HERE = Path(__file__).parent / "golden"

WEB = Pod(
    namespace="default", name="web-0", uid="u1", node=NodeName("node-a"), labels={"tier": "fe", "app": "web"}
)  # fmt: skip
WEB_USAGE = pod_usage(WEB, ("main", 250_002_551, 53_687_091), ("sidecar", 100_001, 1049))
DNS = Pod(namespace="kube-system", name="dns-0", uid="u2", labels={"k8s-app": "dns"})
DNS_USAGE = pod_usage(DNS, ("dns", 1_500_014_296, 12345 << 10))
WEB_1 = Pod(namespace="default", name="web-1", labels={"app": "web"})
WEB_1_USAGE = PodUsage(
    "default", "web-1", "", (("main", Usage(499_995_346, 64 << 20, SAMPLED + 91_000_000_000, 9_994_000_000)),),
    SAMPLED + 91_000_000_000, 9_994_000_000,
)  # fmt: skip
NODE = Node(name=NodeName("node-a"), uid="a", labels={"zone": "z1", "kubernetes.io/hostname": "node-a"})
NODE_USAGE = NodeUsage(NODE.name, Usage(500_030_364, 2 << 30, SAMPLED, 11_990_000_000))

POD_JSON = (HERE / "pod.json").read_bytes()
NODE_JSON = (HERE / "node.json").read_bytes()
POD_LIST_JSON = (HERE / "pod-list.json").read_bytes()
"""Asked a second later than the others."""
EMPTY_LIST_JSON = (HERE / "empty-list.json").read_bytes()


def web() -> Item:
    """The pod of POD_JSON."""
    return pod_item(WEB, WEB_USAGE)


def dns() -> Item:
    """The pod of POD_LIST_JSON."""
    return pod_item(DNS, DNS_USAGE)


def node() -> Item:
    """The node of NODE_JSON."""
    return node_item(NODE, NODE_USAGE)
