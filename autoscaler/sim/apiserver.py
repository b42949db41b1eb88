"""The API server's HTTPS face: authentication, authorization, paths, and knobs that make it misbehave."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml
from aiohttp import web

from autoscaler.model.identity import PathAttributes
from autoscaler.sim import access as reviews
from autoscaler.sim import handlers, projection, refusals
from autoscaler.sim.access import Access
from autoscaler.sim.certificates import Authority
from autoscaler.sim.handlers import Asked
from autoscaler.sim.refusals import RefusedError
from autoscaler.sim.resources import ACCESS_REVIEWS, DEPLOYMENTS, TOKEN_REVIEWS, Surface
from autoscaler.sim.store import Object, Store
from autoscaler.sim.watches import Watch

_JSON = "application/json"
_PROBES = ("/livez", "/readyz", "/healthz")
_VERSION = {"major": "1", "minor": "37", "gitVersion": "v1.37.2", "platform": "linux/amd64"}


@dataclass(slots=True)
class Faults:
    """What is wrong at present: `refuse_with` answers every request with this code (429 or 5xx); the next `conflicts`
    scale writes find that somebody else was faster.
    """

    refuse_with: int = 0
    conflicts: int = 0


@dataclass(slots=True)
class ApiServer:
    """Serves a store. `await start()`, then `url` is where; `stop()` and `start()` again is a restart on that port.

    `requests` counts what was asked: "list pods", "update deployments/scale", "get /version".
    """

    store: Store
    access: Access
    authority: Authority
    surface: Surface = field(default_factory=Surface)
    host: str = "127.0.0.1"
    bookmark_every: float = 10.0
    faults: Faults = field(default_factory=Faults)
    requests: Counter[str] = field(default_factory=Counter)
    port: int = 0
    _runner: web.ServerRunner | None = None
    _context: ssl.SSLContext | None = None
    _watching: set[asyncio.Transport] = field(default_factory=set)

    @property
    def url(self) -> str:
        """`https://127.0.0.1:<port>`."""
        return f"https://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen: on a free port the first time, on the same one ever after."""
        if self._context is None:
            self._context = self.authority.server("kube-apiserver", [self.host, "localhost"]).server_context()
        server = web.Server(self._answer, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._context, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        self.drop_watches()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def drop_watches(self) -> None:
        """Cut every watch in the middle, without a farewell."""
        for transport in list(self._watching):
            transport.abort()

    def kubeconfig(self, path: Path, token: str) -> Path:
        """Write a kubeconfig for the holder of `token`; gives the path back."""
        cluster = {"server": self.url, "certificate-authority-data": _base64(self.authority.pem)}
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "sim",
            "clusters": [{"name": "sim", "cluster": cluster}],
            "users": [{"name": "sim", "user": {"token": token}}],
            "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": "sim"}}],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(body))
        return path

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._routed(request)
        except RefusedError as refusal:
            headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
            return _json(refusal.body(), refusal.code, headers)

    async def _routed(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.faults.refuse_with:
            raise refusals.unavailable(self.faults.refuse_with)
        if request.path in _PROBES:
            return web.Response(text="ok")
        identity = self.access.bearer(request.headers.get("Authorization", ""))
        if identity is None:
            raise refusals.unauthorized()
        asked = handlers.asked(self.surface, request.method, request.path, request.query)
        self.requests[asked.title if asked else f"{request.method.lower()} {request.path}"] += 1
        if asked is None:
            attributes = PathAttributes(verb=request.method.lower(), path=request.path)
            return self._document(request.path, attributes)
        if not self.access.verdict(identity, asked.attributes).allowed:
            raise refusals.forbidden(identity.user, asked.resource, asked.attributes)
        if asked.verb == "watch":
            return await self._watch(request, asked)
        answer = self._handled(asked, request, await _body(request))
        if projection.wants_metadata(request.headers.get("Accept", "")):
            answer = projection.metadata_only(answer)
        return _json(answer, 201 if asked.verb == "create" else 200)

    def _document(self, path: str, attributes: PathAttributes) -> web.Response:
        """/version and discovery: open to everybody who is authenticated, as system:discovery grants."""
        parts = tuple(part for part in path.split("/") if part)
        document = _VERSION if path == "/version" else self.surface.document(parts)
        if document is not None and attributes.verb == "get":
            return _json(document)
        if len(parts) > 2 and self.surface.document(parts[: 2 if parts[0] == "api" else 3]) is not None:
            raise refusals.unknown_resource()
        return web.Response(text="404 page not found\n", status=404)

    def _handled(self, asked: Asked, request: web.BaseRequest, body: Object) -> Object:
        if asked.resource is TOKEN_REVIEWS:
            return reviews.token_review(self.access, body)
        if asked.resource is ACCESS_REVIEWS:
            return reviews.access_review(self.access, body)
        if self.faults.conflicts and asked.subresource == "scale" and asked.verb in ("update", "patch"):
            self.faults.conflicts -= 1
            touched = {"metadata": {"annotations": {"sim/touched": str(self.store.revision)}}}
            self.store.merge(DEPLOYMENTS, asked.namespace, asked.name, touched)
        return handlers.handled(self.store, asked, request.query, request.content_type, body)

    async def _watch(self, request: web.BaseRequest, asked: Asked) -> web.StreamResponse:
        query = dict(request.query)
        if asked.name:  # a watch of one object is a list-watch with a field selector
            query["fieldSelector"] = f"metadata.name={asked.name}"
        watch = Watch(self.store, asked.resource, asked.namespace, query, self.bookmark_every)
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        transport = request.transport
        if transport is None:  # the client has left already
            return response
        self._watching.add(transport)
        try:
            await response.prepare(request)
            projected = projection.wants_metadata(request.headers.get("Accept", ""))
            async for event in watch.events():
                await response.write(orjson.dumps(projection.metadata_event(event) if projected else event) + b"\n")
            await response.write_eof()
        except ConnectionResetError:
            pass  # it leaves now: nobody is there to be told
        finally:
            self._watching.discard(transport)
        return response


async def _body(request: web.BaseRequest) -> Object:
    raw = await request.read()
    if not raw:
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise refusals.bad_request(f"the object provided is unrecognized: {exc}") from exc
    if not isinstance(body, dict):
        raise refusals.bad_request("the object provided is unrecognized (must be of type Object)")
    return body


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type=_JSON, headers=headers)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
