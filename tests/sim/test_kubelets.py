from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest

from autoscaler.clock import SystemClock
from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.errors import MalformedError
from autoscaler.sim.access import Access
from autoscaler.sim.certificates import Authority
from autoscaler.sim.kubelets import Fault, Kubelet, kubelets

RESOURCE = "/metrics/resource"


@pytest.fixture
async def kubelet(access: Access, authority: Authority) -> AsyncIterator[Kubelet]:
    clock = SystemClock()
    where = [("node-1", "127.0.0.1")]
    (kubelet,) = kubelets(where, authority=authority, access=access, clock=clock, epoch=clock.now(), period=10.0)
    await kubelet.start()
    yield kubelet
    await kubelet.stop()


@pytest.fixture
async def session(authority: Authority) -> AsyncIterator[aiohttp.ClientSession]:
    trust = ssl.create_default_context(cadata=authority.pem)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield session


async def page(
    session: aiohttp.ClientSession, kubelet: Kubelet, path: str = RESOURCE, token: str = "reader"
) -> tuple[int, bytes]:
    url = f"https://127.0.0.1:{kubelet.port}{path}"
    headers = {"Authorization": f"Bearer {token}"}
    async with session.get(url, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.read()


async def test_a_reader_of_metrics_gets_the_page(session: aiohttp.ClientSession, kubelet: Kubelet) -> None:
    status, body = await page(session, kubelet)
    assert status == 200
    assert ExpositionDecoder().page(body, 0).node is not None
    assert kubelet.requests == {f"{RESOURCE} 200": 1}


@pytest.mark.parametrize(
    ("path", "token", "status", "text"),
    [
        pytest.param(RESOURCE, "wrong", 401, "Unauthorized", id="an unknown token"),
        pytest.param(
            "/stats/summary",
            "reader",
            403,
            "Forbidden (user=reader, verb=get, resource=nodes, subresource(s)=[stats])",
            id="metrics do not include stats",
        ),
        pytest.param("/pods", "reader", 403, "subresource(s)=[proxy]", id="nor anything else"),
        pytest.param("/stats/summary", "admin", 200, '"nodeName":"node-1"', id="the summary"),
        pytest.param("/nothing", "admin", 404, "404 page not found", id="no such page"),
    ],
)
async def test_who_may_read_what(
    session: aiohttp.ClientSession, kubelet: Kubelet, path: str, token: str, status: int, text: str
) -> None:
    found, body = await page(session, kubelet, path, token)
    assert found == status
    assert text in body.decode()


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [(Fault.ERROR, 500, "internal error"), (Fault.REDIRECT, 302, ""), (Fault.MISSING, 404, "not found")],
)
async def test_faults_with_a_status(
    session: aiohttp.ClientSession, kubelet: Kubelet, fault: Fault, status: int, text: str
) -> None:
    await kubelet.set_fault(fault)
    found, body = await page(session, kubelet)
    assert found == status
    assert text in body.decode()
    await kubelet.set_fault(Fault.NONE)
    assert (await page(session, kubelet))[0] == 200


async def test_faults_of_the_body(session: aiohttp.ClientSession, kubelet: Kubelet) -> None:
    await kubelet.set_fault(Fault.JUNK)
    with pytest.raises(MalformedError):
        ExpositionDecoder().page((await page(session, kubelet))[1], 0)
    await kubelet.set_fault(Fault.NO_STATS)
    assert ExpositionDecoder().page((await page(session, kubelet))[1], 0).failed
    await kubelet.set_fault(Fault.SHORT)
    with pytest.raises(aiohttp.ClientPayloadError):
        await page(session, kubelet)


async def test_a_body_without_end_goes_on_until_the_reader_has_enough(
    session: aiohttp.ClientSession, kubelet: Kubelet
) -> None:
    await kubelet.set_fault(Fault.HUGE)
    url = f"https://127.0.0.1:{kubelet.port}{RESOURCE}"
    async with session.get(url, headers={"Authorization": "Bearer reader"}) as answer:
        assert len(await answer.content.readexactly(3_000_000)) == 3_000_000


async def test_a_dead_kubelet_refuses_and_comes_back_on_its_port(
    session: aiohttp.ClientSession, kubelet: Kubelet
) -> None:
    port = kubelet.port
    await kubelet.set_fault(Fault.DEAD)
    with pytest.raises(aiohttp.ClientConnectorError):
        await page(session, kubelet)
    await kubelet.set_fault(Fault.NONE)
    assert kubelet.port == port
    assert (await page(session, kubelet))[0] == 200


async def test_a_stranger_is_not_believed(session: aiohttp.ClientSession, kubelet: Kubelet) -> None:
    await kubelet.set_fault(Fault.STRANGER)
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await page(session, kubelet)


async def test_a_hanging_kubelet_says_nothing(session: aiohttp.ClientSession, kubelet: Kubelet) -> None:
    await kubelet.set_fault(Fault.HANG)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(page(session, kubelet), 0.2)


async def test_pages_are_compressed_for_those_who_ask(session: aiohttp.ClientSession, kubelet: Kubelet) -> None:
    url = f"https://127.0.0.1:{kubelet.port}{RESOURCE}"
    for encoding, expected in (("gzip", "gzip"), ("identity", None)):
        headers = {"Authorization": "Bearer reader", "Accept-Encoding": encoding}
        async with session.get(url, headers=headers) as answer:
            assert answer.headers.get("Content-Encoding") == expected
            assert b"resource_scrape_error 0" in await answer.read()
