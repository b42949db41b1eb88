"""What a document shows of items, as compact JSON: the objects themselves, or less of them. How it is written down
(indented, as YAML) is notation.py's; a form for tables is table.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from autoscaler.api import document, wire
from autoscaler.api.envelope import Bookmark, ListMeta
from autoscaler.api.items import Item
from autoscaler.api.status import GROUP

META_VERSION = "meta.k8s.io/v1"
PARTIAL = "PartialObjectMetadata"


class Form(Protocol):
    """`listed` is the name of a list's last field, the array of `element`s; `opening` are the fields before it."""

    @property
    def listed(self) -> str: ...
    def opening(self, meta: ListMeta) -> Mapping[str, object]: ...
    def element(self, item: Item, stamp: bytes, now: float) -> bytes: ...
    def single(self, item: Item, stamp: bytes, now: float) -> bytes: ...
    def bookmark(self, event: Bookmark) -> bytes: ...


class Objects(Struct, frozen=True):
    """NodeMetrics or PodMetrics, whole."""

    kind: str
    version: str
    listed = "items"

    def opening(self, meta: ListMeta) -> Mapping[str, object]:
        """Kind, version and metadata of the list."""
        return {"kind": f"{self.kind}List", "apiVersion": f"{GROUP}/{self.version}", "metadata": meta.fields()}

    def element(self, item: Item, stamp: bytes, _now: float) -> bytes:
        """Its kind and version are the list's."""
        return wire.bare(item, stamp)

    def single(self, item: Item, stamp: bytes, _now: float) -> bytes:
        """The object."""
        return wire.typed(self.kind, f"{GROUP}/{self.version}", item, stamp)

    def bookmark(self, event: Bookmark) -> bytes:
        """An empty object: its metadata alone says something."""
        empty: dict[str, object] = {"usage": {}} if self.kind == "NodeMetrics" else {"containers": []}
        opening = {"kind": self.kind, "apiVersion": f"{GROUP}/{self.version}", "metadata": event.fields()}
        return document.fragment(opening | {"timestamp": None, "window": "0s"} | empty)


class Partial(Struct, frozen=True):
    """PartialObjectMetadata: the metadata alone."""

    listed = "items"

    def opening(self, meta: ListMeta) -> Mapping[str, object]:
        """Kind, version and metadata of the list."""
        return {"kind": f"{PARTIAL}List", "apiVersion": META_VERSION, "metadata": meta.fields()}

    def element(self, item: Item, stamp: bytes, now: float) -> bytes:
        """Elements carry kind and version too, as upstream."""
        return self.single(item, stamp, now)

    def single(self, item: Item, stamp: bytes, _now: float) -> bytes:
        """The object."""
        return b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":%b}' % (
            wire.metadata(item.subject, stamp)
        )

    def bookmark(self, event: Bookmark) -> bytes:
        """An object whose version counts."""
        return document.fragment({"kind": PARTIAL, "apiVersion": META_VERSION, "metadata": event.fields()})
