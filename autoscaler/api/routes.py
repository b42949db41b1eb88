"""Which path is answered by what, once the caller is known and admitted."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from autoscaler import __version__
from autoscaler.api import document
from autoscaler.api.answer import Answer, json_answer
from autoscaler.api.call import Call
from autoscaler.api.decisions import RESOURCE, DecisionPage, Decisions, NoDecisions
from autoscaler.api.discovery import VERBS, Discovery
from autoscaler.api.fixed import Fixed, fixed, fixed_answer
from autoscaler.api.negotiate import AGGREGATED, JSON, negotiated
from autoscaler.api.openapi import OpenApi
from autoscaler.api.probes import Probes
from autoscaler.api.resources import Resources
from autoscaler.api.status import GROUP, method_not_allowed, not_supported, unknown_path
from autoscaler.model.identity import ResourceAttributes

_WRITTEN = 256 * 1024

Page = Callable[[Call], Answer]
"""Answers a path to whom has the right to it."""
Pages = Mapping[str, Page]


class Routes:
    """The table of everything that is served; `pages` are further paths."""

    def __init__(
        self,
        resources: Resources,
        discovery: Discovery,
        probes: Probes,
        registry: CollectorRegistry,
        pages: Pages = MappingProxyType({}),
        *,
        decisions: Decisions | None = None,
    ) -> None:
        self._decisions = DecisionPage(decisions or NoDecisions())
        self._resources = resources
        self._discovery = discovery
        self._probes = probes
        self._registry = registry
        self._making = asyncio.Lock()
        self._page, self._page_begun = b"", -1.0
        """Of /metrics: the last one, and when it was begun (the loop's time)."""
        schema = OpenApi(tuple(discovery.versions))
        documents: dict[tuple[str, ...], Fixed] = {
            ("version",): fixed(_version_info()),
            ("apis", GROUP): discovery.group,
            **{("apis", GROUP, version): found for version, found in discovery.versions.items()},
            ("openapi", "v2"): schema.v2,
            ("openapi", "v3"): schema.root,
        }
        self._rows: dict[tuple[str, ...], Page] = {
            (): self._index,
            ("apis",): self._groups,
            **{path: partial(_document, found) for path, found in documents.items()},
            **{("openapi", "v3", *path.split("/")): partial(_hashed, found) for path, found in schema.v3.items()},
            **{tuple(path.strip("/").split("/")): page for path, page in pages.items()},
        }

    async def answer(self, call: Call) -> Answer:
        """The answer to an admitted request. Raises StatusError."""
        if isinstance(call.attributes, ResourceAttributes):
            if call.attributes.resource == RESOURCE:
                return await self._decisions.answer(call, call.attributes)
            if call.attributes.verb not in VERBS:
                raise not_supported(call.attributes)
            return await self._resources.answer(call, call.attributes)
        return await self._path(call)

    def at_once(self, call: Call) -> Answer | None:
        """The same where there is nothing to wait for, else None. Raises StatusError."""
        asked = call.attributes
        if not isinstance(asked, ResourceAttributes) or asked.resource == RESOURCE:
            return None
        return self._resources.at_once(call, asked)

    async def _path(self, call: Call) -> Answer:
        segments = call.segments
        if segments is None:
            raise unknown_path()
        make = self._rows.get(segments) or self._probe(segments)
        if make is None and segments != ("metrics",):
            raise unknown_path()
        if call.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        return make(call) if make else await self._metrics()

    def _probe(self, segments: tuple[str, ...]) -> Page | None:
        if not segments or segments[0] not in self._probes:
            return None
        probe, name = segments[0], "/".join(segments[1:])
        return (lambda _: self._probes.part(probe, name)) if name else (lambda call: self._probes.whole(probe, call))

    def _index(self, call: Call) -> Answer:
        paths = ["/" + "/".join(segments) for segments in self._rows if segments]
        return json_answer(call, document.compact({"paths": sorted([*paths, "/metrics", *self._probes.paths()])}))

    def _groups(self, call: Call) -> Answer:
        """The list of groups, or the aggregated document."""
        chosen = negotiated(call.accept, (JSON, AGGREGATED))
        return fixed_answer(call, self._discovery.groups if chosen == JSON else self._discovery.aggregated)

    async def _metrics(self) -> Answer:
        """The registry in Prometheus' text format; made in a thread: thousands of nodes have their series in it.

        One is made at a time, and those who came before it was begun share it, however many ask.
        """
        arrived = asyncio.get_running_loop().time()
        async with self._making:
            if self._page_begun < arrived:
                begun = asyncio.get_running_loop().time()
                self._page = await asyncio.to_thread(generate_latest, self._registry)
                self._page_begun = begun
            page = self._page
        return Answer(_slices(page), CONTENT_TYPE_PLAIN_0_0_4)


def _document(found: Fixed, call: Call) -> Answer:
    negotiated(call.accept, (JSON,))
    return fixed_answer(call, found)


def _hashed(found: Fixed, call: Call) -> Answer:
    """A document of OpenAPI v3. Who names its hash may keep it for ever; another hash gets the document of today, where
    upstream redirects.
    """
    negotiated(call.accept, (JSON,))
    forever = {"Cache-Control": "public, immutable, max-age=31536000"}
    return fixed_answer(call, found, forever if call.parameter("hash") == found.hash else None)


def _slices(page: bytes) -> Iterator[bytes]:
    return (page[start : start + _WRITTEN] for start in range(0, len(page), _WRITTEN))


def _version_info() -> dict[str, str]:
    """k8s.io/apimachinery `version.Info`; the Go fields that make no sense here are empty."""
    major, minor, *_ = __version__.split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{__version__}",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": platform.python_implementation(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }
