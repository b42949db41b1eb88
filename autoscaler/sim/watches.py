"""WATCH: the changes after a revision, seen through a selection, with bookmarks and an end.

An object that leaves the selection is reported as DELETED and one that enters it as ADDED, as the watch cache of
k8s.io/apiserver does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from autoscaler.sim import lists
from autoscaler.sim.lists import Query, Selection
from autoscaler.sim.refusals import RefusedError
from autoscaler.sim.resources import Resource
from autoscaler.sim.store import Change, Object, Store

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
LONGEST = 3600.0
"""Seconds after which a watch ends that named no `timeoutSeconds`."""


class Watch:
    """One watch request; iterate `events()` for the bodies of its lines.

    `bookmark_every` seconds of silence give a bookmark if the client allowed them; the last line of a watch that runs
    into its time is one, too.
    """

    def __init__(
        self, store: Store, resource: Resource, namespace: str, query: Query, bookmark_every: float = 10.0
    ) -> None:
        self._store = store
        self._resource = resource
        self._selection = lists.selection(resource, namespace, query)
        self._bookmarks = query.get("allowWatchBookmarks") in ("true", "1")
        self._bookmark_every = bookmark_every
        self._seconds = lists.number(query, "timeoutSeconds") or LONGEST
        version = lists.number(query, "resourceVersion")
        self._from_now = version == 0
        self._initial = query.get("sendInitialEvents") == "true"
        self._seen = store.revision if self._from_now or self._initial else version

    async def events(self) -> AsyncIterator[Object]:
        """Until the time is over; after an ERROR event there is nothing more."""
        for event in self._opening():
            yield event
        time = asyncio.get_running_loop().time
        end, bookmark = time() + self._seconds, time() + self._bookmark_every
        while time() < end:
            try:
                changes = self._store.changes(self._resource, self._seen)
            except RefusedError as refusal:
                yield {"type": "ERROR", "object": refusal.body()}
                return
            for change in changes:
                self._seen = change.revision
                if event_or_none := _seen_through(self._selection, change):
                    yield event_or_none
            if changes:
                continue
            self._seen = self._store.revision  # nothing of ours in between, and nothing awaited since it was looked up
            if self._bookmarks and time() >= bookmark:
                bookmark = time() + self._bookmark_every
                yield self._bookmark({})
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(end, bookmark) if self._bookmarks else end):
                    await self._store.written()
        if self._bookmarks:
            yield self._bookmark({})

    def _opening(self) -> Iterator[Object]:
        """What there is already, for a watch without a starting point or one that lists by streaming."""
        if self._from_now or self._initial:
            for item in self._store.all(self._resource):
                if self._selection.matches(item):
                    yield {"type": "ADDED", "object": item}
        if self._initial and self._bookmarks:
            yield self._bookmark({"annotations": {INITIAL_EVENTS_END: "true"}})

    def _bookmark(self, metadata: Object) -> Object:
        body = {
            "kind": self._resource.kind,
            "apiVersion": self._resource.api_version,
            "metadata": {"resourceVersion": str(self._seen), **metadata},
        }
        return {"type": "BOOKMARK", "object": body}


def _seen_through(selection: Selection, change: Change) -> Object | None:
    """The event as this watcher sees it; None when it concerns somebody else's objects."""
    was = change.before is not None and selection.matches(change.before)
    now = change.type != "DELETED" and selection.matches(change.after)
    match was, now:
        case False, False:
            return None
        case False, True:
            return {"type": "ADDED", "object": change.after}
        case True, True:
            return {"type": "MODIFIED", "object": change.after}
    # The last state that was in the selection, at the revision that took it out.
    metadata = {**(change.before or {})["metadata"], "resourceVersion": str(change.revision)}
    return {"type": "DELETED", "object": {**(change.before or {}), "metadata": metadata}}
