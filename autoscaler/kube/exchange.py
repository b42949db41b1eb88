"""One question to a kubelet and its answer over kept connections, within limits of time and size.

2 s to connect, 2 s for TLS, no redirect; what an answer may be is httpanswer.py's business. Every failure is a
ScrapeError. A kept connection that turns out to be closed before a byte of the answer came is replaced once. One
connection is kept per address, port and name, and only while the TLS context that verified it is the one to be used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from autoscaler import __version__
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import AddressRules, DeniedError, Endpoint, GuardedResolver
from autoscaler.kube.httpanswer import AnswerError, AnswerReader
from autoscaler.kube.kubelet import Answer
from autoscaler.kube.scrapefailure import cause
from autoscaler.kube.tlsconnection import ClosedError, TlsConnection, connected, secured

CONNECT_SECONDS = 2.0
"""For a name's lookup and TCP, all addresses of the name together."""
TLS_SECONDS = 2.0
"""For the handshake: a kubelet that accepts and says nothing leaves time for two more addresses of its node."""
KEPT = 8192
"""Connections that are kept at a time; beyond it kubelets are connected to anew."""
KEPT_SECONDS = 120.0
"""An idle connection is not kept for longer; kubelets close theirs after 90 s."""


@dataclass(slots=True)
class _Kept:
    """An idle connection, the context that verified it, and the loop's time when it became idle."""

    connection: TlsConnection
    tls: ssl.SSLContext
    since: float


class TlsExchange:
    """Implements `Exchange`."""

    def __init__(self, rules: AddressRules, *, kept: int = KEPT) -> None:
        self._most = kept
        self._resolver = GuardedResolver(rules)
        self._kept: dict[Endpoint, _Kept] = {}
        self._swept = 0.0

    async def close(self) -> None:
        """Close every idle connection."""
        for kept in self._kept.values():
            kept.connection.close()
        self._kept.clear()
        await self._resolver.close()

    async def ask(
        self, node: str, endpoint: Endpoint, path: str, headers: Mapping[str, str], tls: ssl.SSLContext
    ) -> Answer:
        """The answer to one GET; its body is read only when the status is 200."""
        request = _request(endpoint, path, headers)
        try:
            if (connection := self._idle(endpoint, tls)) is not None:
                try:
                    return await self._answer(request, endpoint, tls, connection)
                except ClosedError:
                    pass
            connection = await self._dialled(node, endpoint, tls)
            return await self._answer(request, endpoint, tls, connection)
        except ClosedError as exc:
            raise ScrapeError(node, ScrapeReason.INTERRUPTED, str(exc)) from exc
        except AnswerError as exc:
            raise ScrapeError(node, exc.reason, exc.detail) from exc

    async def _answer(
        self, request: bytes, endpoint: Endpoint, tls: ssl.SSLContext, connection: TlsConnection
    ) -> Answer:
        """What was answered; the connection is kept when it can be."""
        answer = AnswerReader()
        await connection.ask(request, answer)
        now = asyncio.get_running_loop().time()
        if connection.open:
            before = self._kept.pop(endpoint, None)
            if before is not None:
                before.connection.close()
            if len(self._kept) < self._most:
                self._kept[endpoint] = _Kept(connection, tls, now)
            else:
                connection.close()
        self._sweep(now)
        retry_after = b"".join(answer.headers.get(b"retry-after", [])[:1]).decode("latin-1")
        return Answer(answer.status, answer.body() if answer.status == 200 else b"", retry_after)

    def _idle(self, endpoint: Endpoint, tls: ssl.SSLContext) -> TlsConnection | None:
        """Take out the connection to `endpoint`, if it is open and was verified by `tls`."""
        kept = self._kept.pop(endpoint, None)
        if kept is None or not kept.connection.open:
            return None
        if kept.tls is not tls:
            kept.connection.close()
            return None
        return kept.connection

    def _sweep(self, now: float) -> None:
        """Let go of what nobody asked for long, such as the connections of nodes that are gone."""
        if now - self._swept < KEPT_SECONDS:
            return
        self._swept = now
        for endpoint, kept in list(self._kept.items()):
            if now - kept.since > KEPT_SECONDS:
                kept.connection.close()
                del self._kept[endpoint]

    async def _dialled(self, node: str, endpoint: Endpoint, tls: ssl.SSLContext) -> TlsConnection:
        """A fresh connection; the addresses of a name are tried in turn."""
        name = endpoint.server_name or endpoint.host.strip("[]")
        failures: list[OSError] = []
        late = f"no connection within {CONNECT_SECONDS:g} s"
        try:
            async with asyncio.timeout(CONNECT_SECONDS) as patience:
                for family, address in await self._addresses(node, endpoint):
                    try:
                        plain = await connected(address, family)
                        patience.reschedule(asyncio.get_running_loop().time() + TLS_SECONDS)
                        late = f"it accepts, and no TLS handshake came within {TLS_SECONDS:g} s"
                        return await secured(plain, tls, name)
                    except OSError as exc:
                        failures.append(exc.with_traceback(None))  # it leads here: a cycle for each failure
        except TimeoutError as exc:
            raise ScrapeError(node, ScrapeReason.TIMEOUT, late) from exc
        raise ScrapeError(node, *cause(failures[0])) from failures[0]

    async def _addresses(self, node: str, endpoint: Endpoint) -> list[tuple[int, tuple[str, int]]]:
        """Family and address of every place the endpoint may be, one at least; the guard looks at those of a name."""
        host = endpoint.host.strip("[]")
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            try:
                found = await self._resolver.resolve(host, endpoint.port, socket.AF_UNSPEC)
            except DeniedError as exc:
                raise ScrapeError(node, ScrapeReason.ADDRESS_DENIED, str(exc)) from exc
            except OSError as exc:
                raise ScrapeError(node, ScrapeReason.DNS, str(exc)) from exc
            return [(each["family"], (each["host"], endpoint.port)) for each in found]
        return [(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, (host, endpoint.port))]


def _request(endpoint: Endpoint, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {endpoint}", f"User-Agent: hpa-companion/{__version__}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header of more than one line")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
