"""Records of one namespace from any source, held in memory, to be asked as a spool is (`audit.read.SpoolReader`)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.audit.event import Event
from autoscaler.audit.sharing import changed
from autoscaler.errors import AuditError, MalformedError
from autoscaler.model.instant import parse_instant

MOST_BYTES = 1 << 30
"""Bodies kept; an hour of a thousand targets in one namespace is a tenth of it."""


class Collected:
    """`path` says where they are from. A record that came twice counts once; they are in order of their numbers."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._records: dict[str, dict[tuple[int, int], Record]] = {}

    async def take(self, events: AsyncIterator[Event | MalformedError], namespace: str) -> None:
        """Everything of the namespace that can be read. AuditError when nothing of any can be, or it is too much."""
        size, first, good = 0, None, False
        async for each in events:
            if isinstance(each, MalformedError):
                first = first or each
                continue
            good = True
            if each.parked or not each.key.startswith(f"{namespace}/"):
                continue
            size += len(each.body)
            if size > MOST_BYTES:
                raise AuditError(f"{self.path}: more than {MOST_BYTES >> 20} MiB of namespace {namespace}; give a part")
            number = (each.number.epoch, each.number.seq)
            self._records.setdefault(each.key, {})[number] = _record(each)
        if first is not None and not good:
            raise AuditError(f"nothing in it is a record of ours: {str(first)[:300]}")

    def targets(self) -> list[str]:
        """Keys (`namespace/kind/name`), sorted."""
        return sorted(self._records)

    def newest(self, key: str, *, changed: bool = False, before: float | None = None) -> Record | None:
        """The last record of a target; `changed`: the last that moved it; `before`: made not after that time."""
        for record in reversed(self._ordered(key)):
            if (before is None or record.at <= before) and (not changed or _changed(record)):
                return record
        return None

    def oldest(self, key: str) -> Record | None:
        """The first record of a target."""
        return next(iter(self._ordered(key)), None)

    def _ordered(self, key: str) -> list[Record]:
        found = self._records.get(key, {})
        return [found[number] for number in sorted(found)]


def _record(event: Event) -> Record:
    number = event.number
    at = parse_instant(event.time)
    return Record(position=0, key=event.key, epoch=number.epoch, seq=number.seq, at=at, body=event.body)


def _changed(record: Record) -> bool:
    try:
        return changed(codec.decode(record.body))
    except MalformedError:
        return False
