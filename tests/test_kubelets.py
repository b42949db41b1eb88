from pathlib import Path

import pytest

from autoscaler.config.load import load
from autoscaler.errors import ConfigError, ScrapeError, ScrapeReason
from autoscaler.kube.client import KubeClient
from autoscaler.kube.connection import Connection, Connections, Material, Source
from autoscaler.kube.kubelet import KubeletClient
from autoscaler.kubelets import kubelet_client, pace
from autoscaler.model.metrics import Source as Pages
from autoscaler.model.objects import Node, NodeAddress, NodeName
from autoscaler.telemetry import Telemetry
from tests.certificates import Authority
from tests.clock import FakeClock

CA = Authority("cluster").pem.decode()


class NoSource(Source):
    async def read(self, *, refused: bool = False) -> Connection:
        raise AssertionError("the first connection will do")


async def made(**options: str) -> KubeletClient:
    connection = Connection(host="https://10.96.0.1:443", material=Material(ca=CA))
    clock = FakeClock()
    settings = load({name.replace("_", "-"): value for name, value in options.items()}, {}).kubelet
    connections = Connections(connection, NoSource(), clock)
    return await kubelet_client(settings, connections, KubeClient(connections, Telemetry().kube), clock)


def node(address: str, port: int = 0) -> Node:
    return Node(name=NodeName("n1"), uid="u", addresses=(NodeAddress("InternalIP", address),), kubelet_port=port)


async def refusal(client: KubeletClient, one: Node) -> ScrapeReason:
    with pytest.raises(ScrapeError) as caught:
        await client.page(one, Pages.RESOURCE)
    await client.close()
    return caught.value.reason


async def test_the_clusters_ca_will_do_for_kubelets() -> None:
    assert await refusal(await made(), node("127.0.0.1")) is ScrapeReason.ADDRESS_DENIED


async def test_k27_the_api_server_is_no_kubelet() -> None:
    client = await made(kubelet_use_node_status_port="true")
    assert await refusal(client, node("10.96.0.1", 443)) is ScrapeReason.ADDRESS_DENIED


async def test_without_the_token_of_the_named_account_no_kubelet_is_asked() -> None:
    """The client to the API server is not open here: there is no token, and our own is not shown instead."""
    client = await made(kubelet_token_account="ours/scraper", kubelet_allow_loopback="true")
    assert await refusal(client, node("127.0.0.1", 1)) is ScrapeReason.UNAUTHORIZED
    own = await made(kubelet_allow_loopback="true", kubelet_port="1")
    assert await refusal(own, node("127.0.0.1")) is ScrapeReason.CONNECT


async def test_a_ca_that_is_none_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "half.crt").write_text("half a fi")
    with pytest.raises(ConfigError, match=r"half\.crt"):
        await made(kubelet_certificate_authority=str(tmp_path))


def test_the_pace_is_that_of_the_settings() -> None:
    def hot(**options: str) -> float:
        settings = load({name.replace("_", "-"): value for name, value in options.items()}, {}).kubelet
        return pace(settings, FakeClock()).interval(hot=True, awaited=False, took=0.5)

    assert hot() == 10
    assert hot(hot_kubelet_budget="0.5") == 5
    assert hot(hot_kubelet_budget="0.5", hot_resolution="7s") == 7
    assert hot(hot_resolution="0") == 15
    assert hot(metric_resolution="4s") == 4
