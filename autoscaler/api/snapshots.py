"""Lists as of one revision, and those that are kept because a client takes them in pages.

A snapshot is items, which are immutable and shared with everybody else who is served them: 8 bytes for each, and the
bytes of those that have a newer sample since. It is read in slices, so that nobody waits for it; before each, what was
read and has changed since is read again, so it is exact when the last one is. Who asks the same meanwhile shares it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from autoscaler.api.items import SLICE, Item
from autoscaler.api.ledger import Ledger
from autoscaler.api.matches import Matches
from autoscaler.api.parts import Leavings, Part, Parts, in_parts
from autoscaler.api.selection import Selection
from autoscaler.api.shelf import Difference, TooOldError
from autoscaler.clock import Clock
from autoscaler.turnstile import Turnstile

KEPT_SECONDS = 360.0
"""How long after its last page a snapshot is kept: clients expect five minutes (etcd's compaction)."""
FEW = 64
"""What is read without giving way to anybody: 0.1 ms."""
MOST = 64
MOST_ITEMS = 400_000
"""Together, beside the newest: about 200 MB once all of them have newer samples, the worst case."""


class Snapshot(Struct, frozen=True, gc=False):
    """What was selected at `revision`, in order."""

    selection: Selection
    revision: int
    items: Parts


class Snapshots:
    """Takes them and keeps some; `current` is never older than the call."""

    def __init__(
        self, ledger: Ledger, clock: Clock, turns: Turnstile, *, most: int = MOST, most_items: int = MOST_ITEMS
    ) -> None:
        self.leavings = Leavings()
        self._turns = turns
        self._most = most
        self._most_items = most_items
        self._ledger = ledger
        self._clock = clock
        self._pending: dict[Selection, asyncio.Future[Snapshot]] = {}
        self._kept: OrderedDict[tuple[Selection, int], tuple[float, Snapshot]] = OrderedDict()
        self._items = 0
        self._matches = Matches()

    async def current(self, selection: Selection) -> Snapshot:
        """What is selected now."""
        while pending := self._pending.get(selection):
            await asyncio.wait((pending,))  # not awaited itself: our cancellation must not reach the others
            if not pending.cancelled():
                return pending.result()
        future = self._pending[selection] = asyncio.get_running_loop().create_future()
        try:
            snapshot = await self._taken(selection)
            future.set_result(snapshot)
        finally:
            del self._pending[selection]
            future.cancel()
        return snapshot

    def at_once(self, selection: Selection) -> Snapshot | None:
        """The same of a settled ledger where there is little to look at, else None."""
        reading = _Reading(self._ledger, selection, self._matches)
        if reading.left > min(FEW, selection.slice):
            return None
        reading.step()
        return Snapshot(selection, self._ledger.revision, Parts(tuple(in_parts(reading.found.values()))))

    async def consumed(self, selection: Selection) -> tuple[int, Iterator[Part]]:
        """The revision of what is selected now, and all of it part by part, given up as it is taken."""
        snapshot = await self.current(selection)
        return snapshot.revision, self.leavings.consumed(snapshot.items)

    async def let_go(self) -> None:
        """Free what nobody goes on with."""
        await self.leavings.let_go(self._turns)

    def keep(self, snapshot: Snapshot) -> None:
        """Let it be found again; the least recently used ones make room."""
        self._forget(snapshot.selection, snapshot.revision)
        while self._kept and self._full(len(snapshot.items)):
            self._forget(*next(iter(self._kept)))
        self._kept[snapshot.selection, snapshot.revision] = (self._clock.monotonic(), snapshot)
        self._items += len(snapshot.items)

    def find(self, selection: Selection, revision: int) -> Snapshot | None:
        """The kept snapshot, used once more."""
        self.tidy()
        found = self._kept.get((selection, revision))
        if found is None:
            return None
        self._kept[selection, revision] = (self._clock.monotonic(), found[1])
        self._kept.move_to_end((selection, revision))
        return found[1]

    def tidy(self) -> None:
        """Let go of what was not used for too long."""
        oldest = self._clock.monotonic() - KEPT_SECONDS
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._forget(*next(iter(self._kept)))

    def _full(self, coming: int) -> bool:
        return len(self._kept) >= self._most or self._items + coming > self._most_items

    def _forget(self, selection: Selection, revision: int) -> None:
        if found := self._kept.pop((selection, revision), None):
            self._items -= len(found[1].items)
            self.leavings.put(found[1].items.parts)

    async def _taken(self, selection: Selection) -> Snapshot:
        """Read slice by slice, and once more what changed meanwhile of what was read."""
        await self._ledger.settle()
        while True:
            reading = _Reading(self._ledger, selection, self._matches)
            try:
                while not reading.complete:
                    await self._turns.passed()
                    reading.step()
                revision = self._ledger.revision
                parts: deque[Part] = deque()
                try:
                    for part in reading.parts():
                        parts.appendleft(part)
                        await self._turns.passed()
                    return Snapshot(selection, revision, Parts(tuple(parts)))
                except BaseException:
                    self.leavings.put(parts)
                    raise
            except TooOldError:
                continue
            finally:
                self.leavings.put(in_parts(reading.found.values()))
                reading.found.clear()


class _Reading:
    """One reading of a shelf. `found` is every item so far, as of the ledger's revision at the end of each step."""

    def __init__(self, ledger: Ledger, selection: Selection, matches: Matches) -> None:
        self.found: dict[str, Item] = {}
        self._ledger = ledger
        self._shelf = ledger.shelf(selection.resource)
        self._selection = selection
        self._matches = matches
        self._prefix = f"{selection.namespace}\0" if selection.namespace else ""
        self._shape = self._shelf.shaped(selection.namespace)
        known = None if selection.everything else matches.get(selection, self._shape)
        self._known = known is not None
        self._keys = self._shelf.keys(selection.namespace) if known is None else known
        self._matching: list[str] = []
        self._read = 0
        """So many of the keys were read."""
        self._late: set[str] = set()
        """What was found out of order."""
        self._revision = ledger.revision

    @property
    def left(self) -> int:
        """So many objects are still to be looked at."""
        return len(self._keys) - self._read

    @property
    def complete(self) -> bool:
        """Whether everything was read."""
        return self._read >= len(self._keys)

    def step(self) -> None:
        """Bring what was read to the present revision, then read the next slice. Raises TooOldError."""
        if self._revision != self._ledger.revision:
            for difference in self._shelf.since(self._revision):
                if difference.key.startswith(self._prefix):
                    self._correct(difference)
            self._revision = self._ledger.revision
        same = self._shape == self._shelf.shaped(self._selection.namespace)
        all_of_them = self._selection.everything or (self._known and same)
        begun = self._read
        self._read += self._selection.slice
        entry_of, item_of = self._shelf.get, self._ledger.item
        for key in self._keys[begun : self._read]:
            entry = entry_of(key)
            if entry is None or not (all_of_them or self._selection.takes(entry.source)):
                continue
            if not all_of_them:
                self._matching.append(key)
            item = item_of(entry) if entry.stale else entry.item
            if item is not None:
                self.found[key] = item
        if same and self.complete and not all_of_them:
            self._matches.keep(self._selection, self._shape, self._matching)

    def parts(self) -> Iterator[Part]:
        """All that was found, from the last part to the first; it leaves `found` meanwhile."""
        size, items = len(self.found) % SLICE or SLICE, self._backwards()
        while part := tuple(islice(items, size)):
            yield part[::-1]
            size = SLICE

    def _backwards(self) -> Iterator[Item]:
        late = sorted([(key, self.found.pop(key)) for key in self._late])
        while self.found:
            key, item = self.found.popitem()
            while late and late[-1][0] > key:
                yield late.pop()[1]
            yield item
        while late:
            yield late.pop()[1]

    def _correct(self, difference: Difference) -> None:
        """Take over what became of an object, unless it is still to be read."""
        entry, key = difference.after, difference.key
        if key not in self.found and self._awaits(key):
            return
        item = self._ledger.item(entry) if entry is not None and self._selection.takes(entry.source) else None
        if item is None:
            self.found.pop(key, None)
            self._late.discard(key)
            return
        if key not in self.found:
            self._late.add(key)
        self.found[key] = item

    def _awaits(self, key: str) -> bool:
        at = bisect_left(self._keys, key, self._read)
        return at < len(self._keys) and self._keys[at] == key
