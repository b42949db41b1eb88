"""Kubelets over HTTPS on loopback: they demand a bearer token, serve two pages, and misbehave on demand."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web

from autoscaler.clock import Clock
from autoscaler.model.identity import ResourceAttributes
from autoscaler.sim import pages
from autoscaler.sim.access import Access
from autoscaler.sim.certificates import Authority
from autoscaler.sim.ledger import Ledger

_CHUNK = b"# " + b"x" * 65_533 + b"\n"
_HUGE_CHUNKS = 16_384
"""A gigabyte: whoever reads all of it has no limit."""


class Fault(StrEnum):
    """What can be wrong with a kubelet; the last four concern /metrics/resource alone."""

    NONE = "none"
    DEAD = "dead"  # connections are refused
    HANG = "hang"  # accepts, and never answers
    STRANGER = "stranger"  # shows a certificate of an authority nobody trusts
    ERROR = "error"  # 500
    REDIRECT = "redirect"  # 302 to another host
    HUGE = "huge"  # a body without end
    SHORT = "short"  # ends in the middle of the body
    JUNK = "junk"  # 200 and HTML
    NO_STATS = "no_stats"  # 200 and resource_scrape_error 1
    MISSING = "missing"  # 404, as a kubelet too old for this page


@dataclass(slots=True, kw_only=True)
class Kubelet:
    """One kubelet. `set_fault` changes what it does, `clock_offset` how many seconds its clock is ahead.

    `requests` counts answers by path and status. The port is chosen at the first start and kept.
    """

    name: str
    ledger: Ledger
    access: Access
    clock: Clock
    trusted: ssl.SSLContext
    stranger: ssl.SSLContext
    host: str = "127.0.0.1"
    port: int = 0
    fault: Fault = Fault.NONE
    clock_offset: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    _runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Listen, unless it is dead."""
        if self._runner is not None or self.fault is Fault.DEAD:
            return
        server = web.Server(self._answer, handler_cancellation=True, access_log=None, keepalive_timeout=90)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        context = self.stranger if self.fault is Fault.STRANGER else self.trusted
        await web.TCPSite(self._runner, self.host, self.port, ssl_context=context, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def set_fault(self, fault: Fault) -> None:
        """Misbehave like this from now on; connections are cut where the fault is below HTTP."""
        below = {Fault.DEAD, Fault.STRANGER}
        restart = self.fault is not fault and bool(below & {self.fault, fault})
        self.fault = fault
        if restart:
            await self.stop()
            await self.start()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.fault is Fault.HANG:
            await asyncio.Event().wait()  # until the client gives up or the kubelet stops
        response = self._refused(request) or await self._page(request)
        self.requests[f"{request.path} {response.status}"] += 1
        return response

    def _refused(self, request: web.BaseRequest) -> web.Response | None:
        """The answer to somebody who may not; None for those who may."""
        identity = self.access.bearer(request.headers.get("Authorization", ""))
        if identity is None:
            return web.Response(text="Unauthorized", status=401)
        subresource = {"metrics": "metrics", "stats": "stats"}.get(request.path.split("/")[1], "proxy")
        verb = {"GET": "get", "POST": "create"}.get(request.method, request.method.lower())
        asked = ResourceAttributes(
            verb=verb, group="", version="v1", resource="nodes", name=self.name, subresource=subresource
        )
        if self.access.verdict(identity, asked).allowed:
            return None
        what = f"user={identity.user}, verb={verb}, resource=nodes, subresource(s)=[{subresource}]"
        return web.Response(text=f"Forbidden ({what})", status=403)

    async def _page(self, request: web.BaseRequest) -> web.StreamResponse:
        now_ms, shift_ms = int(self.clock.now() * 1000), round(self.clock_offset * 1000)
        match request.path:
            case "/metrics/resource":
                if misbehave := _MISBEHAVIOUR.get(self.fault):
                    return await misbehave(request)
                body = pages.resource_page(self.ledger, now_ms, shift_ms)
                return _compressed(request, body, pages.RESOURCE_TYPE)
            case "/stats/summary":
                return _compressed(request, pages.summary_page(self.ledger, now_ms, shift_ms), "application/json")
        return web.Response(text="404 page not found\n", status=404)


def _compressed(request: web.BaseRequest, body: bytes, content_type: str) -> web.Response:
    headers = {"Content-Type": content_type}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, compresslevel=1)
    return web.Response(body=body, headers=headers)


async def _error(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="internal error", status=500)


async def _redirect(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "https://elsewhere.example/metrics/resource"})


async def _junk(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")


async def _no_stats(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=pages.failed_page(), headers={"Content-Type": pages.RESOURCE_TYPE})


async def _missing(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="404 page not found\n", status=404)


async def _huge(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": pages.RESOURCE_TYPE})
    await response.prepare(request)
    for _ in range(_HUGE_CHUNKS):
        await response.write(_CHUNK)
    return response


async def _short(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": pages.RESOURCE_TYPE, "Content-Length": "100000"})
    await response.prepare(request)
    await response.write(b"node_cpu_usage_seconds_total 1")
    if request.transport is not None:
        request.transport.close()
    return response


_MISBEHAVIOUR: dict[Fault, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]] = {
    Fault.ERROR: _error,
    Fault.REDIRECT: _redirect,
    Fault.HUGE: _huge,
    Fault.SHORT: _short,
    Fault.JUNK: _junk,
    Fault.NO_STATS: _no_stats,
    Fault.MISSING: _missing,
}


def kubelets(
    names_and_hosts: list[tuple[str, str]],
    *,
    authority: Authority,
    access: Access,
    clock: Clock,
    epoch: float,
    period: float,
) -> list[Kubelet]:
    """One kubelet per (node name, address to listen on), each with a certificate for its address.

    One certificate that named every address would cost whoever scrapes a thousand names per connection.

    `period` seconds lie between two samples of a container; `epoch` is the instant the world began.
    """
    hosts = sorted({host for _, host in names_and_hosts})
    trusted = {host: authority.server("kubelet", [host]).server_context() for host in hosts}
    stranger = Authority("stranger").server("kubelets", hosts).server_context()
    return [
        Kubelet(
            name=name,
            ledger=Ledger(node=name, epoch=epoch, period=period),
            access=access,
            clock=clock,
            trusted=trusted[host],
            stranger=stranger,
            host=host,
        )
        for name, host in names_and_hosts
    ]
