from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from autoscaler.kube.cluster import Cluster
from autoscaler.model.objects import Node, NodeName, Pod
from tests.kube.apiserver import (
    ApiServer,
    SkippingClock,
    listed,
    pod,
    refusal,
    running,
    serving,
    telemetry,
    until,
    watched,
)

NODES, PODS = "/api/v1/nodes", "/api/v1/pods"


def node(name: str, version: str = "1", *, ready: str = "True") -> dict[str, object]:
    conditions = [{"type": "Ready", "status": ready, "lastHeartbeatTime": f"2026-11-23T09:54:{version:0>2}Z"}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": version},
        "status": {"conditions": conditions},
    }


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with serving() as (server, client):
        server.client = client  # type: ignore[attr-defined]  # handed on to `made`
        server.on(NODES, listed(node("n1"), node("n2")))
        server.on(PODS, listed(pod("a"), pod("b", labels={"app": "web"})))
        server.on(f"{NODES}?watch", watched())
        server.on(f"{PODS}?watch", watched())
        yield server


def made(server: ApiServer, node_selector: str = "") -> Cluster:
    client = server.client  # type: ignore[attr-defined]  # set by the fixture
    return Cluster(client, clock=SkippingClock(), telemetry=telemetry(), node_selector=node_selector)


async def test_nodes_and_pods_are_known_once_synced(server: ApiServer) -> None:
    cluster = made(server)
    assert (cluster.synced, cluster.nodes(), list(cluster.pods_in(None))) == (False, {}, [])
    async with running(cluster.run):
        await cluster.wait_synced()
        assert cluster.synced
    assert sorted(cluster.nodes()) == ["n1", "n2"]
    assert (cluster.node("n1") or 0) is cluster.nodes()[NodeName("n1")]
    assert cluster.node("zz") is None
    assert sorted(each.name for each in cluster.pods_in(None)) == ["a", "b"]
    assert sorted(each.name for each in cluster.pods_in("shop")) == ["a", "b"]
    assert list(cluster.pods_in("other")) == []
    assert sorted(each.name for each in cluster.pods_on(NodeName("n1"))) == ["a", "b"]
    assert [each.name for each in cluster.pods_matching("shop", "app=web")] == ["b"]
    assert cluster.pod("shop", "a") is not None
    assert cluster.problem == ""


async def test_only_changes_of_what_is_kept_are_told(server: ApiServer) -> None:
    server.on(
        f"{NODES}?watch",
        watched(
            ("MODIFIED", node("n1", "11")),
            ("MODIFIED", node("n2", "12", ready="False")),
            ("ADDED", node("n3", "13")),
            ("DELETED", node("n3", "14")),
            ("ADDED", node("n4", "15")),
        ),
    )
    cluster = made(server)
    heard = cluster.node_changes()
    async with running(cluster.run):
        await until(lambda: cluster.node("n4"))
        names = [await anext(heard) for _ in range(4)]
    assert names == ["n1", "n2", "n3", "n4"], "the heartbeat of n1 alone is not told a second time"
    assert cluster.node("n3") is None
    assert cluster.nodes()[NodeName("n1")].resource_version == "11"


async def test_a_pod_that_begins_to_run_is_told_with_its_node_once(server: ApiServer) -> None:
    waiting, runs = {"status": {"phase": "Pending"}}, {"status": {"phase": "Running"}}
    server.on(PODS, listed(pod("old", **runs), pod("slow", **waiting)))
    server.on(
        f"{PODS}?watch",
        watched(
            ("MODIFIED", pod("old", "11", labels={"app": "x"}, **runs)),
            ("MODIFIED", pod("slow", "12", **runs)),
            ("MODIFIED", pod("slow", "13", labels={"app": "x"}, **runs)),
            ("ADDED", pod("unbound", "14", spec={}, **waiting)),
            ("ADDED", pod("quick", "15", **runs)),
            ("ADDED", pod("last", "16", **runs)),
        ),
    )
    cluster = made(server)
    heard = cluster.pod_starts()
    async with running(cluster.run):
        await until(lambda: cluster.pod("shop", "last"))
        found = [await anext(heard) for _ in range(3)]
    assert [(node, key.name) for node, key in found] == [("n1", "slow"), ("n1", "quick"), ("n1", "last")]


async def test_who_follows_is_called_with_every_difference_once_it_is_known(server: ApiServer) -> None:
    server.on(f"{PODS}?watch", watched(("MODIFIED", pod("a", "11", labels={"new": "1"})), ("DELETED", pod("b", "12"))))
    cluster = made(server)
    pods: list[tuple[str, str, bool]] = []
    nodes: list[tuple[bool, str]] = []

    def follow_pod(old: Pod | None, new: Pod | None) -> None:
        name = (new or old).name  # type: ignore[union-attr] # one of them is there
        pods.append((name, "".join(new.labels) if new else "gone", cluster.pod("shop", name) is new))

    def follow_node(old: Node | None, new: Node | None) -> None:
        nodes.append((old is None, new.name if new else "gone"))

    cluster.follow(follow_pod, follow_node)
    async with running(cluster.run):
        await until(lambda: len(pods) == 4)
    assert sorted(pods[:2]) == [("a", "app", True), ("b", "app", True)]
    assert pods[2:] == [("a", "new", True), ("b", "gone", True)]
    assert sorted(nodes) == [(True, "n1"), (True, "n2")]


async def test_a_node_selector_is_for_the_api_server_to_apply(server: ApiServer) -> None:
    cluster = made(server, "pool=a,!skip")
    async with running(cluster.run):
        await cluster.wait_synced()
        await until(lambda: server.queries(NODES, watch=True))
    for watch in (False, True):
        assert server.queries(NODES, watch=watch)[0]["labelSelector"] == "pool=a,!skip"
        assert "labelSelector" not in server.queries(PODS, watch=False)[0]


async def test_what_is_forbidden_is_named_and_the_other_goes_on(server: ApiServer) -> None:
    server.on(NODES, refusal(403, 'nodes is forbidden: User "x" cannot list resource "nodes"'))
    cluster = made(server)
    async with running(cluster.run):
        await until(lambda: cluster.pod("shop", "a") and cluster.problem)
        assert not cluster.synced
        assert "nodes is forbidden" in cluster.problem
        assert "pods" not in cluster.problem
