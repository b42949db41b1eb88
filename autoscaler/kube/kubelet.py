"""Asks kubelets for their pages over verified TLS, and believes no more of an answer than it has to.

Every limit of operations.md §6 is here: one deadline for everything, 8 MiB of body (inflated), one layer of gzip, no
redirect. Every failure becomes a ScrapeError. A kept-alive connection that turns out to be closed before a byte of the
answer came is replaced once (aiohttp does that for GET).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Protocol

import aiohttp
from yarl import URL

from autoscaler import __version__
from autoscaler.clock import Clock
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import AddressRules, GuardedResolver
from autoscaler.kube.trust import KubeletTrust
from autoscaler.model.metrics import RawPage, Source
from autoscaler.model.objects import Node

MAX_BODY = 8 << 20
CONNECT_SECONDS = 4.0
"""TCP and TLS together, 2 s each."""
KEPT_SECONDS = 120.0
LONGEST_RETRY = 60.0

_ACCEPT = {Source.RESOURCE: "text/plain;version=0.0.4", Source.SUMMARY: "application/json"}
_RIGHTS = {Source.RESOURCE: "nodes/metrics", Source.SUMMARY: "nodes/stats"}


class TokenSource(Protocol):
    """The current bearer token, "" for none; it is asked before every request, and again after a 401."""

    async def token(self) -> str: ...


class KubeletClient:
    """Implements `Kubelets`. With insecure trust the token is sent all the same, as metrics-server does."""

    def __init__(
        self, *, rules: AddressRules, trust: KubeletTrust, tokens: TokenSource, clock: Clock, timeout: float = 8.0
    ) -> None:
        self._rules = rules
        self._trust = trust
        self._tokens = tokens
        self._clock = clock
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def page(self, node: Node, source: Source) -> RawPage:
        """The node's page from `source`."""
        url = URL(self._rules.url(node, source), encoded=True)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._page(node, url, source)
        except ScrapeError:
            raise
        except TimeoutError as exc:
            raise ScrapeError(node.name, ScrapeReason.TIMEOUT, f"no full answer within {self._timeout:g} s") from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise ScrapeError(node.name, *_cause(exc)) from exc

    async def _page(self, node: Node, url: URL, source: Source) -> RawPage:
        token = await self._tokens.token()
        answer = await self._asked(node, url, source, token)
        if answer is None and (renewed := await self._tokens.token()) != token:
            answer = await self._asked(node, url, source, renewed)
        if answer is None:
            raise ScrapeError(node.name, ScrapeReason.UNAUTHORIZED, "the kubelet does not know our credentials (401)")
        return answer

    async def _asked(self, node: Node, url: URL, source: Source, token: str) -> RawPage | None:
        """The answer to one request; None for a 401."""
        headers = {"Accept": _ACCEPT[source], "Accept-Encoding": "gzip"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        asked_ns = int(self._clock.now() * 1e9)
        request = self._opened().get(url, headers=headers, allow_redirects=False, ssl=self._trust.context())
        async with request as response:
            if response.status == 401:
                return None
            if response.status != 200:
                raise _refusal(node.name, response, source)
            try:
                return RawPage(await _body(node.name, response), source, asked_ns)
            finally:
                if not response.content.at_eof():
                    response.close()

    def _opened(self) -> aiohttp.ClientSession:
        """The session, opened on first use because it belongs to the running loop."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0, keepalive_timeout=KEPT_SECONDS, resolver=GuardedResolver(self._rules), use_dns_cache=False
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"hpa-companion/{__version__}"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _body(node: str, response: aiohttp.ClientResponse) -> bytes:
    """The whole body, inflated, within the limits."""
    encoding = response.headers.getall("Content-Encoding", [])
    if encoding not in ([], ["identity"], ["gzip"]):
        raise ScrapeError(node, ScrapeReason.ENCODING, f"unexpected Content-Encoding {', '.join(encoding)[:100]!r}")
    if "protobuf" in response.content_type:
        raise ScrapeError(node, ScrapeReason.PARSE, f"unexpected Content-Type {response.content_type[:100]!r}")
    if (response.content_length or 0) > MAX_BODY:
        raise ScrapeError(node, ScrapeReason.TOO_LARGE, f"{response.content_length} bytes announced")
    chunks = response.content.iter_any()
    parts, total = [], 0
    async for part in _inflated(node, chunks) if encoding == ["gzip"] else chunks:
        parts.append(part)
        total += len(part)
        if total > MAX_BODY:
            raise ScrapeError(node, ScrapeReason.TOO_LARGE, f"more than {MAX_BODY} bytes")
    return b"".join(parts)


async def _inflated(node: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of one gzip member, each at most a byte longer than the whole may be."""
    inflate = zlib.decompressobj(31)
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        try:
            yield inflate.decompress(chunk, MAX_BODY + 1)
        except zlib.error as exc:
            raise ScrapeError(node, ScrapeReason.ENCODING, f"broken gzip: {exc}") from exc
        if received > MAX_BODY:
            raise ScrapeError(node, ScrapeReason.TOO_LARGE, f"more than {MAX_BODY} bytes")
        if inflate.unused_data:
            raise ScrapeError(node, ScrapeReason.ENCODING, "data behind the end of its gzip stream")
    if not inflate.eof:
        raise ScrapeError(node, ScrapeReason.INTERRUPTED, "the gzip stream ends early")


def _refusal(node: str, response: aiohttp.ClientResponse, source: Source) -> ScrapeError:
    """The error for any status but 200 and 401."""
    status = response.status
    if status == 403:
        return ScrapeError(node, ScrapeReason.FORBIDDEN, f"403: our account needs `get` on {_RIGHTS[source]}")
    if status == 404:
        return ScrapeError(node, ScrapeReason.NOT_FOUND, f"404 for {response.url.path}")
    if 300 <= status < 400:
        return ScrapeError(node, ScrapeReason.REDIRECT, f"{status}: redirects are not followed")
    return ScrapeError(
        node, ScrapeReason.STATUS, f"status {status}", retry_after=retry_after(response.headers.get("Retry-After", ""))
    )


def retry_after(text: str) -> float | None:
    """Seconds of a Retry-After header, at most `LONGEST_RETRY`; None for a date or anything else."""
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        return None
    return min(float(text), LONGEST_RETRY)


def _cause(exc: Exception) -> tuple[ScrapeReason, str]:
    """Which reason an exception of aiohttp stands for; the first match counts, they inherit from each other."""
    causes: tuple[tuple[type[Exception], ScrapeReason], ...] = (
        (aiohttp.ClientConnectorCertificateError, ScrapeReason.TLS),
        (aiohttp.ClientSSLError, ScrapeReason.TLS),
        (aiohttp.ClientConnectorDNSError, ScrapeReason.ADDRESS),
        (aiohttp.ClientConnectorError, ScrapeReason.CONNECT),
        (aiohttp.ServerDisconnectedError, ScrapeReason.INTERRUPTED),
        (aiohttp.ClientPayloadError, ScrapeReason.INTERRUPTED),
        (aiohttp.ClientOSError, ScrapeReason.INTERRUPTED),
        (aiohttp.ClientResponseError, ScrapeReason.PARSE),
        (aiohttp.InvalidURL, ScrapeReason.ADDRESS),
    )
    reason = next((reason for kind, reason in causes if isinstance(exc, kind)), ScrapeReason.CONNECT)
    told = exc.os_error if isinstance(exc, aiohttp.ClientConnectorDNSError) else exc
    return reason, str(told)[:300] or type(exc).__name__
