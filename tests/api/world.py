"""A running API server, and what stands around it: reviews and a trust source that the test sets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoscaler.api.server import ApiServer, ApiSettings
from autoscaler.errors import KubeError
from autoscaler.model.identity import Attributes, FrontProxyTrust, Identity, Verdict
from autoscaler.telemetry.health import Health
from autoscaler.telemetry.series import Telemetry
from tests.api.cluster import NOW, Cluster, golden_cluster
from tests.api.reply import Reply, parsed
from tests.certificates import Authority, Issued
from tests.clock import FakeClock

PROXY_CA = Authority("requestheader")
PROXY = PROXY_CA.issue("front-proxy-client", client=True, server=False)
MASTER = [("X-Remote-User", "system:kube-aggregator"), ("X-Remote-Group", "system:masters")]


def trust(*authorities: Authority, **changes: Any) -> FrontProxyTrust:
    """What a cluster made by kubeadm says."""
    given: dict[str, Any] = {
        "ca_pem": "".join(authority.pem.decode() for authority in authorities or (PROXY_CA,)),
        "allowed_names": ("front-proxy-client",),
        "username_headers": ("X-Remote-User",),
        "group_headers": ("X-Remote-Group",),
        "extra_prefixes": ("X-Remote-Extra-",),
    }
    return FrontProxyTrust(**(given | changes))


@dataclass
class Trust:
    """A TrustSource the test changes."""

    value: FrontProxyTrust | None = field(default_factory=trust)
    problem: str = ""

    def current(self) -> FrontProxyTrust | None:
        return self.value


@dataclass
class Reviews:
    """Answers reviews from two tables; `error` fails them, `gate` holds them until it is set."""

    tokens: dict[str, Identity] = field(default_factory=dict)
    allowed: bool = True
    reason: str = "no RBAC policy matched"
    error: KubeError | None = None
    gate: asyncio.Event | None = None
    asked: list[tuple[Identity, Attributes]] = field(default_factory=list)
    tokens_asked: list[str] = field(default_factory=list)

    async def token(self, token: str) -> Identity | None:
        self.tokens_asked.append(token)
        await self._answer()
        return self.tokens.get(token)

    async def access(self, identity: Identity, attributes: Attributes) -> Verdict:
        self.asked.append((identity, attributes))
        await self._answer()
        return Verdict(True) if self.allowed else Verdict(False, self.reason)

    async def _answer(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error


@dataclass
class World:
    """A running server and what stands around it."""

    server: ApiServer
    folder: Path
    cluster: Cluster
    reviews: Reviews
    trust: Trust
    health: Health
    telemetry: Telemetry
    clock: FakeClock

    def client_context(self, certificate: Issued | None = None) -> ssl.SSLContext:
        """Verifies the server by its published bundle; shows `certificate`."""
        context = ssl.create_default_context(cadata=self.server.certificate.certificate.read_text())
        if certificate is not None:
            context.load_cert_chain(*certificate.write(self.folder))
        return context

    async def connect(
        self,
        certificate: Issued | None = None,
        context: ssl.SSLContext | None = None,
        name: str | None = None,
        window: int | None = None,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TLS connection, handshake done; `window` is how many bytes the kernel may take that nobody reads."""
        dialled = socket.socket(proto=socket.IPPROTO_TCP)  # else asyncio leaves Nagle on: 40 ms a request
        if window is not None:  # before connecting: the size of TCP's window is agreed on in the handshake
            dialled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        dialled.setblocking(False)
        await asyncio.get_running_loop().sock_connect(dialled, ("127.0.0.1", self.server.port))
        return await asyncio.open_connection(
            sock=dialled,
            ssl=context or self.client_context(certificate),
            server_hostname=name or "127.0.0.1",
            limit=1 << 26,
        )

    async def send(self, data: bytes, certificate: Issued | None = None) -> bytes:
        """These bytes on a connection of their own, and everything that comes back."""
        reader, writer = await self.connect(certificate)
        try:
            writer.write(data)
            return await reader.read()
        finally:
            await closed(writer)

    async def ask(
        self,
        target: str,
        headers: Sequence[tuple[str, str]] = (),
        *,
        method: str = "GET",
        certificate: Issued | None = None,
        body: bytes = b"",
    ) -> Reply:
        """One request on a connection of its own."""
        length = [("Content-Length", str(len(body)))] if body else []
        lines = [("Host", "localhost"), ("Connection", "close"), *length, *headers]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        data = f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body
        return parsed(await self.send(data, certificate))


class Kept:
    """A connection that is kept, as the aggregator keeps its own: one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, target: str, headers: Sequence[tuple[str, str]] = ()) -> int:
        """The status of the answer, whose body is read."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "localhost"), *headers])
        self._writer.write(f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        await self._reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        return int(head.split()[1])

    async def close(self) -> None:
        await closed(self._writer)


async def until(condition: Callable[[], object]) -> None:
    """Let sockets and tasks work until it holds; the test's own time limit ends it otherwise."""
    while not condition():
        await asyncio.sleep(0)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(folder: Path, **given: Any) -> AsyncIterator[World]:
    """A server on a free port of loopback; `settings` go to ApiSettings, the rest replaces parts of the world."""
    cluster = given.get("cluster") or golden_cluster()
    reviews, health, telemetry = given.get("reviews") or Reviews(), Health(), Telemetry()
    clock, source = FakeClock(NOW), given.get("trust") or Trust()
    settings = {"bind_address": "127.0.0.1", "port": 0, "cert_dir": str(folder)} | given.get("settings", {})
    server = ApiServer(
        ApiSettings(**settings),
        usage=cluster,
        feed=cluster,
        inventory=cluster,
        reviews=reviews,
        trust=source,
        health=health,
        telemetry=telemetry,
        clock=clock,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run())
        await server.started.wait()
        yield World(server, folder, cluster, reviews, source, health, telemetry, clock)
        running.cancel()
