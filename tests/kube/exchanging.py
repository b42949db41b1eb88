"""An exchange with a scripted kubelet, and what it comes to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import AddressRules, Endpoint
from autoscaler.kube.exchange import KEPT, TlsExchange
from autoscaler.kube.kubelet import Answer
from autoscaler.kube.trust import TrustFiles, kubelet_context
from tests.certificates import Authority
from tests.kubelets import ScriptedKubelet

OURS = Authority("cluster")
VERIFYING = kubelet_context(TrustFiles(authority=OURS.pem.decode()), verify=True)
TOKEN = {"Authorization": "Bearer secret"}


def context(authority: Authority, folder: Path, san: str = "127.0.0.1", **more: object) -> ssl.SSLContext:
    pair = authority.issue(f"{authority.name}-{san}", sans=[san], **more).write(folder)  # type: ignore[arg-type]  # days and dates
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*pair)
    return made


@asynccontextmanager
async def opened(kept: int = KEPT) -> AsyncIterator[TlsExchange]:
    exchange = TlsExchange(AddressRules(loopback=True), kept=kept)
    try:
        yield exchange
    finally:
        await exchange.close()


async def asked(
    exchange: TlsExchange,
    kubelet: ScriptedKubelet,
    *,
    host: str = "127.0.0.1",
    name: str = "",
    tls: ssl.SSLContext = VERIFYING,
    seconds: float = 5.0,
) -> Answer:
    async with asyncio.timeout(seconds):
        return await exchange.ask("n1", Endpoint(host, kubelet.port, name), "/metrics/resource", TOKEN, tls)


async def failure(exchange: TlsExchange, kubelet: ScriptedKubelet, host: str = "127.0.0.1") -> ScrapeReason:
    with pytest.raises(ScrapeError) as caught:
        await asked(exchange, kubelet, host=host)
    assert caught.value.node == "n1"
    assert "secret" not in str(caught.value)
    return caught.value.reason
