"""From a request to its response: limits, identity, permission, route, in this order, and every way it can end."""

from __future__ import annotations

import asyncio
import os
import re
import traceback
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Protocol, cast

import structlog
from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.http import RawRequestMessage
from prometheus_client import Counter, Histogram

from autoscaler.api import head, renderings, status
from autoscaler.api.access import Access
from autoscaler.api.answer import Answer
from autoscaler.api.call import Call, parse_call
from autoscaler.api.compression import LONG, packed
from autoscaler.api.connection import Connection, Limits
from autoscaler.api.lanes import Lane, Lanes, lane_of
from autoscaler.api.status import StatusError
from autoscaler.clock import Clock
from autoscaler.model.identity import ResourceAttributes
from autoscaler.telemetry import ApiTelemetry
from autoscaler.turnstile import Turnstile

_log = structlog.get_logger(__name__)

_VERBS = frozenset(
    {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "head", "options"}
)
"""Of which series are kept; a client may call its verb anything."""
_VERSIONS = (HttpVersion10, HttpVersion11)
"""The parser takes 0.9 and 2.0 for requests, too."""
_AUDIT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class Answering(Protocol):
    """What answers an admitted call; `at_once`: where nothing has to be waited for, else None. Raises StatusError."""

    async def answer(self, call: Call) -> Answer: ...
    def at_once(self, call: Call) -> Answer | None: ...


class Handler:
    """Called by aiohttp for each request; `trusted_ca` says under which CA a client certificate counts now."""

    def __init__(
        self,
        *,
        access: Access,
        routes: Answering,
        limits: Limits,
        trusted_ca: Callable[[], str],
        clock: Clock,
        telemetry: ApiTelemetry,
        turns: Turnstile,
    ) -> None:
        self._turns = turns
        self._access = access
        self._routes = routes
        self._limits = limits
        self._lanes = Lanes(heavy=limits.heavy, light=limits.light, watches=limits.watches)
        self._trusted_ca = trusted_ca
        self._clock = clock
        self._telemetry = telemetry
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response; never raises but for cancellation, never lets a connection outlive its CA."""
        connection = cast("Connection", request.protocol)
        connection.begin()
        started = self._clock.monotonic()
        try:
            if connection.is_stale(self._trusted_ca()):
                connection.drop()
                return web.Response()  # goes nowhere: a client sends it again on a new connection
            call, response = await self._ended(request, connection)
            if connection.is_stale(self._trusted_ca()):
                response.force_close()
        finally:
            connection.end()
        self._count(call, response.status, self._clock.monotonic() - started)
        return response

    def at_once(self, message: RawRequestMessage, connection: Connection) -> bytes | None:
        """The whole response to a request without a body, where nothing has to be waited for and nothing is wrong.

        None elsewhere: it is to be answered in the usual way, which decides anew and tells what is wrong. Nothing is
        passed over: limits, identity, permission and places are those of any request, as far as they are known.
        """
        started = self._clock.monotonic()
        if message.method != "GET" or message.version != HttpVersion11:
            return None
        if connection.is_stale(self._trusted_ca()):
            return None
        try:
            call = self._call(message, message.path, 0)
            answer = self._known(call, message, connection)
        except Exception:  # noqa: BLE001 - a StatusError or worse: it comes again in the usual way, and is told there
            return None
        if answer is None or not isinstance(answer.body, bytes) or len(answer.body) >= LONG:
            return None
        headers = self._headers(message.headers, answer.content_type) | dict(answer.headers)
        written = head.response(headers, answer.body, self._clock.now(), close=message.should_close)
        self._count(call, answer.status, self._clock.monotonic() - started)
        return written

    def _known(self, call: Call, message: RawRequestMessage, connection: Connection) -> Answer | None:
        """The answer, if the client is known, may have it and need not wait for it."""
        if not self._lanes.has_room(lane_of(call, proxied=connection.peer is not None)):
            return None
        identity = self._access.known(connection.peer, list(message.headers.items()))
        if identity is None or not self._access.admits(identity, call.attributes):
            return None
        return self._routes.at_once(call)

    async def _ended(self, request: web.BaseRequest, connection: Connection) -> tuple[Call | None, web.StreamResponse]:
        """The call, None when the request is none, and what came of it."""
        call: Call | None = None
        try:
            call = self._call(request, request.raw_path, request.content_length or 0)
            lane = lane_of(call, proxied=connection.peer is not None)
            async with asyncio.timeout(self._limits.lists if lane is Lane.HEAVY else self._limits.deadline) as deadline:
                with self._lanes.place(lane):
                    return call, await self._answered(call, request, connection, deadline)
        except StatusError as refusal:
            return call, self._refused(request, call, refusal)
        except TimeoutError:
            if request.writer.output_size > 0:  # half an answer is out: nothing can be said in band any more
                connection.drop()
            return call, self._refused(request, call, status.timed_out())
        except ConnectionError:
            raise  # the client left; aiohttp knows what to do
        except Exception as exc:  # noqa: BLE001 - the last line of defence: one request fails, the server goes on
            # The text alone: a renderer that shows local variables would show a token.
            _log.error(
                "Failed to answer a request",
                path=call and call.path,
                error=repr(exc),
                trace=traceback.format_exc(limit=-8),
            )
            return call, self._refused(request, call, status.internal_error())

    async def _answered(
        self, call: Call, request: web.BaseRequest, connection: Connection, deadline: asyncio.Timeout
    ) -> web.StreamResponse:
        if call.is_probe:
            return await self._admitted(call, request, connection, deadline)
        identity = await self._access.who(connection.peer, list(request.headers.items()))
        await self._access.admit(identity, call.attributes)
        with self._lanes.share(lane_of(call, proxied=connection.peer is not None), identity.user):
            return await self._admitted(call, request, connection, deadline)

    async def _admitted(
        self, call: Call, request: web.BaseRequest, connection: Connection, deadline: asyncio.Timeout
    ) -> web.StreamResponse:
        accepted = ",".join(request.headers.getall("Accept-Encoding", ()))
        answer = await packed(await self._routes.answer(call), accepted, self._turns)
        if isinstance(answer.body, bytes):
            return self._response(request, answer.status, answer.content_type, dict(answer.headers), answer.body)
        if isinstance(answer.body, Iterator):
            return await self._streamed(request, answer, answer.body)
        deadline.reschedule(None)
        with self._telemetry.watches.track_inprogress():
            return await self._watched(request, answer, answer.body, connection)

    def _call(self, request: web.BaseRequest | RawRequestMessage, target: str, length: int) -> Call:
        """The request within its limits. Raises StatusError."""
        headers = request.headers
        if request.version not in _VERSIONS:
            raise status.bad_request("the request does not follow HTTP/1.1", close=True)
        if "Upgrade" in headers or request.method == "CONNECT":
            raise status.bad_request("connections are not upgraded here", close=True)
        limit = self._limits.header_bytes
        if sum([len(name) + len(value) + 4 for name, value in request.raw_headers]) > limit:
            raise status.too_large(431, f"the headers are longer than {limit} bytes")
        if length > self._limits.body_bytes:
            raise status.too_large(413, "a request here has no body")
        return parse_call(
            request.method,
            target,
            accept=",".join(headers.getall("Accept", ())),
            user_agent=headers.get("User-Agent", ""),
            if_none_match=headers.get("If-None-Match", ""),
        )

    async def _streamed(self, request: web.BaseRequest, answer: Answer, body: Iterator[bytes]) -> web.StreamResponse:
        """Slice by slice, waiting for the client whenever the buffer is full, and for our turn in between."""
        response = await self._begun(request, answer)
        if request.method != "HEAD":
            for piece in body:
                async with asyncio.timeout(self._limits.deadline):
                    await response.write(piece)
                await self._turns.passed()
        return response

    async def _watched(
        self, request: web.BaseRequest, answer: Answer, body: AsyncGenerator[bytes, None], connection: Connection
    ) -> web.StreamResponse:
        """What comes, as long as the connection is trusted; the deadline is that of each piece to be taken."""
        response = await self._begun(request, answer)
        if request.method == "HEAD":
            return response
        async with aclosing(body) as pieces:
            async for piece in pieces:
                if connection.is_stale(self._trusted_ca()):
                    break
                async with asyncio.timeout(self._limits.deadline):
                    await response.write(piece)
                await self._turns.passed()
        return response

    async def _begun(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        headers = self._headers(request.headers, answer.content_type) | dict(answer.headers)
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        return response

    def _refused(self, request: web.BaseRequest, call: Call | None, refusal: StatusError) -> web.Response:
        if refusal.label:
            self._telemetry.denied.labels(refusal.label).inc()
        body, content_type = renderings.refusal(call, refusal)
        headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
        response = self._response(request, refusal.code, content_type, headers, body)
        if refusal.close:
            response.force_close()
        return response

    def _response(
        self, request: web.BaseRequest, code: int, content_type: str, headers: dict[str, str], body: bytes
    ) -> web.Response:
        return web.Response(status=code, body=body, headers=self._headers(request.headers, content_type) | headers)

    def _headers(self, asked: Mapping[str, str], content_type: str) -> dict[str, str]:
        audit_id = asked.get("Audit-Id", "")
        return {
            "Audit-Id": audit_id if _AUDIT_ID.fullmatch(audit_id) else _new_id(),
            "Cache-Control": "no-cache, private",
            "Content-Type": content_type,
            "Server": "hpa-companion",
        }

    def _count(self, call: Call | None, code: int, seconds: float) -> None:
        resource, verb = "none", "none"
        if call is not None:
            attributes = call.attributes
            verb = attributes.verb if attributes.verb in _VERBS else "other"
            if isinstance(attributes, ResourceAttributes):
                resource = attributes.resource
            else:
                resource = "discovery" if call.is_discovery else "probe" if call.is_probe else "path"
        requests, took = self._series(resource, verb, code)
        requests.inc()
        took.observe(seconds)

    def _series(self, resource: str, verb: str, code: int) -> tuple[Counter, Histogram]:
        """Those of one kind of requests, of which there are few; to find them takes longer than to count."""
        found = self._counted.get((resource, verb, code))
        if found is None:
            requests = self._telemetry.requests.labels(resource, verb, str(code))
            found = self._counted[resource, verb, code] = requests, self._telemetry.seconds.labels(resource, verb)
        return found


def _new_id() -> str:
    """A random UUID (RFC 9562, version 4); `uuid.uuid4` takes three times as long."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
