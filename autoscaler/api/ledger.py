"""The number of every change of what is served, and what that is: the store's usages of the pods and nodes there are.

A pod is served while it runs and the store has a usage of it, a node while the store has one. Every commit of the store
and every difference of the inventory that changes something gets the next revision, the `resourceVersion` that clients
see. The first one is the time of the start in microseconds: no process makes a change a microsecond, so a revision of
an earlier or another process is recognized as too old or too large, and never taken for one of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from autoscaler.api.items import Item, node_item, pod_item, renewed
from autoscaler.api.shelf import Entry, Shelf
from autoscaler.clock import Clock
from autoscaler.model.absence import Absence
from autoscaler.model.metrics import Commit, NodeUsage, PodUsage
from autoscaler.model.objects import Node, NodeName, ObjectKey, Pod

_MICRO = 1e6


class UsageReader(Protocol):
    """The latest numbers; `absence` says why there is none of a node or a running pod, the most telling cause first.

    `expire` has the feed told of what became too old; False when there may be more.
    """

    def pod_usage(self, namespace: str, name: str) -> PodUsage | None: ...
    def node_usage(self, name: NodeName) -> NodeUsage | None: ...
    def absence(self, item: Pod | Node) -> Sequence[Absence]: ...
    def expire(self) -> bool: ...


class Feed(Protocol):
    """Tells of every commit of the store at once."""

    def subscribe(self, listener: Callable[[Commit], None]) -> Callable[[], None]: ...


class Inventory(Protocol):
    """The cluster's nodes and pods, any phase; `pods_in(None)` are those of all namespaces.

    `follow` tells of every difference as it is taken in: old None = added, new None = gone.
    """

    def nodes(self) -> Mapping[NodeName, Node]: ...
    def node(self, name: NodeName) -> Node | None: ...
    def pods_in(self, namespace: str | None) -> Iterable[Pod]: ...
    def pod(self, namespace: str, name: str) -> Pod | None: ...
    def follow(
        self, pods: Callable[[Pod | None, Pod | None], None], nodes: Callable[[Node | None, Node | None], None]
    ) -> None: ...


class _Group(NamedTuple):
    """The pods of a node that a commit told of, by its very list: as long as none is gone, they are these entries,
    whose `source` is kept up to date by the inventory's differences.
    """

    keys: Sequence[ObjectKey]
    entries: Sequence[Entry]
    namespaces: frozenset[str]


class Ledger:
    """Follows store and inventory from its making on; `pods` and `nodes` may be read at any time."""

    def __init__(self, usage: UsageReader, feed: Feed, inventory: Inventory, clock: Clock) -> None:
        self._usage = usage
        self._inventory = inventory
        self.revision = int(clock.now() * _MICRO)
        self.pods = Shelf(self.revision)
        self.nodes = Shelf(self.revision)
        self.closed = False
        """Whether watches have to end."""
        self._changed = asyncio.Event()
        self._groups: dict[NodeName, _Group] = {}
        for pod in inventory.pods_in(None):
            self._pod_changed(None, pod)
        for node in inventory.nodes().values():
            self._node_changed(None, node)
        feed.subscribe(self._committed)
        inventory.follow(self._pod_changed, self._node_changed)

    def shelf(self, resource: str) -> Shelf:
        """That of `pods` or `nodes`."""
        return self.nodes if resource == "nodes" else self.pods

    def settled(self) -> bool:
        """Whether everything that is too old by now has gone from the shelves; what is left of it takes `settle`."""
        return self._usage.expire()

    async def settle(self) -> None:
        """Return once everything that is too old by now has gone from the shelves."""
        while not self._usage.expire():  # noqa: ASYNC110 - there is nothing to wait for, others only get their turn
            await asyncio.sleep(0)

    async def change(self) -> None:
        """Return at the next revision, or when `wake` is called."""
        await self._changed.wait()

    def wake(self) -> None:
        """Have everybody look who waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """Have every watch end."""
        self.closed = True
        self.wake()

    def item(self, entry: Entry) -> Item | None:
        """What is to be shown of an entry; None when it became too old this instant."""
        if entry.item is not None and not entry.stale:
            return entry.item
        source = entry.source
        if isinstance(source, Pod):
            pod_usage = self._pod_usage(source)
            if pod_usage is None:
                return None
            entry.item = renewed(entry.item, pod_usage) if entry.item else pod_item(source, pod_usage)
        else:
            node_usage = self._usage.node_usage(source.name)
            if node_usage is None:
                return None
            entry.item = renewed(entry.item, node_usage) if entry.item else node_item(source, node_usage)
        entry.stale = False
        return entry.item

    def _pod_usage(self, pod: Pod) -> PodUsage | None:
        """The pod's numbers, not those of another pod that had its name before."""
        usage = self._usage.pod_usage(pod.namespace, pod.name)
        return usage if usage and (not usage.uid or not pod.uid or usage.uid == pod.uid) else None

    def _committed(self, commit: Commit) -> None:
        revision = self.revision + 1
        group = self._groups.get(commit.node)
        if group is not None and group.keys is commit.fresh and not any(entry.gone for entry in group.entries):
            self.pods.renew(group.entries, group.namespaces, revision)
        elif commit.fresh:
            self._put(commit, revision)
        if commit.lost or commit.own is False:
            self._groups.pop(commit.node, None)
        for key in commit.lost:
            self.pods.drop(f"{key.namespace}\0{key.name}", revision)
        node = self._inventory.node(commit.node)
        if commit.own and node is not None:
            self.nodes.put(node.name, node, revision)
        elif commit.own is False:
            self.nodes.drop(commit.node, revision)
        self._advance(revision)

    def _put(self, commit: Commit, revision: int) -> None:
        """Those of its fresh pods that run; when all do, the next such commit needs nothing looked up."""
        entries = []
        for key in commit.fresh:
            pod = self._inventory.pod(key.namespace, key.name)
            if pod is not None and pod.phase == "Running":
                entries.append(self.pods.put(pod_key(pod), pod, revision))
        if len(entries) == len(commit.fresh):
            namespaces = frozenset(key.namespace for key in commit.fresh)
            self._groups[commit.node] = _Group(commit.fresh, tuple(entries), namespaces)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        revision = self.revision + 1
        if old is not None and (new is None or new.phase != "Running" or new.uid != old.uid):
            self.pods.drop(pod_key(old), revision)
        if new is not None and new.phase == "Running":
            key = pod_key(new)
            if self.pods.get(key) is not None or self._pod_usage(new) is not None:
                _seen(self.pods, key, new, revision)
        self._advance(revision)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        revision = self.revision + 1
        if old is not None and (new is None or new.uid != old.uid):
            self.nodes.drop(old.name, revision)
        if new is not None and (self.nodes.get(new.name) is not None or self._usage.node_usage(new.name) is not None):
            _seen(self.nodes, new.name, new, revision)
        self._advance(revision)

    def _advance(self, revision: int) -> None:
        """Count the revision if a shelf used it."""
        if revision in (self.pods.touched(""), self.nodes.touched("")):
            self.revision = revision
            self.wake()


def pod_key(pod: Pod) -> str:
    """Sorts by namespace, then name: no name contains a NUL."""
    return f"{pod.namespace}\0{pod.name}"


def _seen(shelf: Shelf, key: str, source: Pod | Node, revision: int) -> None:
    """The inventory has this state of an object that is served."""
    entry = shelf.get(key)
    if entry is None:
        shelf.put(key, source, revision)
    elif entry.source.labels != source.labels:
        shelf.relabel(key, source, revision)
    else:
        entry.source = source
