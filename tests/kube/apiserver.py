"""An API server that says what the script says, on loopback, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from autoscaler.kube.client import KubeClient
from autoscaler.kube.connection import Connection
from autoscaler.telemetry import KubeTelemetry, Telemetry


@dataclass(frozen=True)
class Answer:
    """`body` at once; or `lines`, one JSON text each, and then `end`: close (properly), tear (mid-line) or hang."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[bytes, ...] | None = None
    end: str = "close"
    drop: bool = False
    """Close the connection instead of answering."""


def ok(document: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode())


def refusal(code: int, message: str, reason: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    body = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": code}
    return Answer(code, json.dumps(body).encode(), headers or {})


def listed(*items: object, version: str = "10", more: str = "") -> Answer:
    return ok({"kind": "List", "metadata": {"resourceVersion": version, "continue": more}, "items": list(items)})


def watched(*events: tuple[str, object], end: str = "hang") -> Answer:
    return Answer(lines=tuple(json.dumps({"type": kind, "object": each}).encode() for kind, each in events), end=end)


DROPPED = Answer(drop=True)


def pod(name: str, version: str = "1", **fields: Any) -> dict[str, Any]:
    labels = fields.pop("labels", {"app": name})
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": version, "labels": labels}
    return {"metadata": metadata | fields.pop("metadata", {}), "spec": {"nodeName": "n1"}, **fields}


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    peer: int
    """The port it came from: who asks twice over one connection has the same."""

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class ApiServer:
    """`on` scripts the answers of one path, in order, the last one for ever; an unscripted path is a 404."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.asked: list[Asked] = []
        self.url = ""
        self._script: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        self._stopping = asyncio.Event()
        self._stack = AsyncExitStack()

    def on(self, path: str, *answers: Answer, method: str = "GET") -> None:
        self._script[method, path] = list(answers)

    def queries(self, path: str, *, watch: bool) -> list[Mapping[str, str]]:
        return [each.query for each in self.asked if each.path == path and ("watch" in each.query) is watch]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=8 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        await self._stack.aclose()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        assert request.transport is not None
        peer = request.transport.get_extra_info("peername")[1]
        self.asked.append(Asked(request.method, request.path, dict(request.query), dict(request.headers), body, peer))
        answers = self._script[request.method, f"{request.path}?watch" if "watch" in request.query else request.path]
        if not answers:
            return web.Response(status=404, text="404 page not found")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer.drop:
            request.transport.abort()
            return web.Response()
        if answer.lines is None:
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        return await self._stream(request, answer, answer.lines)

    async def _stream(self, request: web.Request, answer: Answer, lines: tuple[bytes, ...]) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status)
        await response.prepare(request)
        for line in lines:
            await response.write(line + b"\n")
        if answer.end == "hang":
            await self._stopping.wait()
        if answer.end == "tear":
            await response.write(b'{"type":"ADDED","object":{"metadata":{"na')
            assert request.transport is not None
            request.transport.close()
        return response


class SkippingClock:
    """Sleeping takes no time but is written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._elapsed = 0.0

    def now(self) -> float:
        return 1_800_000_000.0 + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._elapsed += seconds
        await asyncio.sleep(0)


class Fixed:
    """Credentials that never change."""

    def __init__(self, url: str) -> None:
        self._connection = Connection(url, authorization="Bearer first")

    async def current(self) -> Connection:
        return self._connection

    async def renew(self, refused: Connection) -> Connection:
        return refused


def telemetry() -> KubeTelemetry:
    return Telemetry().kube


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[ApiServer, KubeClient]]:
    """A server and a client that talks to it."""
    async with ApiServer() as server, KubeClient(Fixed(server.url), telemetry()) as client:
        yield server, client


@asynccontextmanager
async def running(*loops: Callable[[], Any]) -> AsyncIterator[None]:
    """Run endless loops beside the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop()) for loop in loops]
        yield
        for task in tasks:
            task.cancel()


async def until(predicate: Callable[[], object]) -> None:
    """Let the loop turn, sockets included, until it holds."""
    async with asyncio.timeout(5):
        while not predicate():
            await asyncio.sleep(0)
