"""One client connection: whose certificate it showed under which CA, how long it may dawdle, how faults are told."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler
from msgspec import Struct

from autoscaler.api.door import MOST
from autoscaler.api.frontproxy import Peer, peer_of
from autoscaler.api.sieve import Sieve
from autoscaler.api.status import StatusError, bad_request, too_large
from autoscaler.api.tls import TrustedContext

AtOnce = Callable[[RawRequestMessage, "Connection"], bytes | None]
"""The response to a request without a body, None when it has to be waited for."""


class Limits(Struct, frozen=True, kw_only=True):
    """Seconds and bytes."""

    deadline: float = 10.0
    """Of an answer; of a list, of each piece the client has to take."""
    lists: float = 60.0
    """Of a list, whole: upstream's --request-timeout. 150,000 pods that nobody asked for yet take seconds to write."""
    handshake: float = 5.0
    headers: float = 5.0
    """From connecting, or from the first byte of a request, to the end of its headers."""
    idle: float = 90.0
    connections: int = 1024
    """Connections without a front proxy's certificate."""
    per_address: int = 64
    """Of these, from one IP address."""
    proxied: int = 1024
    """Connections with a front proxy's certificate, which others cannot use up."""
    handshakes: int = MOST
    """At a time, before a connection counts as one."""
    url_bytes: int = 8 * 1024
    header_bytes: int = 64 * 1024
    header_lines: int = 256
    one_header_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024
    heavy: int = 64
    light: int = 32
    watches: int = 64


class Listener(web.Server):
    """Makes the connections and knows those that are open."""

    def __init__(self, handler: web.RequestHandler | object, limits: Limits, at_once: AtOnce) -> None:
        super().__init__(
            handler,  # type: ignore[arg-type] # aiohttp names the type of the handler in a private module only
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=limits.idle,
            lingering_time=1.0,
            auto_decompress=False,
            max_line_size=limits.url_bytes,
            max_field_size=limits.one_header_bytes,
            max_headers=limits.header_lines,
        )
        self.limits = limits
        self.at_once = at_once
        self.open: set[Connection] = set()
        self.strangers: Counter[str] = Counter()
        """Open connections without a front proxy's certificate, by IP address."""
        self.quiet: dict[Connection, None] = {}
        """Open connections without a request in progress, the one longest so first."""

    def __call__(self) -> Connection:
        return Connection(self, loop=asyncio.get_running_loop(), **self._kwargs)

    def admit(self, newcomer: Connection) -> bool:
        """Give it a place, which a quiet one of its kind leaves where all are taken; False: nobody is quiet.

        So whoever holds connections open locks nobody out: not the front proxy, not the probes of its own address.
        """
        if not self._has_room(newcomer):
            rivals = [each for each in self.quiet if self._competes(each, newcomer)]
            if not rivals:
                return False
            # of the most crowded address; among equals the one that is quiet longest
            max(rivals, key=lambda each: self.strangers[each.address]).drop()
        self.open.add(newcomer)
        self.quiet[newcomer] = None
        if newcomer.peer is None:
            self.strangers[newcomer.address] += 1
        return True

    def _has_room(self, newcomer: Connection) -> bool:
        strangers = self.strangers.total()
        if newcomer.peer is not None:
            return len(self.open) - strangers < self.limits.proxied
        return strangers < self.limits.connections and not self._crowds(newcomer.address)

    def _competes(self, other: Connection, newcomer: Connection) -> bool:
        if newcomer.peer is not None or other.peer is not None:
            return newcomer.peer is not None and other.peer is not None
        return other.address == newcomer.address or not self._crowds(newcomer.address)

    def _crowds(self, address: str) -> bool:
        return self.strangers[address] >= self.limits.per_address

    def leave(self, connection: Connection) -> None:
        """Free its place, once."""
        if connection not in self.open:
            return
        self.open.discard(connection)
        self.quiet.pop(connection, None)
        if connection.peer is None:
            self.strangers -= Counter((connection.address,))  # leaves no zeros behind

    def sweep(self, trusted_ca: str) -> None:
        """Close what was verified under another CA, a request in progress is finished first; and who leaves answers
        lying for longer than one may take.
        """
        late = asyncio.get_running_loop().time() - self.limits.deadline
        for connection in list(self.open):
            if not connection.busy and (connection.is_stale(trusted_ca) or connection.left_lying(late)):
                connection.drop()


class Connection(RequestHandler):
    """aiohttp's protocol with our own limits."""

    def __init__(self, listener: Listener, **kwargs: object) -> None:
        super().__init__(listener, **kwargs)  # type: ignore[arg-type] # handed through from Listener
        self._listener = listener
        self._verified_under = ""
        self.address = ""
        self._overdue: asyncio.TimerHandle | None = None
        self.peer: Peer | None = None
        self.busy = False
        self._answered = 0.0
        self._parser = Sieve(self._parser, self._take)  # type: ignore[assignment,arg-type] # aiohttp's is of no class
        self._whole = False
        """Whether what came last was one request, which is answered."""
        self._last = b""
        """The last four bytes that came."""
        self._beyond: int | None = None
        """Bytes that came since the last answer, None before the first one and while one is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read the certificate once; it belongs to the connection, not to a request."""
        super().connection_made(transport)
        self.address = transport.get_extra_info("peername")[0]
        tls = cast("ssl.SSLObject", transport.get_extra_info("ssl_object"))
        certificate = tls.getpeercert(binary_form=True)
        try:
            self.peer = peer_of(certificate) if certificate else None
        except ValueError:
            self.drop()
            return
        if tls.session_reused or not isinstance(tls.context, TrustedContext):
            self.drop()
            return
        self._verified_under = tls.context.ca_pem
        if not self._listener.admit(self):
            self.drop()
            return
        self._expect_headers()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._listener.leave(self)
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._beyond is not None:
            self._beyond += len(data)
            if self._beyond > self._listener.limits.body_bytes + self._listener.limits.header_bytes:
                self.drop()  # a body that does not end: its chunks would be read for as long as they come
                return
        self._whole = False
        self._last = (self._last + data[-4:])[-4:]
        super().data_received(data)
        if not self.busy and self._overdue is None and not (self._whole and self._last == b"\r\n\r\n"):
            self._expect_headers()

    def _take(self, message: RawRequestMessage) -> bool:
        """Answer a request without a body at once, if that can be done and the one before is answered."""
        transport = self.transport
        if transport is None or self._paused or self._waiter is None or self._waiter.done():
            return False
        response = self._listener.at_once(message, self)
        if response is None:
            return False
        self._headers_came()
        transport.write(response)
        self._whole = True
        self._rest()
        self._next_keepalive_close_time = self._answered + self._listener.limits.idle
        if message.should_close:
            self.force_close()
        return True

    def begin(self) -> None:
        """A request is complete and being answered."""
        self.busy = True
        self._beyond = None
        self._listener.quiet.pop(self, None)
        self._headers_came()

    def end(self) -> None:
        """It is answered."""
        self.busy = False
        self._rest()

    def _rest(self) -> None:
        """Be the one that is quiet for the shortest time."""
        self._beyond = 0
        self._answered = asyncio.get_running_loop().time()
        if self in self._listener.open:
            self._listener.quiet.pop(self, None)
            self._listener.quiet[self] = None

    def is_stale(self, trusted_ca: str) -> bool:
        """Whether its certificate was verified under a CA that is not the trusted one any more."""
        return self.peer is not None and self._verified_under != trusted_ca

    def left_lying(self, late: float) -> bool:
        """Whether it was answered before `late` (loop time) and has not read that yet."""
        return self.writing_paused and self._answered < late

    def drop(self) -> None:
        """Close without a further byte; its place is free at once."""
        self._listener.leave(self)
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What does not follow HTTP is answered with a Status and the end of the connection, and not logged."""
        refusal = self._refusal(exc, message or "")
        response = web.Response(status=refusal.code, body=refusal.body(), content_type="application/json")
        response.force_close()
        return response

    def _refusal(self, exc: BaseException | None, message: str) -> StatusError:
        limits = self._listener.limits
        if isinstance(exc, LineTooLong):
            if limits.url_bytes in exc.args:
                return too_large(414, f"the URL is longer than {limits.url_bytes} bytes")
            return too_large(431, f"a header is longer than {limits.one_header_bytes} bytes")
        if message == "Too many headers received":
            return too_large(431, f"there are more than {limits.header_lines} headers")
        return bad_request("the request does not follow HTTP/1.1", close=True)

    def _expect_headers(self) -> None:
        self._overdue = asyncio.get_running_loop().call_later(self._listener.limits.headers, self.drop)

    def _headers_came(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
