"""HTTP to the API server: bytes in, bytes or lines out, every failure a `KubeError`. HTTP types stop here.

A request is tried again in two cases only: on a 401, with credentials read anew; and when a kept-alive connection turns
out to be closed before anything was answered (cluster.md §8), on a fresh one. The rest is for the caller to decide.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Protocol, Self
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from autoscaler import __version__
from autoscaler.errors import KubeError, UnreachableError
from autoscaler.kube.answers import error_of
from autoscaler.kube.connection import Connection
from autoscaler.telemetry import KubeTelemetry

USER_AGENT = f"hpa-companion/{__version__}"
REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 5.0
MAX_BODY = 64 * 1024 * 1024
MAX_ERROR_BODY = 64 * 1024
MAX_LINE = 8 * 1024 * 1024
"""One watch event: etcd keeps objects up to 1.5 MiB, JSON escapes may multiply that."""

Params = Iterable[tuple[str, str]]


class OversizeError(KubeError):
    """The answer is larger than its limit: ask for less of it."""


class Credentials(Protocol):
    """Where requests go and who we are there; `kube.connection.Connections`."""

    async def current(self) -> Connection: ...
    async def renew(self, refused: Connection) -> Connection: ...


@dataclass(frozen=True, slots=True)
class Request:
    """One question. `within` bounds all of it, `silence` the gap between two pieces of the answer; seconds."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    media: str = "application/json"
    within: float | None = REQUEST_SECONDS
    silence: float | None = None
    limit: int = MAX_BODY

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class KubeClient:
    """One pool of connections to the API server; an async context manager."""

    def __init__(self, credentials: Credentials, telemetry: KubeTelemetry) -> None:
        self._credentials = credentials
        self._telemetry = telemetry
        self._pool: aiohttp.ClientSession | None = None
        self.date = ""
        """What the server said the time was, in its last answer (RFC 9110 Date)."""

    async def __aenter__(self) -> Self:
        self._pool = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60, socket_factory=_socket),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[_reuse_tracing()],
            max_line_size=64 * 1024,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every connection; watches under way end with an UnreachableError."""
        if self._pool is not None:
            await self._pool.close()

    async def get(
        self, path: str, params: Params = (), *, within: float = REQUEST_SECONDS, limit: int = MAX_BODY
    ) -> bytes:
        """The body of a 2xx answer, at most `limit` bytes, all of it within so many seconds."""
        return await self._call(Request("GET", path, tuple(params), within=within, limit=limit))

    async def post(self, path: str, body: bytes, params: Params = (), *, within: float = REQUEST_SECONDS) -> bytes:
        """Create; answers with the object as it was stored."""
        return await self._call(Request("POST", path, tuple(params), body, within=within))

    async def put(self, path: str, body: bytes, params: Params = (), *, within: float = REQUEST_SECONDS) -> bytes:
        """Replace; answers with the object as it was stored."""
        return await self._call(Request("PUT", path, tuple(params), body, within=within))

    async def patch(
        self, path: str, body: bytes, params: Params = (), *, kind: str = "merge", within: float = REQUEST_SECONDS
    ) -> bytes:
        """Change; `kind` is merge, json, strategic-merge or apply."""
        return await self._call(Request("PATCH", path, tuple(params), body, _PATCHES[kind], within=within))

    @asynccontextmanager
    async def lines(self, path: str, params: Params, *, silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """Whole lines of an endless answer, from its beginning until the server ends it.

        UnreachableError when it breaks off, or nothing came for `silence` seconds; a torn last line is not given out.
        """
        async with self._answer(Request("GET", path, tuple(params), within=None, silence=silence)) as response:
            yield _lines(response.content, path)

    async def _call(self, request: Request) -> bytes:
        async with self._answer(request) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > request.limit:
                    response.close()
                    raise OversizeError(f"{request}: the answer is over {request.limit} bytes")
            return bytes(body)

    @asynccontextmanager
    async def _answer(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """A 2xx answer, its body unread; every other outcome, now or while it is read, as KubeError."""
        code = "0"
        try:
            async with await self._exchange(request) as response:
                code, self.date = str(response.status), response.headers.get("Date", "")
                if 200 <= response.status < 300:
                    yield response
                    return
                text = await response.content.read(MAX_ERROR_BODY)
                raise error_of(response.status, text, response.headers.get("Retry-After", ""), str(request))
        except (aiohttp.ClientError, OSError) as exc:  # TimeoutError and ssl's errors are OSErrors
            raise UnreachableError(f"{request}: {_told(exc)}") from exc
        finally:
            self._telemetry.requests.labels(request.method, code).inc()

    async def _exchange(self, request: Request) -> aiohttp.ClientResponse:
        """The first answer that is no 401, or the second one whatever it is."""
        connection = await self._credentials.current()
        response = await self._send(request, connection)
        if response.status != 401:
            return response
        renewed = await self._credentials.renew(connection)
        if renewed is connection:
            return response
        response.release()
        return await self._send(request, renewed)

    async def _send(self, request: Request, connection: Connection) -> aiohttp.ClientResponse:
        """The answer's head; a kept-alive connection that was closed meanwhile is replaced by a fresh one, once."""
        reused = SimpleNamespace(flag=False)
        try:
            return await self._send_once(request, connection, reused)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not reused.flag:
                raise
        return await self._send_once(request, connection, reused)

    async def _send_once(
        self, request: Request, connection: Connection, reused: SimpleNamespace
    ) -> aiohttp.ClientResponse:
        if self._pool is None:
            raise UnreachableError(f"{request}: the client was not opened")
        headers = {"Authorization": connection.authorization} if connection.authorization else {}
        if request.body is not None:
            headers["Content-Type"] = request.media
        query = f"?{urlencode(request.params)}" if request.params else ""
        return await self._pool.request(
            request.method,
            URL(f"{connection.host}{request.path}{query}", encoded=True),
            data=request.body,
            headers=headers,
            ssl=connection.tls or True,
            server_hostname=connection.server_name,
            proxy=connection.proxy,
            timeout=aiohttp.ClientTimeout(
                total=request.within, sock_connect=CONNECT_SECONDS, sock_read=request.silence
            ),
            allow_redirects=False,
            trace_request_ctx=reused,
        )


_PATCHES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic-merge": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


def segment(name: str) -> str:
    """A name as one segment of a path. KubeError when it would reach elsewhere: names come from users' objects."""
    if name in ("", ".", "..") or "/" in name or "%" in name:
        raise KubeError(f"{name!r} cannot be the name of an object", reason="Invalid")
    return quote(name, safe="")


def _reuse_tracing() -> aiohttp.TraceConfig:
    """Notes in the request's own context that a kept-alive connection was taken."""

    async def note(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.flag = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(note)
    return tracing


def _socket(address: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    """Notices that a peer vanished without a word, also on a connection that only waits."""
    made = socket.socket(family=address[0], type=address[1], proto=address[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # not every system has them
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    return made


async def _lines(content: aiohttp.StreamReader, path: str) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for chunk in content.iter_any():
        rest += chunk
        if b"\n" in chunk:
            *whole, tail = bytes(rest).split(b"\n")
            rest = bytearray(tail)
            for line in whole:
                if line:
                    yield line
        if len(rest) > MAX_LINE:
            raise OversizeError(f"GET {path}: a line over {MAX_LINE} bytes")


def _told(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, aiohttp.ClientConnectorError):  # its own text shows our TLS context
        return f"cannot connect to {exc.host}:{exc.port}: {exc.os_error.strerror or exc.os_error}"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return f"cannot trust {exc.host}:{exc.port}: {exc.certificate_error}"
    return " ".join(str(exc).split())[:300] or type(exc).__name__
