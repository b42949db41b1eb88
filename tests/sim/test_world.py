from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson
import pytest
import yaml

from autoscaler.model.identity import Identity, ResourceAttributes
from autoscaler.sim.curves import constant
from autoscaler.sim.kubelets import Fault
from autoscaler.sim.resources import DEPLOYMENTS
from autoscaler.sim.store import Preconditions
from autoscaler.sim.workloads import Workload
from autoscaler.sim.world import ADMIN_TOKEN, TOKEN, USER, Shape, World
from tests.clock import FakeClock

WEB = Workload(namespace="shop", name="web", replicas=3, cpu=constant(1.0))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World(FakeClock(), Shape(nodes=2), [WEB]) as world:
        yield world


async def get(world: World, url: str, token: str = TOKEN) -> tuple[int, bytes]:
    trust = ssl.create_default_context(cadata=world.authority.pem)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers, ssl=trust) as answer:
        return answer.status, await answer.read()


async def test_every_node_says_where_its_kubelet_listens_and_it_does(world: World) -> None:
    _, body = await get(world, f"{world.api.url}/api/v1/nodes")
    for node in orjson.loads(body)["items"]:
        address = node["status"]["addresses"][0]["address"]
        port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
        status, page = await get(world, f"https://{address}:{port}/metrics/resource")
        assert status == 200
        assert b'pod="web-' in page


async def test_pods_are_old_enough_to_be_believed_at_once(world: World) -> None:
    _, body = await get(world, f"{world.api.url}/api/v1/pods")
    pods = orjson.loads(body)["items"]
    assert len(pods) == 3
    assert {pod["status"]["startTime"] for pod in pods} == {"2027-01-15T07:49:59Z"}


async def test_replicas_are_followed_while_time_passes(world: World) -> None:
    world.store.scale(DEPLOYMENTS, "shop", "web", 5, Preconditions())
    clock = world.clock
    assert isinstance(clock, FakeClock)
    await clock.advance(5)
    assert world.deployment("shop", "web")["status"]["readyReplicas"] == 5
    assert world.elapsed() == 5


async def test_new_pods_avoid_a_dead_node(world: World) -> None:
    await world.kubelets["node-1"].set_fault(Fault.DEAD)
    before = len(world.kubelets["node-2"].ledger.pods)
    world.store.scale(DEPLOYMENTS, "shop", "web", 7, Preconditions())
    clock = world.clock
    assert isinstance(clock, FakeClock)
    await clock.advance(5)
    assert len(world.kubelets["node-2"].ledger.pods) == before + 4


@pytest.mark.parametrize(
    ("verb", "group", "resource", "subresource", "namespace", "allowed"),
    [
        pytest.param("get", "", "nodes", "metrics", "", True, id="scrape"),
        pytest.param("get", "", "nodes", "proxy", "", False, id="never proxy"),
        pytest.param("watch", "", "pods", "", "", True, id="watch pods"),
        pytest.param("delete", "", "pods", "", "shop", False, id="not delete pods"),
        pytest.param("update", "apps", "deployments", "scale", "shop", True, id="scale"),
        pytest.param("update", "apps", "deployments", "", "shop", False, id="not the deployment itself"),
        pytest.param("get", "", "configmaps", "", "kube-system", True, id="the front proxy's trust"),
        pytest.param("get", "", "configmaps", "", "shop", False, id="no other configuration"),
    ],
)
def test_our_account_may_do_what_the_chart_grants(
    verb: str, group: str, resource: str, subresource: str, namespace: str, allowed: bool
) -> None:
    world = World(FakeClock())
    asked = ResourceAttributes(
        verb=verb, group=group, version="v1", resource=resource, subresource=subresource, namespace=namespace
    )
    assert world.access.verdict(Identity(USER), asked).allowed is allowed


async def test_the_front_proxys_trust_is_published(world: World) -> None:
    path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    status, body = await get(world, world.api.url + path)
    data = orjson.loads(body)["data"]
    assert status == 200
    assert data["requestheader-client-ca-file"] == world.front_proxy_authority.pem
    assert data["requestheader-allowed-names"] == '["front-proxy-client"]'
    assert b"BEGIN CERTIFICATE" in world.front_proxy().certificate


async def test_a_kubeconfig_for_either_token(world: World, tmp_path: Path) -> None:
    for token in (TOKEN, ADMIN_TOKEN):
        body = yaml.safe_load(world.kubeconfig(tmp_path / token, token).read_text())
        assert body["users"][0]["user"]["token"] == token


async def test_nodes_can_have_addresses_of_their_own() -> None:
    async with World(FakeClock(), Shape(nodes=251, spread=True)) as world:
        hosts = [kubelet.host for kubelet in world.kubelets.values()]
        assert hosts[0] == "127.1.0.1"
        assert hosts[250] == "127.1.1.1"
        last = world.kubelets["node-251"]
        assert (await get(world, f"https://{last.host}:{last.port}/metrics/resource"))[0] == 200
