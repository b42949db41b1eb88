"""What a replay is given, record by record: to be decided again, still to be read, or of no use but for its place."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.event import Event
from autoscaler.audit.kind import Kind
from autoscaler.errors import LaterError, MalformedError, OtherError


class Body(Struct, frozen=True, array_like=True, gc=False, tag="body"):
    """A record of the target `key`."""

    key: str
    epoch: int
    seq: int
    body: bytes
    shed: int = 0


class Line(Struct, frozen=True, array_like=True, gc=False, tag="line"):
    """The same as line `number` of a file, still to be read."""

    key: str
    number: int
    line: bytes


class Unread(Struct, frozen=True, array_like=True, gc=False, tag="unread"):
    """A record of the target `key` that cannot be decided again, its time in seconds since 1970, and why."""

    key: str
    epoch: int
    seq: int
    at: float
    why: str
    shed: int = 0


Item = Body | Line | Unread
REFUSED = "Kafka refused the record itself"
OTHERS = "events of other types, no records of ours"
PLACELESS = "records of a later release, without a place that this one can read"
CUT = "last line, cut off before its end"
"""Of a file whose writer was interrupted: what it begins is no record, and nobody knows which one it was to be."""


def item(event: Event) -> Body | Unread:
    """What is to be done with it; MalformedError when it is of no time."""
    number = event.number
    if event.kind is Kind.DECISION:
        return Body(event.key, number.epoch, number.seq, event.body, number.shed)
    why = REFUSED if event.parked else f"audit record of a later release: type {event.type}"
    return Unread(event.key, number.epoch, number.seq, codec.instant(event.time), why, number.shed)


def stranger(error: MalformedError) -> str:
    """What to call an event that is of no target's record, "" for one that is broken."""
    if isinstance(error, OtherError):
        return OTHERS
    return PLACELESS if isinstance(error, LaterError) else ""
