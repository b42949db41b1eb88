"""What is served of one resource: every object in order, and what became of each since any revision.

Entries stand in the order of their last change too, so what happened after a revision is read from the end, however
long ago that was: many changes of one object are one. An object that went, or that got other labels, leaves a `Gone`
behind, which says what a watcher had of it before; there is room for `MOST_GONE`, and who has seen nothing since before
the first of them cannot be told what it missed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from autoscaler.api.items import Item
from autoscaler.errors import AutoscalerError
from autoscaler.model.objects import Node, Pod

MOST_GONE = 10_000
MOST_NAMESPACES = 10_000
_FEW = 64
_MANY = 4096


class TooOldError(AutoscalerError):
    """What happened after this revision is not known completely any more."""


class Entry(Struct, gc=False):
    """One served object; `item` is what was last written of it, `stale` when a newer sample is there.

    `since` and `changed` are the revisions at which it appeared and at which it changed last.
    """

    key: str
    source: Pod | Node
    since: int
    changed: int
    item: Item | None = None
    stale: bool = True


class Gone(Struct, frozen=True, gc=False):
    """An object as it was until `revision`, when it went or got other labels."""

    key: str
    source: Pod | Node
    since: int
    revision: int
    item: Item | None


class Difference(Struct, frozen=True, gc=False):
    """What became of one object: `before` None = it did not change its labels nor go; `after` None = it is gone."""

    revision: int
    key: str
    before: Gone | None
    after: Entry | None


class Namespaces:
    """The revision at which something last became so in each; of the one that are forgotten, a later one."""

    def __init__(self, revision: int, most: int) -> None:
        self._most = most
        self._known: dict[str, int] = {}
        self._others = revision
        self.latest = revision

    def note(self, source: Pod | Node, revision: int) -> None:
        """It became so of this object."""
        self.latest = revision
        if isinstance(source, Pod):
            self._known[source.namespace] = revision
            if len(self._known) > self._most:
                self._known, self._others = {}, revision

    def of(self, namespace: str) -> int:
        """That of a namespace, or of all with ""."""
        return self._known.get(namespace, self._others) if namespace else self.latest


class Shelf:
    """Begins empty at `revision`; the caller numbers the changes, each higher than the one before."""

    def __init__(self, revision: int, *, most_gone: int = MOST_GONE, most_namespaces: int = MOST_NAMESPACES) -> None:
        self.floor = revision
        """The lowest revision `since` can begin at."""
        self._most_gone = most_gone
        self._entries: dict[str, Entry] = {}
        self._gone: deque[Gone] = deque()
        self._touched, self._shaped = (Namespaces(revision, most_namespaces) for _ in range(2))
        self._order: list[str] = []
        self._moved: set[str] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        """The object of this name."""
        return self._entries.get(key)

    def touched(self, namespace: str) -> int:
        """A revision since which nothing has changed in a namespace, or at all with ""; rarely not the first such."""
        return self._touched.of(namespace)

    def shaped(self, namespace: str) -> int:
        """The same of what a selector looks at: which objects there are, and with which labels."""
        return self._shaped.of(namespace)

    def keys(self, namespace: str) -> Sequence[str]:
        """The names in a namespace, or all with "", in order; what comes and goes later does not change it."""
        self._sort()
        if not namespace:
            return self._order
        low = bisect_left(self._order, f"{namespace}\0")
        return self._order[low : bisect_left(self._order, f"{namespace}\1", low)]

    def put(self, key: str, source: Pod | Node, revision: int) -> None:
        """The object has a new sample, or its first. What nobody read of its last two is let go."""
        entry = self._entries.pop(key, None)
        if entry is None:
            self._entries[key] = Entry(key, source, revision, revision)
            self._move(key)
            self._shaped.note(source, revision)
        else:
            entry.source, entry.changed = source, revision
            if entry.stale:
                entry.item = None
            entry.stale = True
            self._entries[entry.key] = entry  # not `key`, a copy of that text
        self._touched.note(source, revision)

    def relabel(self, key: str, source: Pod | Node, revision: int) -> None:
        """The object has other labels."""
        entry = self._entries.pop(key)
        self._leave(entry, revision)
        self._entries[key] = Entry(key, source, entry.since, revision)
        self._shaped.note(source, revision)
        self._touched.note(source, revision)

    def drop(self, key: str, revision: int) -> None:
        """The object is not served any more."""
        if entry := self._entries.pop(key, None):
            self._leave(entry, revision)
            self._move(key)
            self._shaped.note(entry.source, revision)
            self._touched.note(entry.source, revision)

    def since(self, revision: int) -> list[Difference]:
        """What is otherwise than at `revision`, in the order it became so. Raises TooOldError."""
        if revision < self.floor:
            raise TooOldError(f"revision {revision} is older than {self.floor}, the first one that is remembered")
        before: dict[str, Gone] = {}
        last: dict[str, int] = {}
        for gone in reversed(self._gone):
            if gone.revision <= revision:
                break
            before[gone.key] = gone
            last.setdefault(gone.key, gone.revision)
        found: list[Difference] = []
        for entry in reversed(self._entries.values()):
            if entry.changed <= revision:
                break
            found.append(Difference(entry.changed, entry.key, before.pop(entry.key, None), entry))
        found.reverse()
        if before:
            found += (Difference(last[key], key, gone, None) for key, gone in before.items())
            found.sort(key=lambda difference: difference.revision)
        return found

    def _leave(self, entry: Entry, revision: int) -> None:
        self._gone.append(Gone(entry.key, entry.source, entry.since, revision, entry.item))
        if len(self._gone) > self._most_gone:
            self.floor = self._gone.popleft().revision

    def _move(self, key: str) -> None:
        """Note that a key came or went; a start with 150,000 of them is sorted in some 40 steps."""
        self._moved.add(key)
        if len(self._moved) > _MANY:
            self._sort()

    def _sort(self) -> None:
        """Bring the order up to date; the one before stays as it is, for those who read it."""
        moved, order = self._moved, self._order
        if not moved:
            return
        if len(moved) > _FEW:
            came = sorted(key for key in moved if key in self._entries)
            self._order = [key for key in order if key not in moved] + came
            self._order.sort()  # two sorted runs: a merge
        else:
            self._order = order = order.copy()
            for key in moved:
                at = bisect_left(order, key)
                there = at < len(order) and order[at] == key
                if key in self._entries and not there:
                    order.insert(at, key)
                elif key not in self._entries and there:
                    del order[at]
        self._moved = set()
