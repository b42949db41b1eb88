"""Records of one namespace from any source, held in memory, to be asked as a spool is (`audit.read.SpoolReader`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.audit.event import Event
from autoscaler.audit.sharing import changed
from autoscaler.errors import AuditError, LaterError, MalformedError, OtherError

MOST_BYTES = 1 << 30
"""Bodies kept; an hour of a thousand targets in one namespace is a tenth of it."""

MOST_ELSEWHERE = 10_000
"""Targets of other namespaces that are told apart."""

MOST_TOLD = 5
"""Of what could not be read, so many are told one by one."""


class _Placed(Struct, frozen=True):
    record: Record
    place: tuple[int, float]


class Collected:
    """`path` says where they are from. A record that came twice counts once, also one that the next leader recorded
    anew: the fuller one is kept. Within an epoch they are in order of their numbers, between epochs of their places.

    `unread`: how many could not be read, though they should be; any of them may be the newest of a target.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.unread = 0
        self._told: list[str] = []
        self._records: dict[str, dict[str, _Placed]] = {}
        self._elsewhere: set[str] = set()

    async def take(self, events: AsyncIterator[Event | MalformedError], namespace: str) -> None:
        """Everything of the namespace that can be read. AuditError when nothing of any can be, or it is too much."""
        size, first, good = 0, None, False
        async for each in events:
            if isinstance(each, MalformedError):
                first = first or each
                self._missed(each, str(each))
                continue
            good = True
            if each.parked:
                continue
            if not each.key.startswith(f"{namespace}/"):
                if len(self._elsewhere) < MOST_ELSEWHERE:
                    self._elsewhere.add(each.key)
                continue
            size += len(each.body)
            if size > MOST_BYTES:
                raise AuditError(f"{self.path}: more than {MOST_BYTES >> 20} MiB of namespace {namespace}; give a part")
            try:
                found = _placed(each)
            except MalformedError as exc:
                self._missed(exc, f"{each.where}: {exc}")
                continue
            known = self._records.setdefault(each.key, {}).setdefault(each.id, found)
            if len(known.record.body) < len(each.body):
                self._records[each.key][each.id] = found
        if first is not None and not good:
            raise AuditError(f"nothing in it is a record of ours: {str(first)[:300]}")

    def _missed(self, error: MalformedError, why: str) -> None:
        if isinstance(error, OtherError):
            return
        later = isinstance(error, LaterError)
        self.unread += not later
        if len(self._told) < MOST_TOLD:
            self._told.append(f"{'later' if later else 'broken'}: {why}")

    def missed(self) -> list[str]:
        """What of all that was there, or was asked for, could not be read, for a person."""
        rest = [f"{self.unread} could not be read: `audit verify` names them"] if self.unread else []
        return [*self._told, *rest]

    def targets(self) -> list[str]:
        """Keys (`namespace/kind/name`), sorted; those of other namespaces too, whose records are not kept."""
        return sorted({*self._records, *self._elsewhere})

    def holds(self, identity: str) -> bool:
        """Whether the record of this id is there."""
        return any(identity in each for each in self._records.values())

    def newest(self, key: str, *, changed: bool = False, before: float | None = None) -> Record | None:
        """The last record of a target; `changed`: the last that moved it; `before`: made not after that time."""
        for record in reversed(self._ordered(key)):
            if (before is None or record.at <= before) and (not changed or self._changed(record)):
                return record
        return None

    def _changed(self, record: Record) -> bool:
        try:
            return changed(codec.decode(record.body))
        except MalformedError as exc:
            self._missed(exc, f"{self.path}: {record.key}, epoch {record.epoch}, seq {record.seq}: {exc}")
            return False

    def oldest(self, key: str) -> Record | None:
        """The first record of a target."""
        return next(iter(self._ordered(key)), None)

    def records(self, key: str) -> Iterator[Record]:
        """All of a target, in order."""
        return iter(self._ordered(key))

    def _ordered(self, key: str) -> list[Record]:
        found = sorted(self._records.get(key, {}).values(), key=lambda each: (each.record.epoch, each.record.seq))
        reached: dict[int, tuple[int, float]] = {}
        order: list[tuple[tuple[int, float], Record]] = []
        for each in found:  # a clock that was set back does not undo the numbers
            epoch = each.record.epoch
            reached[epoch] = max(each.place, reached.get(epoch, each.place))
            order.append((reached[epoch], each.record))
        return [record for _, record in sorted(order, key=lambda each: each[0])]


def _placed(event: Event) -> _Placed:
    number = event.number
    at = codec.instant(event.time)
    record = Record(position=0, key=event.key, epoch=number.epoch, seq=number.seq, at=at, body=event.body)
    return _Placed(record, codec.place(codec.head(event.body).leadership, at))
