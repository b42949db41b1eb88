"""nodes and pods of metrics.k8s.io: one, many, many in pages, and what becomes of them.

The revision of what is served (ledger.py) is the resourceVersion of every list; `resourceVersion` and
`resourceVersionMatch` mean what the table of Kubernetes' API concepts ("Resource versions") says.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from typing import Protocol

from msgspec import structs

from autoscaler.api.answer import Answer
from autoscaler.api.call import Call
from autoscaler.api.continuation import INCONSISTENT, lost, token
from autoscaler.api.envelope import Event, ListMeta
from autoscaler.api.items import SLICE, Item, item_key
from autoscaler.api.ledger import Inventory, Ledger, UsageReader, pod_key
from autoscaler.api.listoptions import ListOptions, watch_options
from autoscaler.api.parts import Part, Parts
from autoscaler.api.selection import Selection, selection_of
from autoscaler.api.shelf import Shelf
from autoscaler.api.snapshots import Snapshot, Snapshots
from autoscaler.api.status import expired, metrics_not_found, object_not_found, version_too_large
from autoscaler.api.watching import Watch
from autoscaler.api.wishes import ListWish, list_wish, rendering
from autoscaler.clock import Clock
from autoscaler.model.absence import Absence, Lack
from autoscaler.model.identity import ResourceAttributes
from autoscaler.model.objects import NodeName
from autoscaler.telemetry import ApiTelemetry
from autoscaler.turnstile import Turnstile

_OBSERVED = 4
_VARY = {"Vary": "Accept"}
_ALL_OF_NOW = ListOptions()


class Rendering(Protocol):
    """How the answers to one request are written, in the encoding and form the client chose; `now` is its time.

    `pieces` are a list that is joined or sent piece by piece: making a piece is short, and an empty one only gives way;
    `parts` are taken as they are needed.
    `event` is one frame of a watch, whose Content-Type is `stream_type`.
    """

    @property
    def content_type(self) -> str: ...
    @property
    def stream_type(self) -> str: ...
    def single(self, item: Item, now: float) -> bytes: ...
    def pieces(self, parts: Iterable[Part], meta: ListMeta, now: float) -> Iterator[bytes]: ...
    def event(self, event: Event, now: float) -> bytes: ...


class Resources:
    """Answers get, list and watch."""

    def __init__(
        self,
        usage: UsageReader,
        inventory: Inventory,
        ledger: Ledger,
        clock: Clock,
        telemetry: ApiTelemetry,
        *,
        turns: Turnstile,
    ) -> None:
        self._usage = usage
        self._inventory = inventory
        self._ledger = ledger
        self._clock = clock
        self._telemetry = telemetry
        self._snapshots = Snapshots(ledger, clock, turns)

    async def answer(self, call: Call, asked: ResourceAttributes) -> Answer:
        """The object, list or watch. Raises StatusError (400, 404, 406, 410, 422, 504)."""
        match asked.verb:
            case "list":
                return await self._list(call, asked)
            case "watch":
                chosen = rendering(call, asked)
                return Answer(self._watch(call, asked, chosen), chosen.stream_type, headers=_VARY)
        chosen = rendering(call, asked)
        await self._ledger.settle()
        return self._get(asked, chosen)

    def at_once(self, call: Call, asked: ResourceAttributes) -> Answer | None:
        """The same, whole, of an object or of a short list of now, when there is nothing to wait for; else None."""
        if asked.verb not in ("get", "list") or not self._ledger.settled():
            return None
        if asked.verb == "get":
            return self._get(asked, rendering(call, asked))
        wish = list_wish(call, asked)
        if wish.options != _ALL_OF_NOW or call.if_none_match:
            return None
        headers = self._tagged(asked, wish)
        snapshot = self._snapshots.at_once(wish.selection)
        return None if snapshot is None else self._listed(snapshot, wish, headers)

    def _get(self, asked: ResourceAttributes, rendering: Rendering) -> Answer:
        item = self._node(asked.name) if asked.resource == "nodes" else self._pod(asked.namespace, asked.name)
        self._observe(Parts(((item,),)))
        return Answer(rendering.single(item, self._clock.now()), rendering.content_type, headers=_VARY)

    def tick(self) -> None:
        """Call it every second: watches look at the time, and snapshots that nobody goes on with are let go."""
        self._ledger.wake()
        self._snapshots.tidy()

    async def let_go(self) -> None:
        """Free what lists that nobody goes on with have left; call it every second."""
        await self._snapshots.let_go()

    async def _list(self, call: Call, asked: ResourceAttributes) -> Answer:
        wish = list_wish(call, asked)
        await self._ledger.settle()
        headers = _VARY if wish.options.limit or wish.options.go_on is not None else self._tagged(asked, wish)
        if call.if_none_match and call.if_none_match == headers.get("ETag"):
            return Answer(b"", wish.rendering.content_type, 304, headers)
        return self._listed(await self._snapshot(wish.selection, wish.options), wish, headers)

    def _tagged(self, asked: ResourceAttributes, wish: ListWish) -> Mapping[str, str]:
        """The headers of a list that may be asked for again if it has changed."""
        changed = self._ledger.shelf(asked.resource).touched(asked.namespace)
        return {"ETag": f'W/"{changed}.{wish.variety}"', **_VARY}

    def _listed(self, snapshot: Snapshot, wish: ListWish, headers: Mapping[str, str]) -> Answer:
        items, meta = self._page(snapshot, wish.options)
        rendering: Rendering = wish.rendering
        self._observe(items)
        pieces = rendering.pieces(self._snapshots.leavings.consumed(items), meta, self._clock.now())
        return Answer(pieces if len(items) > SLICE else b"".join(pieces), rendering.content_type, headers=headers)

    async def _snapshot(self, selection: Selection, options: ListOptions) -> Snapshot:
        """As of the revision that the options ask for. Raises StatusError (410, 504)."""
        if options.not_older > self._ledger.revision:
            raise version_too_large(options.not_older, self._ledger.revision)
        if options.go_on is not None and options.go_on.rv != INCONSISTENT:
            kept = self._snapshots.find(selection, options.go_on.rv)
            if kept is None:
                raise lost(options.go_on.start)
            return kept
        if options.exact is not None:
            return await self._exactly(selection, options.exact)
        return await self._snapshots.current(selection)

    async def _exactly(self, selection: Selection, revision: int) -> Snapshot:
        """As of `revision`: one that is kept, or the present one if nothing has changed since."""
        kept = self._snapshots.find(selection, revision)
        if kept is not None:
            return kept
        shelf = self._ledger.shelf(selection.resource)
        if shelf.touched(selection.namespace) <= revision <= self._ledger.revision:
            snapshot = await self._snapshots.current(selection)
            if shelf.touched(selection.namespace) <= revision:
                return structs.replace(snapshot, revision=revision)
        raise expired("The resourceVersion for the provided list is too old.")

    def _page(self, snapshot: Snapshot, options: ListOptions) -> tuple[Parts, ListMeta]:
        """The part that was asked for, and how to go on."""
        items = snapshot.items if options.go_on is None else snapshot.items.behind(options.go_on.start)
        version = str(snapshot.revision)
        remaining = len(items) - options.limit
        if not options.limit or remaining <= 0:
            return items, ListMeta(version)
        self._snapshots.keep(snapshot)
        page = items.first(options.limit)
        known = remaining if snapshot.selection.everything else None  # as upstream: not with a selector
        return page, ListMeta(version, token(snapshot.revision, item_key(page.parts[-1][-1])), known)

    def _watch(self, call: Call, asked: ResourceAttributes, rendering: Rendering) -> AsyncGenerator[bytes, None]:
        watch = Watch(
            selection_of(call, asked),
            watch_options(call),
            rendering,
            ledger=self._ledger,
            snapshots=self._snapshots,
            clock=self._clock,
        )
        return watch.frames()

    def _node(self, name: str) -> Item:
        node = self._inventory.node(NodeName(name))
        if node is None:
            raise object_not_found("node", name)
        item = self._item(self._ledger.nodes, name)
        if item is None:
            raise metrics_not_found("nodemetrics", name, self._usage.absence(node))
        return item

    def _pod(self, namespace: str, name: str) -> Item:
        pod = self._inventory.pod(namespace, name)
        if pod is None:
            raise object_not_found("pods", name)
        item = self._item(self._ledger.pods, pod_key(pod))
        if item is None:
            stopped = Absence(Lack.NOT_RUNNING, f"the pod's phase is {pod.phase}")
            causes = self._usage.absence(pod) if pod.phase == "Running" else [stopped]
            raise metrics_not_found("podmetrics", f"{namespace}/{name}", causes)
        return item

    def _item(self, shelf: Shelf, key: str) -> Item | None:
        entry = shelf.get(key)
        return None if entry is None else self._ledger.item(entry)

    def _observe(self, items: Parts) -> None:
        """Ages of what is served; of a long list an even sample, as counting each would cost more than serving it."""
        now = self._clock.now()
        for item in items.sample(_OBSERVED):
            self._telemetry.freshness.observe(max(0.0, now - item.at_ns / 1e9))
