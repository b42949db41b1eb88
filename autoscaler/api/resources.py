"""nodes and pods of metrics.k8s.io, read from the store and the inventory at the time of the request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from autoscaler.api import renderings
from autoscaler.api.answer import Answer
from autoscaler.api.call import Call
from autoscaler.api.envelope import Event, ListMeta
from autoscaler.api.items import SLICE, Item, Items
from autoscaler.api.status import bad_request, metrics_not_found, object_not_found
from autoscaler.clock import Clock
from autoscaler.core import selectors
from autoscaler.errors import MalformedError
from autoscaler.model.absence import Absence, Lack
from autoscaler.model.identity import ResourceAttributes
from autoscaler.model.metrics import NodeUsage, PodUsage
from autoscaler.model.objects import Node, NodeName, Pod
from autoscaler.telemetry import ApiTelemetry

FIELDS = ("metadata.name", "metadata.namespace")
_MAX_SELECTOR = 4096
_MAX_TERMS = 1000
_OBSERVED = 64
_VARY = {"Vary": "Accept"}


class UsageReader(Protocol):
    """The latest numbers; `absence` says why there is none of a node or a running pod, the most telling cause first."""

    def pod_usage(self, namespace: str, name: str) -> PodUsage | None: ...
    def node_usage(self, name: NodeName) -> NodeUsage | None: ...
    def absence(self, item: Pod | Node) -> Sequence[Absence]: ...


class Inventory(Protocol):
    """The cluster's nodes and pods, any phase; `pods_in(None)` are those of all namespaces."""

    def nodes(self) -> Mapping[NodeName, Node]: ...
    def node(self, name: NodeName) -> Node | None: ...
    def pods_in(self, namespace: str | None) -> Iterable[Pod]: ...
    def pod(self, namespace: str, name: str) -> Pod | None: ...


class Rendering(Protocol):
    """How the answers to one request are written, in the encoding and form the client chose; `now` is its time.

    `pieces` are a list that is joined or sent piece by piece: making a piece is short, and an empty one only gives way.
    `event` is one frame of a watch, whose Content-Type is `stream_type`.
    """

    @property
    def content_type(self) -> str: ...
    @property
    def stream_type(self) -> str: ...
    def single(self, item: Item, now: float) -> bytes: ...
    def pieces(self, items: Sequence[Item], meta: ListMeta, now: float) -> Iterator[bytes]: ...
    def event(self, event: Event, now: float) -> bytes: ...


class _Filter(Struct, frozen=True):
    labels: selectors.Selector
    fields: selectors.FieldSelector

    @property
    def everything(self) -> bool:
        return not self.labels.requirements and not self.fields.terms

    def takes(self, item: Pod | Node, namespace: str) -> bool:
        if self.fields.terms and not self.fields.matches({"metadata.name": item.name, "metadata.namespace": namespace}):
            return False
        return self.labels.matches(item.labels)


class Resources:
    """Answers get and list."""

    def __init__(self, usage: UsageReader, inventory: Inventory, clock: Clock, telemetry: ApiTelemetry) -> None:
        self._usage = usage
        self._inventory = inventory
        self._clock = clock
        self._telemetry = telemetry
        self._items = Items(clock)

    async def answer(self, call: Call, asked: ResourceAttributes) -> Answer:
        """The object or list. Raises StatusError (400, 404, 406)."""
        rendering: Rendering = renderings.chosen(call, asked)
        self._items.turn()
        if asked.verb == "list":
            return await self._list(call, asked, rendering)
        item = self._node(asked.name) if asked.resource == "nodes" else self._pod(asked.namespace, asked.name)
        self._observe((item,))
        return Answer(rendering.single(item, self._clock.now()), rendering.content_type, headers=_VARY)

    async def _list(self, call: Call, asked: ResourceAttributes, rendering: Rendering) -> Answer:
        wanted = _filter(call)
        nodes = asked.resource == "nodes"
        items = self._nodes(wanted) if nodes else await self._pods(asked.namespace or None, wanted)
        items.sort(key=lambda item: item.subject.order)
        self._observe(items)
        pieces = rendering.pieces(items, ListMeta(), self._clock.now())
        return Answer(pieces if len(items) > SLICE else b"".join(pieces), rendering.content_type, headers=_VARY)

    def _nodes(self, wanted: _Filter) -> list[Item]:
        return [
            self._items.node(node, usage)
            for node in self._inventory.nodes().values()
            if wanted.takes(node, "") and (usage := self._usage.node_usage(node.name)) is not None
        ]

    async def _pods(self, namespace: str | None, wanted: _Filter) -> list[Item]:
        """Items of running pods that have numbers; gives way to other tasks after each slice."""
        pods = list(self._inventory.pods_in(namespace))
        everything = wanted.everything
        items: list[Item] = []
        for start in range(0, len(pods), SLICE):
            if start:
                await asyncio.sleep(0)
            items.extend(
                self._items.pod(pod, usage)
                for pod in pods[start : start + SLICE]
                if (everything or wanted.takes(pod, pod.namespace)) and (usage := self._usage_of(pod)) is not None
            )
        return items

    def _usage_of(self, pod: Pod) -> PodUsage | None:
        """The pod's numbers, not those of another pod that had its name before."""
        usage = self._usage.pod_usage(pod.namespace, pod.name)
        if usage is None or pod.phase != "Running":
            return None
        return None if usage.uid and pod.uid and usage.uid != pod.uid else usage

    def _node(self, name: str) -> Item:
        node = self._inventory.node(NodeName(name))
        if node is None:
            raise object_not_found("node", name)
        usage = self._usage.node_usage(node.name)
        if usage is None:
            raise metrics_not_found("nodemetrics", name, self._usage.absence(node))
        return self._items.node(node, usage)

    def _pod(self, namespace: str, name: str) -> Item:
        pod = self._inventory.pod(namespace, name)
        if pod is None:
            raise object_not_found("pods", name)
        usage = self._usage_of(pod)
        if usage is None:
            stopped = Absence(Lack.NOT_RUNNING, f"the pod's phase is {pod.phase}")
            causes = self._usage.absence(pod) if pod.phase == "Running" else [stopped]
            raise metrics_not_found("podmetrics", f"{namespace}/{name}", causes)
        return self._items.pod(pod, usage)

    def _observe(self, items: Sequence[Item]) -> None:
        """Ages of what is served; of a long list an even sample, as counting each would cost more than serving it."""
        now = self._clock.now()
        for item in items[:: max(1, len(items) // _OBSERVED)]:
            self._telemetry.freshness.observe(max(0.0, now - item.at_ns / 1e9))


def _filter(call: Call) -> _Filter:
    """The list options that select. Raises StatusError (400) that names the parameter."""
    texts = {name: call.parameter(name) for name in ("labelSelector", "fieldSelector")}
    for name, text in texts.items():
        if len(text) > _MAX_SELECTOR or text.count(",") >= _MAX_TERMS:
            raise bad_request(f"{name}: longer than {_MAX_SELECTOR} bytes or {_MAX_TERMS} terms")
    limit = call.parameter("limit")
    if limit and not (limit.isascii() and limit.isdecimal()):
        raise bad_request(f'limit: "{limit[:32]}" is not a number of 0 or more')
    if call.parameter("continue"):
        raise bad_request("continue: not a token of this server; lists are given whole")
    try:
        return _Filter(
            selectors.parse(texts["labelSelector"]), selectors.parse_fields(texts["fieldSelector"], FIELDS)
        )  # fmt: skip
    except MalformedError as exc:
        raise bad_request(str(exc)) from exc
