"""One watch: the state of now or the changes since a revision, then every change as it is made, until it ends.

A watch has no queue. What it still has to tell is found on the shelf by the last revision it told, so a client that
reads slowly gets the present state of what changed, each object once, and costs nothing meanwhile. One that lags behind
what the shelf remembers is told so (410, `Expired`) and has to list again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Protocol

from autoscaler.api.envelope import Bookmark, Change, Event, Failure
from autoscaler.api.items import Item, numberless
from autoscaler.api.ledger import Ledger
from autoscaler.api.listoptions import WatchOptions
from autoscaler.api.selection import Selection
from autoscaler.api.shelf import Difference, TooOldError
from autoscaler.api.snapshots import Snapshots
from autoscaler.api.status import expired
from autoscaler.clock import Clock

PACE_SECONDS = 0.1
"""At least between two looks for changes: hundreds of commits a second are told in tens of batches."""
BOOKMARK_SECONDS = 60.0
LONGEST_SECONDS = 3600.0
"""A watch without `timeoutSeconds` ends after this; the client begins the next one."""


class Frames(Protocol):
    """How events are written."""

    def event(self, event: Event, now: float) -> bytes: ...


class Watch:
    """Iterate `frames` once; each piece is some events, at most `Selection.slice`, or none, which only gives way."""

    def __init__(
        self,
        selection: Selection,
        options: WatchOptions,
        frames: Frames,
        *,
        ledger: Ledger,
        snapshots: Snapshots,
        clock: Clock,
    ) -> None:
        self._selection = selection
        self._options = options
        self._frames = frames
        self._ledger = ledger
        self._shelf = ledger.shelf(selection.resource)
        self._snapshots = snapshots
        self._clock = clock
        self._told = ledger.revision if options.after is None else options.after
        asked = LONGEST_SECONDS if options.seconds is None else options.seconds
        self._ends = clock.monotonic() + min(asked, LONGEST_SECONDS)
        self._bookmarked = clock.monotonic()

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """The pieces, until it is time, the ledger is closed or the client lags too far behind."""
        if self._options.initial:
            self._told, parts = await self._snapshots.consumed(self._selection)
            for piece in self._pieces(self._state(chain.from_iterable(parts))):
                yield piece
            if self._options.marked:
                yield self._frame(Bookmark(str(self._told), initial=True))
        while not self._ledger.closed and self._clock.monotonic() < self._ends:
            looked = self._clock.monotonic()
            await self._ledger.settle()
            revision = self._ledger.revision
            try:
                pieces = self._pieces(self._changes(self._missed(revision)))
            except TooOldError:
                yield self._frame(Failure(expired(f"too old resource version: {self._told} ({self._shelf.floor})")))
                return
            for piece in pieces:
                yield piece
            yield b""
            self._told = revision
            if self._options.bookmarks and self._clock.monotonic() - self._bookmarked >= BOOKMARK_SECONDS:
                self._bookmarked = self._clock.monotonic()
                yield self._frame(Bookmark(str(revision)))
            if revision == self._ledger.revision:
                await self._ledger.change()
            early = looked + PACE_SECONDS - self._clock.monotonic()
            if early > 0 and not self._ledger.closed:
                await self._clock.sleep(early)

    def _missed(self, revision: int) -> Sequence[Difference]:
        """What is not told yet. Raises TooOldError, also for a revision that is none of this process."""
        if self._told > revision:
            raise TooOldError("it is of another process")
        if self._shelf.floor <= self._shelf.touched(self._selection.namespace) <= self._told:
            return ()
        return self._shelf.since(self._told)

    def _state(self, items: Iterable[Item]) -> Iterator[Event | None]:
        return (Change("ADDED", item, str(self._told)) for item in items)

    def _changes(self, differences: Iterable[Difference]) -> Iterator[Event | None]:
        """What each is to this watch, which has been told everything up to `_told`."""
        begun = self._told
        prefix = f"{self._selection.namespace}\0" if self._selection.namespace else ""
        return (self._change(each, begun) if each.key.startswith(prefix) else None for each in differences)

    def _change(self, difference: Difference, begun: int) -> Change | None:
        before, after = difference.before, difference.after
        known = before or after
        had = known is not None and known.since <= begun and self._selection.takes(known.source)
        if after is not None and self._selection.takes(after.source):
            item = self._ledger.item(after)
            kind = "MODIFIED" if had else "ADDED"
            return None if item is None else Change(kind, item, str(difference.revision))
        if not had or known is None:
            return None
        return Change("DELETED", known.item or numberless(known.source), str(difference.revision))

    def _pieces(self, events: Iterator[Event | None]) -> Iterator[bytes]:
        """The events of some objects at a time, written when they are taken."""
        while looked_at := tuple(islice(events, self._selection.slice)):
            yield b"".join([self._frame(event) for event in looked_at if event is not None])

    def _frame(self, event: Event) -> bytes:
        return self._frames.event(event, self._clock.now())
