"""A rendering in text: some form of the items in some notation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from autoscaler.api import wire
from autoscaler.api.envelope import Bookmark, Change, Event, ListMeta
from autoscaler.api.forms import Form
from autoscaler.api.items import Item
from autoscaler.api.notation import Notation
from autoscaler.api.parts import Part


class Textual(Struct, frozen=True):
    """`Rendering` of resources.py."""

    form: Form
    notation: Notation

    @property
    def content_type(self) -> str:
        """The media type, without what chose the form."""
        return self.notation.content_type

    @property
    def stream_type(self) -> str:
        """Events of a watch are JSON, one a line."""
        return self.notation.content_type

    def single(self, item: Item, now: float) -> bytes:
        """One object."""
        return self.notation.whole(self.form.single(item, wire.stamp(now), now))

    def pieces(self, parts: Iterable[Part], meta: ListMeta, now: float) -> Iterator[bytes]:
        """A list, a piece for each part."""
        stamp, element = wire.stamp(now), self.form.element
        written = ([element(item, stamp, now) for item in part] for part in parts)
        return self.notation.pieces(self.form.opening(meta), self.form.listed, written)

    def event(self, event: Event, now: float) -> bytes:
        """metav1.WatchEvent with its line end; people read them line by line too."""
        match event:
            case Change(kind, item, version):
                shown = self.form.single(item, wire.stamp(now, version), now)
            case Bookmark():
                kind, shown = "BOOKMARK", self.form.bookmark(event)
            case _:
                kind, shown = "ERROR", event.status.body().rstrip(b"\n")
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), shown)
