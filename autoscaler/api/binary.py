"""A rendering in protobuf: the objects, or their metadata alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import ClassVar, Protocol

from msgspec import Struct

from autoscaler.api import protobuf, protowire
from autoscaler.api.envelope import Bookmark, Change, Event, ListMeta
from autoscaler.api.forms import META_VERSION, PARTIAL
from autoscaler.api.items import Item
from autoscaler.api.negotiate import PROTOBUF
from autoscaler.api.parts import Part
from autoscaler.api.status import GROUP


class Message(Protocol):
    """What is shown of an item, as the message `api_version` and `kind` name; a list of it is `kind`List."""

    @property
    def kind(self) -> str: ...
    @property
    def api_version(self) -> str: ...
    def element(self, item: Item, stamp: bytes) -> bytes: ...
    def bare(self, item: Item, stamp: bytes) -> bytes: ...
    def bookmark(self, event: Bookmark) -> bytes: ...


class ObjectMessage(Struct, frozen=True):
    """NodeMetrics or PodMetrics, whole."""

    kind: str
    version: str

    @property
    def api_version(self) -> str:
        """That of the path."""
        return f"{GROUP}/{self.version}"

    element = staticmethod(protowire.element)

    def bare(self, item: Item, stamp: bytes) -> bytes:
        """Without."""
        return protowire.bare(item, stamp)

    def bookmark(self, event: Bookmark) -> bytes:
        """An empty object: its metadata alone says something."""
        nothing = protobuf.data(2, b"") + protobuf.data(3, protobuf.number(1, 0))
        return protobuf.data(1, protobuf.bookmark_meta(event)) + nothing


class PartialMessage(Struct, frozen=True):
    """PartialObjectMetadata: the metadata alone."""

    kind: ClassVar[str] = PARTIAL
    api_version: ClassVar[str] = META_VERSION

    def element(self, item: Item, stamp: bytes) -> bytes:
        """With the tag and length of a list's item."""
        return protobuf.data(2, self.bare(item, stamp))

    def bare(self, item: Item, stamp: bytes) -> bytes:
        """Without."""
        return protobuf.data(1, protowire.metadata(item.subject, stamp))

    def bookmark(self, event: Bookmark) -> bytes:
        """An object whose version counts."""
        return protobuf.data(1, protobuf.bookmark_meta(event))


class Binary(Struct, frozen=True):
    """`Rendering` of resources.py."""

    message: Message
    content_type: ClassVar[str] = PROTOBUF
    stream_type: ClassVar[str] = f"{PROTOBUF};stream=watch"

    def single(self, item: Item, now: float) -> bytes:
        """One object."""
        return self._document(self.message.bare(item, protobuf.meta_stamp(now)))

    def pieces(self, parts: Iterable[Part], meta: ListMeta, now: float) -> Iterator[bytes]:
        """A list; its length stands before it, so everything is written before the first byte of it goes out."""
        stamp, element = protobuf.meta_stamp(now), self.message.element
        before = protobuf.data(1, protobuf.list_meta(meta))
        size = len(before)
        written: deque[bytes] = deque()
        for part in parts:
            written.append(b"".join([element(item, stamp) for item in part]))
            size += len(written[-1])
            yield b""
        yield protobuf.unknown_head(self.message.api_version, f"{self.message.kind}List", size) + before
        while written:
            yield written.popleft()
        yield protobuf.UNKNOWN_TAIL

    def event(self, event: Event, now: float) -> bytes:
        """One frame."""
        match event:
            case Change(kind, item, version):
                shown = self._document(self.message.bare(item, protobuf.meta_stamp(now, version)))
            case Bookmark():
                kind, shown = "BOOKMARK", self._document(self.message.bookmark(event))
            case _:
                kind, shown = "ERROR", protobuf.status(event.status)
        return protobuf.watch_frame(kind, shown)

    def _document(self, raw: bytes) -> bytes:
        return protobuf.unknown(self.message.api_version, self.message.kind, raw)
