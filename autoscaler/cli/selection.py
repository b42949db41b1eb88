"""What a reader asked for of the record, and what to say where that was nothing, or leaves gaps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from autoscaler.audit.event import Event
from autoscaler.audit.wanted import Wanted
from autoscaler.core.explanation import printable
from autoscaler.core.figures import counted

LISTED = 20
_Found = TypeVar("_Found")


class Selection:
    """Remembers of a stream how many records it had, and of which targets."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.records = 0
        self._targets: set[str] = set()

    async def heard(self, found: AsyncIterator[_Found]) -> AsyncIterator[_Found]:
        """The same stream, listened to."""
        async for each in found:
            if isinstance(each, Event):
                self.records += 1
                self._targets.add(each.key)
            yield each

    def nothing(self) -> list[str]:
        """Why nothing of what was heard is wanted, for a person."""
        if not self.records:
            return ["nothing matched: there are no records"]
        if any(map(self._wanted.takes_key, self._targets)):
            heard = counted(self.records, "record")
            return [f"nothing matched: of {heard} none is of that target, time, reason and outcome"]
        names = sorted(self._targets)
        more = [f"  and {len(names) - LISTED} more"] if len(names) > LISTED else []
        told = [f"  {printable(each)}" for each in names[:LISTED]]
        return [f"nothing matched: no record is about {self._wanted.target}; there are", *told, *more]


def gaps(wanted: Wanted) -> list[str]:
    """What to say of records that were chosen so: a target and a time are whole in themselves, all else leaves gaps."""
    flags = [flag for flag, words in (("--reason", wanted.reasons), ("--outcome", wanted.outcomes)) if words]
    if not flags:
        return []
    return [f"a selection by {' and '.join(flags)}: `audit verify` and `replay` may find records missing in it"]
