"""Lists as of one revision, and those that are kept because a client takes them in pages.

A snapshot is a tuple of items, which are immutable and shared with everybody else who is served them: 8 bytes for each,
and the bytes of those that have a newer sample since. It is read in slices, so that nobody waits for it; what changed
meanwhile is read again, in the end in one go, so it is exact. Who asks for the same while it is being read shares it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from msgspec import Struct

from autoscaler.api.items import Item
from autoscaler.api.ledger import Ledger
from autoscaler.api.matches import Matches
from autoscaler.api.selection import Selection
from autoscaler.api.shelf import Difference, Shelf, TooOldError
from autoscaler.clock import Clock

KEPT_SECONDS = 360.0
"""How long after its last page a snapshot is kept: clients expect five minutes (etcd's compaction)."""
MOST = 64
MOST_ITEMS = 400_000
"""Together, beside the newest: about 200 MB once all of them have newer samples, the worst case."""


class Snapshot(Struct, frozen=True, gc=False):
    """What was selected at `revision`, in order."""

    selection: Selection
    revision: int
    items: Sequence[Item]


class Snapshots:
    """Takes them and keeps some; `current` is never older than the call."""

    def __init__(self, ledger: Ledger, clock: Clock, *, most: int = MOST, most_items: int = MOST_ITEMS) -> None:
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

    async def _taken(self, selection: Selection) -> Snapshot:
        """Read, and read again what changed meanwhile."""
        await self._ledger.settle()
        shelf = self._ledger.shelf(selection.resource)
        while True:
            revision = self._ledger.revision
            found = await self._read(shelf, selection)
            try:
                revision, came = await self._caught_up(shelf, selection, revision, found)
            except TooOldError:
                continue
            if not came:
                return Snapshot(selection, revision, tuple(found.values()))
            keys = shelf.keys(selection.namespace)
            return Snapshot(selection, revision, tuple([found[key] for key in keys if key in found]))

    async def _read(self, shelf: Shelf, selection: Selection) -> dict[str, Item]:
        """Every selected item by its key, each as it was at some instant of the reading."""
        shape = shelf.shaped(selection.namespace)
        known = None if selection.everything else self._matches.get(selection, shape)
        keys = shelf.keys(selection.namespace) if known is None else known
        all_of_them = selection.everything or known is not None
        found: dict[str, Item] = {}
        matches: list[str] = []
        at_once = selection.slice
        for start in range(0, len(keys), at_once):
            if start:
                await asyncio.sleep(0)
            for key in keys[start : start + at_once]:
                entry = shelf.get(key)
                if entry is None or not (all_of_them or selection.takes(entry.source)):
                    continue
                matches.append(key)
                item = self._ledger.item(entry)
                if item is not None:
                    found[key] = item
        if not all_of_them and shape == shelf.shaped(selection.namespace):
            self._matches.keep(selection, shape, matches)
        return found

    async def _caught_up(
        self, shelf: Shelf, selection: Selection, revision: int, found: dict[str, Item]
    ) -> tuple[int, bool]:
        """Bring what was read since `revision` to one revision: which one, and whether new objects came in.

        Slices grow from round to round, or a store that changes more of it in each turn would never be caught up with.
        """
        came, at_once = False, selection.slice
        while revision != self._ledger.revision:
            differences = shelf.since(revision)
            revision = self._ledger.revision
            for start in range(0, len(differences), at_once):
                if start:
                    await asyncio.sleep(0)
                for difference in differences[start : start + at_once]:
                    came = self._correct(selection, difference, found) or came
            at_once *= 2
        return revision, came

    def _correct(self, selection: Selection, difference: Difference, found: dict[str, Item]) -> bool:
        """Take a change over; whether it is an object that was not there."""
        entry, key = difference.after, difference.key
        if selection.namespace and not key.startswith(f"{selection.namespace}\0"):
            return False
        item = self._ledger.item(entry) if entry is not None and selection.takes(entry.source) else None
        if item is None:
            found.pop(key, None)
            return False
        new = key not in found
        found[key] = item
        return new
