"""A kubelet's client with everything around it scripted: tokens, peers, answers."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping

import pytest

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import AddressRules, Endpoint
from autoscaler.kube.kubelet import Answer, KubeletClient
from autoscaler.kube.trust import KubeletTrust, TrustFiles
from autoscaler.model.metrics import Source
from autoscaler.model.objects import Node, NodeAddress, NodeName
from tests.certificates import Authority
from tests.clock import FakeClock
from tests.kubelets import PAGE

OURS = Authority("cluster")


NODE = Node(
    name=NodeName("n1"), uid="u1", labels={"old": "yes"},
    addresses=(
        NodeAddress("InternalIP", "10.0.0.1"), NodeAddress("ExternalIP", "5.0.0.1"), NodeAddress("Hostname", "h"),
    ),
)  # fmt: skip


class Tokens:
    """The first one until it is refused."""

    def __init__(self, *tokens: str) -> None:
        self.left = list(tokens)

    async def token(self, refused: str = "") -> str:
        if refused == self.left[0] and len(self.left) > 1:
            del self.left[0]
        return self.left[0]


Reply = Answer | ScrapeReason | Callable[[], Awaitable[Answer]]


class Peers:
    """An exchange whose peers, by host or by host and name, reply as told; the others cannot be reached."""

    def __init__(self, **replies: Reply) -> None:
        self.replies = replies
        self.tried: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.verified: list[bool] = []
        self.closed = False

    async def ask(
        self, node: str, endpoint: Endpoint, path: str, headers: Mapping[str, str], tls: ssl.SSLContext
    ) -> Answer:
        who = f"{endpoint.host} as {endpoint.server_name}" if endpoint.server_name else endpoint.host
        self.tried.append(who)
        self.headers.append(headers)
        self.paths.append(path)
        self.verified.append(tls.verify_mode is ssl.CERT_REQUIRED)
        reply = self.replies.get(who, ScrapeReason.CONNECT)
        if isinstance(reply, ScrapeReason):
            raise ScrapeError(node, reply, f"{who} says so")
        return reply if isinstance(reply, Answer) else await reply()

    async def close(self) -> None:
        self.closed = True


GOOD = Answer(200, PAGE)


async def hanging() -> Answer:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def client(
    peers: Peers, *tokens: str, timeout: float = 5.0, by_name: bool = False, files: TrustFiles | None = None
) -> KubeletClient:
    clock = FakeClock()
    return KubeletClient(
        rules=AddressRules(node_name=by_name),
        trust=KubeletTrust(files or TrustFiles(authority=OURS.pem.decode()), clock),
        tokens=Tokens(*(tokens or ("secret",))),
        exchange=peers,
        clock=clock,
        timeout=timeout,
    )


async def failure(asked: KubeletClient, node: Node = NODE) -> ScrapeError:
    with pytest.raises(ScrapeError) as caught:
        await asked.page(node, Source.RESOURCE)
    assert caught.value.node == "n1"
    assert "secret" not in str(caught.value)
    return caught.value
