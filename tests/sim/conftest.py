"""A running API server and a plain client of it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest

from autoscaler.clock import SystemClock
from autoscaler.model.identity import Identity
from autoscaler.sim.access import MASTERS, Access, Grant
from autoscaler.sim.apiserver import ApiServer
from autoscaler.sim.certificates import Authority
from autoscaler.sim.resources import DEPLOYMENTS, NAMESPACES, PODS
from autoscaler.sim.store import Store

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"


@dataclass
class Client:
    """Sends with a token, gives status and JSON back."""

    session: aiohttp.ClientSession
    url: str
    token: str = "admin"

    def headers(self, content_type: str = "application/json") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}

    async def ask(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        data = None if body is None else orjson.dumps(body)
        headers = self.headers(content_type)
        async with self.session.request(method, self.url + path, data=data, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Any:
        return (await self.ask("GET", path))[1]

    async def merge(self, path: str, body: Any) -> Any:
        return await self.ask("PATCH", path, body, "application/merge-patch+json")

    async def watch(self, path: str) -> AsyncIterator[Any]:
        timeout = aiohttp.ClientTimeout(total=20)
        async with self.session.get(self.url + path, headers=self.headers(), timeout=timeout) as answer:
            assert answer.status == 200, await answer.text()
            async for line in answer.content:
                yield orjson.loads(line)


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"nodeName": "node-1", "containers": []}}


def deployment(name: str = "web", replicas: int = 2) -> dict[str, Any]:
    selector = {"matchLabels": {"app": name}}
    return {"metadata": {"name": name}, "spec": {"replicas": replicas, "selector": selector}, "status": {"replicas": 9}}


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority("sim-ca")


@pytest.fixture
def store() -> Store:
    """With namespace shop, Deployment shop/web and Pods shop/a, shop/b, shop/c."""
    store = Store(SystemClock(), window=50)
    store.create(NAMESPACES, "", {"metadata": {"name": "shop"}})
    store.create(DEPLOYMENTS, "shop", deployment())
    for name, app in (("a", "web"), ("b", "web"), ("c", "cart")):
        store.create(PODS, "shop", pod(name, app=app))
    return store


@pytest.fixture
def access() -> Access:
    tokens = {
        "admin": Identity("admin", groups=(MASTERS,)),
        "reader": Identity("reader", uid="u-1", groups=("readers",), extra={"from": ("here",)}),
    }
    return Access(tokens, [Grant(subject="readers", verbs=("get", "list"), resources=("pods", "nodes/metrics"))])


@pytest.fixture
async def server(store: Store, access: Access, authority: Authority) -> AsyncIterator[ApiServer]:
    server = ApiServer(store, access, authority, bookmark_every=0.05)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[Client]:
    trust = ssl.create_default_context(cadata=server.authority.pem)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield Client(session, server.url)
