"""A Table (meta.k8s.io/v1), what `kubectl get` prints: the same columns whatever the items, numbers as `kubectl top`
shows them; `-o wide` adds the node and the age of the sample.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from autoscaler.api import document, wire
from autoscaler.api.envelope import Bookmark, ListMeta
from autoscaler.api.forms import META_VERSION, Form
from autoscaler.api.items import Item

_WIDE = 1
_KIND = {"kind": "Table", "apiVersion": META_VERSION}


class Table(Struct, frozen=True):
    """`shown` is the form of the object beside each row, None for none; `namespaced` rows have the column Node."""

    namespaced: bool
    shown: Form | None
    listed = "rows"

    def opening(self, meta: ListMeta) -> Mapping[str, object]:
        """Everything but the rows."""
        return _KIND | {"metadata": meta.fields(), "columnDefinitions": self._columns()}

    def element(self, item: Item, stamp: bytes, now: float) -> bytes:
        """A row."""
        return self._row(self._cells(item, now), self.shown.single(item, stamp, now) if self.shown else b"null")

    def single(self, item: Item, stamp: bytes, now: float) -> bytes:
        """A table of one row."""
        return self._of_one(self.element(item, stamp, now))

    def bookmark(self, event: Bookmark) -> bytes:
        """A row without words, beside the object that counts."""
        shown = self.shown.bookmark(event) if self.shown else b"null"
        return self._of_one(self._row([""] * len(self._columns()), shown))

    def _of_one(self, row: bytes) -> bytes:
        return b'%b,"rows":[%b]}' % (document.fragment(self.opening(ListMeta()))[:-1], row)

    def _row(self, cells: list[str], shown: bytes) -> bytes:
        return b'{"cells":%b,"object":%b}' % (document.fragment(cells), shown)

    def _columns(self) -> list[Mapping[str, object]]:
        where = [_column("Node", "", "Node the pod is bound to", _WIDE)] if self.namespaced else []
        return [
            _column("Name", "name", "Name of the pod or node"),
            _column("CPU", "quantity", "Cores used on average during the window; of a pod, by all its containers"),
            _column("Memory", "quantity", "Working set; of a pod, of all its containers"),
            _column("Window", "duration", "What the CPU is an average over"),
            *where,
            _column("Sample Age", "duration", "Time since the sample was taken", _WIDE),
        ]

    def _cells(self, item: Item, now: float) -> list[str]:
        (at_ns, window_ns), *amounts = item.pairs()
        cpu, memory = (sum(each[what] for each in amounts) for what in (0, 1))
        where = [item.subject.node] if self.namespaced else []
        return [
            item.subject.name,
            f"{-(-cpu // 1_000_000)}m",
            f"{memory >> 20}Mi",
            wire.duration_text(window_ns),
            *where,
            _age(now - at_ns // 1_000_000_000),
        ]


def _column(name: str, form: str, description: str, priority: int = 0) -> Mapping[str, object]:
    return {"name": name, "type": "string", "format": form, "description": description, "priority": priority}


def _age(seconds: float) -> str:
    """Whole seconds; a clock ahead of ours makes no negative ages."""
    return wire.duration_text(max(0, int(seconds)) * 1_000_000_000)
