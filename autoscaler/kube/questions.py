"""Questions to the API server that have an end: each one request and one answer, whole, over connections that stay.

Watches and whatever goes through a proxy are aiohttp's business (docs/decisions/http.md). 5 s to connect to an address,
TLS included; each question has a deadline for all of it. A kept connection that turns out to be closed before a byte of
the answer came is replaced once.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

from yarl import URL

from autoscaler import __version__
from autoscaler.errors import KubeError, ScrapeReason, UnreachableError
from autoscaler.kube.connection import Connection
from autoscaler.kube.httpanswer import AnswerError, AnswerReader, Terms
from autoscaler.kube.tlsconnection import ClosedError, TlsConnection, connected, secured

CONNECT_SECONDS = 5.0
KEPT_SECONDS = 60.0
"""An idle connection is not kept for longer; the API server closes its after 90 s."""
REQUEST_SECONDS = 10.0
MAX_BODY = 64 * 1024 * 1024
MAX_ERROR_BODY = 64 * 1024
HEADERS = {
    "User-Agent": f"hpa-companion/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity",
}  # fmt: skip

Address = tuple[int, tuple[str, int]]
"""Family, and IP address with port."""


class OversizeError(KubeError):
    """The answer is larger than its limit: ask for less of it."""


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

    def url(self, base: str) -> str:
        """Where it goes, below `base`."""
        return f"{base}{self.path}?{urlencode(self.params)}" if self.params else f"{base}{self.path}"


@dataclass(slots=True)
class _Kept:
    """An idle connection, what it was made by, and the loop's time when it became idle."""

    connection: TlsConnection
    by: Connection
    since: float

    def serves(self, wanted: Connection) -> bool:
        """Whether it goes where `wanted` goes and was verified as `wanted` verifies."""
        by = self.by
        return by.tls is wanted.tls and (by.host, by.server_name) == (wanted.host, wanted.server_name)


class Questions:
    """As many connections as there are questions at once; an idle one is kept for `kept` seconds."""

    def __init__(self, kept: float = KEPT_SECONDS) -> None:
        self._longest = kept
        self._kept: list[_Kept] = []
        self._asking: set[TlsConnection] = set()
        self._failed: set[Address] = set()
        """Addresses that were tried in vain since they last answered: the others come first."""
        self._closed = False

    def close(self) -> None:
        """End every connection; a question under way ends with an UnreachableError."""
        self._closed = True
        for connection in (*self._asking, *(kept.connection for kept in self._kept)):
            connection.close()
        self._kept.clear()

    async def ask(self, request: Request, connection: Connection) -> AnswerReader:
        """The answer, whatever its status; UnreachableError when there is none, OversizeError."""
        if self._closed:
            raise UnreachableError(f"{request}: the client was closed")
        sent, answer = _sent(request, connection), AnswerReader(Terms(request.limit, MAX_ERROR_BODY))
        try:
            async with asyncio.timeout(request.within):
                if (kept := self._idle(connection)) is not None:
                    try:
                        return await self._answered(sent, answer, kept, connection)
                    except ClosedError:
                        pass
                fresh = await self._dialled(request, connection)
                return await self._answered(sent, answer, fresh, connection)
        except TimeoutError as exc:
            raise UnreachableError(f"{request}: no answer in time") from exc
        except ClosedError as exc:
            raise UnreachableError(f"{request}: {exc}") from exc
        except AnswerError as exc:
            if exc.reason is ScrapeReason.TOO_LARGE:
                raise OversizeError(f"{request}: the answer is over {request.limit} bytes") from exc
            raise UnreachableError(f"{request}: {exc}") from exc

    async def _answered(
        self, sent: bytes, answer: AnswerReader, over: TlsConnection, connection: Connection
    ) -> AnswerReader:
        self._asking.add(over)
        try:
            await over.ask(sent, answer)
        finally:
            self._asking.discard(over)
        if over.open:
            self._keep(over, connection)
        return answer

    def _keep(self, idle: TlsConnection, by: Connection) -> None:
        now = asyncio.get_running_loop().time()
        self._kept.append(_Kept(idle, by, now))
        while self._kept and now - self._kept[0].since > self._longest:
            self._kept.pop(0).connection.close()

    def _idle(self, wanted: Connection) -> TlsConnection | None:
        """Take out the connection that was used last, of those that are open and will do; the others are let go."""
        since = asyncio.get_running_loop().time() - self._longest
        while self._kept:
            kept = self._kept.pop()
            if kept.connection.open and kept.since >= since and kept.serves(wanted):
                return kept.connection
            kept.connection.close()
        return None

    async def _dialled(self, request: Request, connection: Connection) -> TlsConnection:
        """A fresh connection; the addresses of a name are tried in turn, the first failure is told."""
        url = _url(connection.host)
        first: OSError | None = None
        for address in await self._addresses(request, url):
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    made = await _connection(address, connection, url)
            except OSError as exc:
                self._failed.add(address)
                first = first or exc
            except asyncio.CancelledError:
                self._failed.add(address)
                raise
            else:
                self._failed.discard(address)
                if self._closed:
                    made.close()
                    raise UnreachableError(f"{request}: the client was closed")
                return made
        raise UnreachableError(f"{request}: {_told(first, url)}") from first

    async def _addresses(self, request: Request, url: URL) -> list[Address]:
        """Every place the host may be; those that were tried in vain come last."""
        host, port = url.raw_host or "", url.port or 443
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError as exc:
                raise UnreachableError(f"{request}: {_told(exc, url)}") from exc
            each = dict.fromkeys((int(family), (str(where[0]), port)) for family, *_, where in found)
            return sorted(each, key=self._failed.__contains__)
        return [(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, (host, port))]


def direct(connection: Connection) -> bool:
    """Whether these questions may go there: no proxy is in between, nobody is named in the URL, TLS is ours."""
    scheme = "http://" if connection.tls is None else "https://"
    return connection.proxy is None and connection.host.startswith(scheme) and "@" not in connection.host


def probed(made: socket.socket) -> socket.socket:
    """Notices that a peer vanished without a word, also on a connection that only waits."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # not every system has them
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    return made


async def _connection(address: Address, connection: Connection, url: URL) -> TlsConnection:
    family, where = address
    plain = probed(await connected(where, family))
    if connection.tls is None:
        return TlsConnection(plain)
    return await secured(plain, connection.tls, connection.server_name or url.raw_host or "")


_url = lru_cache(maxsize=16)(URL)


def _sent(request: Request, connection: Connection) -> bytes:
    """The bytes of a request; KubeError when something in it would be more than it seems."""
    url = _url(connection.host)
    target = request.url(url.raw_path.rstrip("/"))
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {url.host_port_subcomponent}"]
    lines += [f"{name}: {value}" for name, value in HEADERS.items()]
    if connection.authorization:
        lines.append(f"Authorization: {connection.authorization}")
    if request.body is not None:
        lines += [f"Content-Type: {request.media}", f"Content-Length: {len(request.body)}"]
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or " " in target:
        raise KubeError(f"{request.method}: a path or a credential with a line break in it", reason="Invalid")
    return f"{head}\r\n\r\n".encode() + (request.body or b"")


def _told(error: OSError | None, url: URL) -> str:
    """Why there is no connection."""
    where = url.host_port_subcomponent
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"cannot trust {where}: {error}"
    if isinstance(error, TimeoutError):
        return f"cannot connect to {where}: no answer in time"
    return f"cannot connect to {where}: {(error and error.strerror) or error}"
