"""HTTP to the API server: bytes in, bytes or lines out, every failure a `KubeError`. HTTP types stop here.

A request is tried again in two cases only: on a 401, with credentials read anew; and when a kept-alive connection turns
out to be closed before anything was answered, on a fresh one. The rest is for the caller to decide.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Protocol, Self, TypeVar
from urllib.parse import quote

import aiohttp
from yarl import URL

from autoscaler.errors import KubeError, UnreachableError
from autoscaler.kube.answers import error_of
from autoscaler.kube.connection import Connection
from autoscaler.kube.httpanswer import AnswerError, AnswerReader
from autoscaler.kube.questions import (
    CONNECT_SECONDS,
    HEADERS,
    MAX_BODY,
    MAX_ERROR_BODY,
    REQUEST_SECONDS,
    OversizeError,
    Questions,
    Request,
    direct,
    probed,
)
from autoscaler.telemetry import KubeTelemetry

MAX_LINE = 8 * 1024 * 1024
"""One watch event: etcd keeps objects up to 1.5 MiB, JSON escapes may multiply that."""

Params = Iterable[tuple[str, str]]
Answer = TypeVar("Answer", AnswerReader, aiohttp.ClientResponse)


class Credentials(Protocol):
    """Where requests go and who we are there; `kube.connection.Connections`."""

    async def current(self) -> Connection: ...
    async def renew(self, refused: Connection) -> Connection: ...


class KubeClient:
    """One pool of connections to the API server; an async context manager."""

    def __init__(self, credentials: Credentials, telemetry: KubeTelemetry) -> None:
        self._credentials = credentials
        self._telemetry = telemetry
        self._questions = Questions()
        self._pool: aiohttp.ClientSession | None = None
        self.date = ""
        """What the server said the time was, in its last answer (RFC 9110 Date)."""

    async def __aenter__(self) -> Self:
        self._pool = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60, socket_factory=_socket),
            headers=HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[_reuse_tracing()],
            max_line_size=64 * 1024,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every connection; watches under way end with an UnreachableError."""
        self._questions.close()
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
        """The body of a 2xx answer; every other outcome as KubeError."""
        if not direct(await self._credentials.current()):
            return await self._streamed(request)
        code = "0"
        try:
            answer = await self._exchange(partial(self._ask, request))
            code, self.date = str(answer.status), _header(answer, b"date")
            if 200 <= answer.status < 300:
                return answer.body()
            raise error_of(answer.status, _refusal(answer), _header(answer, b"retry-after"), str(request))
        except AnswerError as exc:
            raise UnreachableError(f"{request}: {exc}") from exc
        finally:
            self._telemetry.requests.labels(request.method, code).inc()

    async def _ask(self, request: Request, connection: Connection) -> AnswerReader:
        if self._pool is None:
            raise UnreachableError(f"{request}: the client was not opened")
        return await self._questions.ask(request, connection)

    async def _streamed(self, request: Request) -> bytes:
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
            async with await self._exchange(partial(self._send, request)) as response:
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

    async def _exchange(self, send: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        """The first answer that is no 401, or the second one whatever it is."""
        connection = await self._credentials.current()
        answer = await send(connection)
        if answer.status != 401:
            return answer
        renewed = await self._credentials.renew(connection)
        if renewed is connection:
            return answer
        if isinstance(answer, aiohttp.ClientResponse):
            answer.release()
        return await send(renewed)

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
        return await self._pool.request(
            request.method,
            URL(request.url(connection.host), encoded=True),
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
    return probed(socket.socket(family=address[0], type=address[1], proto=address[2]))


def _header(answer: AnswerReader, name: bytes) -> str:
    """The first of that name, "" for none."""
    return answer.headers[name][0].decode("latin-1") if name in answer.headers else ""


def _refusal(answer: AnswerReader) -> bytes:
    """The body of an answer that is no 2xx, as far as it can be read."""
    try:
        return answer.body()
    except AnswerError:
        return b""


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
