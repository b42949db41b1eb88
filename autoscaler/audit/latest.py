"""The last decision of each target, for a compacted topic: what a dashboard reads from its beginning to know how it is.

An extra beside the history, without a spool: what is owed is in memory, one record a target, and the target's next
decision (within --audit-heartbeat) makes up for what a crash forgot, and for the late tail of a former leader, which a
reader knows by its `leadership` (docs/consuming.md). Whatever hinders it, the history goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from autoscaler.audit.codec import Record


class Latest:
    """The backlog of a forwarder of its own. `offer` it what Kafka has of the history, in the order of positions."""

    def __init__(self) -> None:
        self._owed: dict[str, Record] = {}
        self._news = asyncio.Event()

    def offer(self, records: Sequence[Record]) -> None:
        """Each takes the place of what is still owed of its target."""
        for record in records:
            self._owed.pop(record.key, None)  # so that the order of the dict is that of positions
            self._owed[record.key] = record
        self._news.set()

    async def news(self) -> None:
        await self._news.wait()

    async def settle(self) -> None:
        """Nothing stands here."""

    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        found: list[Record] = []
        size = 0
        for record in self._owed.values():
            size += len(record.body)
            if found and (size > max_bytes or len(found) == max_rows):
                break
            found.append(record)
        if not found:
            self._news.clear()
        return found

    async def delivered(self, position: int) -> None:
        for key, record in list(self._owed.items()):
            if record.position > position:
                break
            del self._owed[key]

    async def set_aside(self, record: Record, reason: str) -> None:
        """Nothing to keep: the history has the record."""
