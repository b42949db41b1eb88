"""What a reader asked for of the record, and what to say where that was nothing, or leaves gaps."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import TypeVar

from autoscaler.audit.event import Event
from autoscaler.audit.sources import FileSource, Source, TopicSource
from autoscaler.audit.wanted import Wanted
from autoscaler.core.explanation import printable
from autoscaler.core.figures import counted

LISTED = 20
PIPE = FileSource("-")
_Found = TypeVar("_Found")


class Selection:
    """Remembers of a stream how many records it had, of which targets, and of what times."""

    def __init__(self, wanted: Wanted, source: Source) -> None:
        self.wanted = wanted
        self._source = source
        self.records = 0
        self._targets: dict[str, bool] = {}
        self._taken = 0
        self._first, self._last = "", ""

    async def heard(self, found: AsyncIterator[_Found]) -> AsyncIterator[_Found]:
        """The same stream, listened to."""
        async for each in found:
            if isinstance(each, Event):
                self.records += 1
                taken = self._targets.get(each.key)
                if taken is None:
                    taken = self._targets[each.key] = self.wanted.takes_key(each.key)
                if taken:
                    self._taken += 1
                    # of UTC all of them, so that text has their order
                    self._first, self._last = min(self._first or each.time, each.time), max(self._last, each.time)
            yield each

    def nothing(self) -> list[str]:
        """Why nothing of what was heard is wanted, for a person."""
        if not self.records:
            return [f"nothing matched: there are no records{_to_look_at(self._source)}"]
        if self._taken:
            about = f" about {self.wanted.target}" if self.wanted.target else ""
            span = " to ".join(dict.fromkeys(f"{each[:19]}Z" for each in (self._first, self._last)))
            flags = " and ".join(_flags(self.wanted))
            return [
                printable(f"nothing matched: of {counted(self._taken, 'record')}{about}, {span}, none meets {flags}")
            ]
        names = sorted(self._targets)
        more = [f"  and {len(names) - LISTED} more"] if len(names) > LISTED else []
        told = [f"  {printable(each)}" for each in names[:LISTED]]
        return [f"nothing matched: no record is about {self.wanted.target}; there are", *told, *more]

    def nothing_yet(self) -> list[str]:
        """The same of what was there when following began; no word of a pipe, which has no such moment."""
        if self.records:
            return self.nothing()
        return [] if self._source == PIPE else [f"no records yet, waiting for the first{_to_look_at(self._source)}"]


def _to_look_at(source: Source) -> str:
    """What to ask where there should be records, or will be some; a file has what it was given."""
    if isinstance(source, FileSource):
        return ""
    kafka = ", and `doctor --check kafka` whether they can reach the topic" if isinstance(source, TopicSource) else ""
    return f"; `kubectl get hps -A` lists what is decided about, `doctor --check lease` who decides{kafka}"


def _flags(wanted: Wanted) -> list[str]:
    """What chooses evaluations of a target, as a person types it."""
    given = {
        "--since": wanted.since > -math.inf,
        "--until": wanted.until < math.inf,
        "--reason": wanted.reasons,
        "--outcome": wanted.outcomes,
    }
    return [flag for flag, chosen in given.items() if chosen]


def gaps(wanted: Wanted) -> list[str]:
    """What to say of records that were chosen so: a target and a time are whole in themselves, all else leaves gaps."""
    flags = [flag for flag in _flags(wanted) if flag in ("--reason", "--outcome")]
    if not flags:
        return []
    return [f"a selection by {' and '.join(flags)}: `audit verify` and `replay` may find records missing in it"]
