"""What is served of one resource: every object in order, and what became of each since any revision.

A journal says which entries each revision changed, so what happened after one is read from its end, however long ago
that was: many changes of one object are one, the last. A revision of which no entry is any more the last is let go once
it is the first of the journal; what is served was sampled lately, so that comes soon. An object that went, or that got
other labels, leaves a `Gone` behind, which says what a watcher had of it before; there is room for `MOST_GONE`, and who
has seen nothing since before the first of them cannot be told what it missed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct

from autoscaler.api.items import Item
from autoscaler.errors import AutoscalerError
from autoscaler.model.objects import Node, Pod

MOST_GONE = 10_000
MOST_NAMESPACES = 10_000
_FEW = 64
_MANY, _PART = 4096, 8
"""Keys that come or go before the order is made anew: so many, or this part of it."""


class TooOldError(AutoscalerError):
    """What happened after this revision is not known completely any more."""


class Entry(Struct, gc=False):
    """One served object; `item` is what was last written of it, `stale` when a newer sample is there.

    `since` and `changed` are the revisions at which it appeared and at which it changed last. `gone`: it is not on the
    shelf any more.
    """

    key: str
    source: Pod | Node
    since: int
    changed: int
    item: Item | None = None
    stale: bool = True
    gone: bool = False


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

    def note(self, namespaces: Iterable[str], revision: int) -> None:
        """It became so of something in these, or outside of any."""
        self.latest = revision
        for namespace in namespaces:
            self._known[namespace] = revision
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
        self._journal: deque[tuple[int, Sequence[Entry]]] = deque()
        self._gone: deque[Gone] = deque()
        self._touched, self._shaped = (Namespaces(revision, most_namespaces) for _ in range(2))
        self._order: list[str] = []
        self._came: set[str] = set()
        self._went: set[str] = set()
        """What `_order` has not, and what it has although it went."""

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

    def put(self, key: str, source: Pod | Node, revision: int) -> Entry:
        """The object has a new sample, or its first."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.source = source
            self.renew((entry,), _namespaces(source), revision)
            return entry
        entry = self._entries[key] = Entry(key, source, revision, revision)
        self._come(key)
        self._shaped.note(_namespaces(source), revision)
        self._note((entry,), _namespaces(source), revision)
        return entry

    def renew(self, entries: Sequence[Entry], namespaces: Iterable[str], revision: int) -> None:
        """These, in these namespaces, have new samples. What nobody read of their last two is let go."""
        for entry in entries:
            entry.changed = revision
            if entry.stale:
                entry.item = None
            entry.stale = True
        self._note(entries, namespaces, revision)

    def relabel(self, key: str, source: Pod | Node, revision: int) -> None:
        """The object has other labels."""
        before = self._entries[key]
        self._leave(before, revision)
        entry = self._entries[key] = Entry(before.key, source, before.since, revision)
        self._shaped.note(_namespaces(source), revision)
        self._note((entry,), _namespaces(source), revision)

    def drop(self, key: str, revision: int) -> None:
        """The object is not served any more."""
        if entry := self._entries.pop(key, None):
            self._leave(entry, revision)
            self._go(key)
            self._shaped.note(_namespaces(entry.source), revision)
            self._touched.note(_namespaces(entry.source), revision)

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
        for at, entries in reversed(self._journal):
            if at <= revision:
                break
            found += [
                Difference(at, entry.key, before.pop(entry.key, None), entry)
                for entry in reversed(entries)
                if _stands(entry, at)
            ]
        found.reverse()
        if before:
            found += (Difference(last[key], key, gone, None) for key, gone in before.items())
            found.sort(key=lambda difference: difference.revision)
        return found

    def _note(self, entries: Sequence[Entry], namespaces: Iterable[str], revision: int) -> None:
        """This revision changed them last."""
        self._touched.note(namespaces, revision)
        journal = self._journal
        journal.append((revision, entries))
        while not any(_stands(entry, journal[0][0]) for entry in journal[0][1]):
            journal.popleft()

    def _leave(self, entry: Entry, revision: int) -> None:
        entry.gone = True
        self._gone.append(Gone(entry.key, entry.source, entry.since, revision, entry.item))
        if len(self._gone) > self._most_gone:
            self.floor = self._gone.popleft().revision

    def _come(self, key: str) -> None:
        """Note a new key; a start with 150,000 of them is sorted in some 20 steps, before anybody asks."""
        if key in self._went:
            self._went.discard(key)
        else:
            self._came.add(key)
            if self._many(self._came):
                self._take_in()

    def _go(self, key: str) -> None:
        """Note that a key went; nobody who reads the order minds one that is no more."""
        if key in self._came:
            self._came.discard(key)
        else:
            self._went.add(key)
            if self._many(self._went):
                self._take_out()

    def _many(self, moved: set[str]) -> bool:
        return len(moved) > max(_MANY, len(self._order) // _PART)

    def _sort(self) -> None:
        """Bring the order up to date; the one before stays as it is, for those who read it."""
        if len(self._came) + len(self._went) > _FEW:
            self._take_out()
            self._take_in()
        elif self._came or self._went:
            self._order = order = self._order.copy()
            for key in self._went:
                del order[bisect_left(order, key)]
            for key in self._came:
                insort(order, key)
            self._came, self._went = set(), set()

    def _take_in(self) -> None:
        came, self._came = sorted(self._came), set()
        self._order = self._order + came
        self._order.sort()  # two sorted runs: a merge

    def _take_out(self) -> None:
        went, self._went = self._went, set()
        if went:
            self._order = [key for key in self._order if key not in went]


def _stands(entry: Entry, revision: int) -> bool:
    """Whether an entry is served as that revision left it."""
    return entry.changed == revision and not entry.gone


def _namespaces(source: Pod | Node) -> Sequence[str]:
    return (source.namespace,) if isinstance(source, Pod) else ()
