"""One question to a kubelet and its answer, over aiohttp, within every limit of operations.md §6.

8 MiB of body (inflated), one layer of gzip, no redirect, 2 s to connect. Every failure is a ScrapeError. A kept-alive
connection that turns out to be closed before a byte of the answer came is replaced once (aiohttp does that for GET).
Connections are kept per address, name and TLS context: what was verified otherwise is not used.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import AsyncIterator, Mapping

import aiohttp
from yarl import URL

from autoscaler import __version__
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.kube.addresses import AddressRules, Endpoint, GuardedResolver
from autoscaler.kube.kubelet import Answer
from autoscaler.kube.scrapefailure import cause

MAX_BODY = 8 << 20
CONNECT_SECONDS = 2.0
"""TCP and TLS together: three addresses can be tried within one deadline."""
KEPT_SECONDS = 120.0


class AiohttpExchange:
    """Implements `Exchange`."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(
        self, node: str, endpoint: Endpoint, path: str, headers: Mapping[str, str], tls: ssl.SSLContext
    ) -> Answer:
        """The answer to one GET; its body is read only when the status is 200."""
        url = URL(f"https://{endpoint}{path}", encoded=True)
        request = self._opened().get(
            url, headers=headers, allow_redirects=False, ssl=tls, server_hostname=endpoint.server_name or None
        )
        try:
            async with request as response:
                try:
                    body = await _body(node, response) if response.status == 200 else b""
                    return Answer(response.status, body, response.headers.get("Retry-After", ""))
                finally:
                    if not response.content.at_eof():
                        response.close()
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            if isinstance(exc, TimeoutError) and not isinstance(exc, aiohttp.ClientError):
                raise  # the caller's deadline
            raise ScrapeError(node, *cause(exc)) from exc

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
        raise ScrapeError(node, ScrapeReason.CONTENT_TYPE, f"unexpected Content-Type {response.content_type[:100]!r}")
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
