"""Which path is answered by what, once the caller is known and admitted."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from autoscaler import __version__
from autoscaler.api import document
from autoscaler.api.answer import Answer, json_answer
from autoscaler.api.call import Call
from autoscaler.api.discovery import Discovery
from autoscaler.api.negotiate import AGGREGATED, JSON, negotiated
from autoscaler.api.probes import Probes
from autoscaler.api.resources import Resources
from autoscaler.api.status import GROUP, method_not_allowed, not_supported, unknown_path
from autoscaler.model.identity import ResourceAttributes

_WRITTEN = 256 * 1024


class Routes:
    """The table of everything that is served. OpenAPI gets its rows here when it is."""

    def __init__(self, resources: Resources, discovery: Discovery, probes: Probes, registry: CollectorRegistry) -> None:
        self._resources = resources
        self._discovery = discovery
        self._probes = probes
        self._registry = registry
        self._version = document.compact(_version_info())
        self._documents: dict[tuple[str, ...], Callable[[Call], Answer]] = {
            (): self._index,
            ("version",): lambda call: json_answer(call, self._version),
            ("apis",): self._groups,
            ("apis", GROUP): lambda call: self._document(call, discovery.group),
            **{("apis", GROUP, version): self._resource_list for version in discovery.versions},
        }

    async def answer(self, call: Call) -> Answer:
        """The answer to an admitted request. Raises StatusError."""
        if isinstance(call.attributes, ResourceAttributes):
            if call.attributes.verb not in ("get", "list"):
                raise not_supported(call.attributes)
            negotiated(call.accept, (JSON,))
            return await self._resources.answer(call, call.attributes)
        return await self._path(call)

    async def _path(self, call: Call) -> Answer:
        segments = call.segments
        if segments is None:
            raise unknown_path()
        make = self._documents.get(segments) or self._probe(segments)
        if make is None and segments != ("metrics",):
            raise unknown_path()
        if call.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        return make(call) if make else await self._metrics()

    def _probe(self, segments: tuple[str, ...]) -> Callable[[Call], Answer] | None:
        if not segments or segments[0] not in self._probes:
            return None
        probe, name = segments[0], "/".join(segments[1:])
        return (lambda _: self._probes.part(probe, name)) if name else (lambda call: self._probes.whole(probe, call))

    def _index(self, call: Call) -> Answer:
        paths = ["/" + "/".join(segments) for segments in self._documents if segments]
        return json_answer(call, document.compact({"paths": sorted([*paths, "/metrics", *self._probes.paths()])}))

    def _groups(self, call: Call) -> Answer:
        """The list of groups, or the aggregated document, which repeats its ETag as 304."""
        if negotiated(call.accept, (JSON, AGGREGATED)) == JSON:
            return json_answer(call, self._discovery.groups, headers={"Vary": "Accept"})
        headers = {"ETag": self._discovery.etag, "Vary": "Accept"}
        if call.if_none_match == self._discovery.etag:
            return Answer(b"", AGGREGATED, 304, headers)
        return json_answer(call, self._discovery.aggregated, AGGREGATED, headers)

    def _resource_list(self, call: Call) -> Answer:
        assert call.segments is not None  # noqa: S101 - for the type checker: the table has no row for None
        return self._document(call, self._discovery.versions[call.segments[2]])

    def _document(self, call: Call, body: bytes) -> Answer:
        negotiated(call.accept, (JSON,))
        return json_answer(call, body)

    async def _metrics(self) -> Answer:
        """The registry in Prometheus' text format; made in a thread: thousands of nodes have their series in it."""
        page = await asyncio.to_thread(generate_latest, self._registry)
        return Answer(_slices(page), CONTENT_TYPE_PLAIN_0_0_4)


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
