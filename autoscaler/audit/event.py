"""A record as a reader finds it, wherever it was kept: spool, Kafka topic or JSON Lines file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.codec import Parked, Record
from autoscaler.audit.kind import Kind, kind_of
from autoscaler.audit.verify import Number
from autoscaler.errors import LaterError, MalformedError, OtherError
from autoscaler.model.decision import Decision

LARGEST = (1 << 63) - 1
"""Of all numbers of a record: what SQLite, Parquet and Java have room for."""


class Event(Struct, frozen=True, kw_only=True):
    """One record of the stream. `where` says where it was found, for messages; `body` is JSON of its type."""

    number: Number
    id: str
    time: str
    type: str
    body: bytes
    where: str = ""

    @property
    def key(self) -> str:
        """`namespace/kind/name` of the target."""
        return self.number.key

    @property
    def parked(self) -> bool:
        """Whether the broker refused the record itself: then the body says why, and is no decision."""
        return self.kind is Kind.PARKED

    @property
    def kind(self) -> Kind:
        """What it is to a reader, never `OTHER`."""
        return kind_of(self.type)

    def decision(self) -> Decision:
        """The body; MalformedError when it is none, LaterError when it is one for a later release to read."""
        if self.kind is Kind.LATER:
            raise LaterError(_later(self.type))
        return codec.decode(self.body)

    def refusal(self) -> Parked:
        """The body of a parked one; MalformedError when it is none, or another record's."""
        try:
            found = _parked.decode(self.body)
        except codec.UNREADABLE as exc:
            raise MalformedError(f"parked record: {exc}") from exc
        if (found.id, found.time) != (self.id, self.time):
            raise MalformedError("parked record: id or time differ between body and envelope")
        if found.size < 0 or not found.reason:
            raise MalformedError(
                f"parked record: size {found.size!s:.25}, reason {found.reason!r}: neither may be missing"
            )
        return found

    def __post_init__(self) -> None:
        """MalformedError for numbers that no spool gives."""
        number = self.number
        if not (0 < number.seq <= LARGEST and 0 <= number.epoch <= LARGEST and 0 <= number.shed <= LARGEST):
            told = ", ".join(f"{name} {getattr(number, name)!s:.25}" for name in ("epoch", "seq", "shed"))
            rule = f"seq is from 1, the others from 0, to {LARGEST}"
            raise MalformedError(f"{self.where}: no record of ours: {told}: {rule}")


class _Structured(Struct, frozen=True):
    """A line of a JSON Lines file, as `line` writes one."""

    specversion: str
    id: str
    type: str
    subject: str
    time: str
    epoch: str
    seq: int
    data: msgspec.Raw
    shed: int = 0


class _Typed(Struct, frozen=True):
    """What every CloudEvent has."""

    specversion: str
    type: str


SPEC_VERSION = "1.0"
_OTHER_EVENTS = f"specversion is not {SPEC_VERSION}, that of CloudEvents as they are read here"
_line = msgspec.json.Decoder(_Structured)
_parked = msgspec.json.Decoder(Parked)
_SHOWN = 100  # characters
_WHOLE = re.compile(r"0|[1-9][0-9]{0,18}")
_typed = msgspec.json.Decoder(_Typed)
_SUBJECT = b'"subject":"'
_line_encoder = msgspec.json.Encoder()


def from_spool(record: Record) -> Event:
    """MalformedError when the body has no id or time."""
    head = codec.head(record.body)
    return Event(
        number=Number(record.key, record.epoch, record.seq, record.shed),
        id=head.id,
        time=head.time,
        type=codec.DECISION_TYPE,
        body=record.body,
        where=f"position {record.position}",
    )


def from_message(key: bytes | None, headers: Iterable[tuple[str, bytes]], body: bytes | None, where: str) -> Event:
    """A message in CloudEvents' binary mode; OtherError or LaterError by its type, MalformedError when it is none."""
    told: Mapping[str, bytes] = dict(headers)
    type_ = (told.get("ce_type") or b"").decode(errors="replace")
    if type_ and kind_of(type_) is Kind.OTHER:
        raise _no_record(type_, where, "")
    try:
        if told["ce_specversion"] != SPEC_VERSION.encode():
            raise ValueError(_OTHER_EVENTS)
        number = [whole(told[name].decode()) for name in ("epoch", "seq")] + [whole(told.get("shed", b"0").decode())]
        return Event(
            number=Number((key or b"").decode(), *number),
            id=told["ce_id"].decode(),
            time=told["ce_time"].decode(),
            type=told["ce_type"].decode(),
            body=body or b"",
            where=where,
        )
    except (KeyError, ValueError, TypeError, AttributeError) as exc:  # Kafka has headers without a value, None
        raise _no_record(type_, where, repr(exc)) from exc


def from_line(line: bytes, where: str) -> Event:
    """A CloudEvent in structured mode; OtherError or LaterError by its type, MalformedError when it is none."""
    try:
        found = _line.decode(line)
        epoch = whole(found.epoch)
    except codec.UNREADABLE as exc:
        raise _no_record(_type_of(line), where, str(exc)) from exc
    if kind_of(found.type) is Kind.OTHER:
        raise _no_record(found.type, where, "")
    if found.specversion != SPEC_VERSION:
        raise _no_record(found.type, where, _OTHER_EVENTS)
    return Event(
        number=Number(found.subject, epoch, found.seq, found.shed),
        id=found.id,
        time=found.time,
        type=found.type,
        body=bytes(found.data),
        where=where,
    )


def whole(text: str) -> int:
    """The number that a spool writes so; ValueError for every other spelling."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:_SHOWN]!a} is no whole number from 0 to {LARGEST}")
    return int(text)


def _no_record(type_: str, where: str, why: str) -> MalformedError:
    """What to say of an event without the place of a record; `type_` "": it is no event."""
    match kind_of(type_) if type_ else Kind.DECISION:
        case Kind.OTHER:
            return OtherError(f"{where}: no record of ours: an event of the type {type_[:_SHOWN]!a}")
        case Kind.LATER:
            return LaterError(f"{where}: {_later(type_)}, without a place that this one can read")
        case _:
            return MalformedError(f"{where}: no record of ours: {why}")


def _later(type_: str) -> str:
    return f"audit record of a later release: type {type_}"


def _type_of(line: bytes) -> str:
    """The type of a line that may be any CloudEvent, "" when it is none."""
    try:
        return _typed.decode(line).type
    except codec.UNREADABLE:
        return ""


def subject(line: bytes) -> bytes | None:
    """The key of a line that `line` wrote, without a look at the rest; None: it looks otherwise, `from_line` tells.

    No quote stands in a JSON text without a backslash before it, so before the first opening of a second object it is
    the event's own.
    """
    at = line.find(_SUBJECT)
    begin = at + len(_SUBJECT)
    key = line[begin : line.find(b'"', begin)]
    return None if at < 0 or line.count(b"{", 0, at) != 1 or b"\\" in key else key


def line(event: Event) -> bytes:
    """The event in structured mode: what `from_line` reads (`epoch` as text: CloudEvents' integers have 32 bits)."""
    fields = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": codec.SOURCE,
        "type": event.type,
        "subject": event.key,
        "time": event.time,
        "datacontenttype": codec.CONTENT_TYPE,
        "epoch": str(event.number.epoch),
        "seq": event.number.seq,
        **({"shed": event.number.shed} if event.number.shed else {}),
        "data": msgspec.Raw(event.body),
    }
    return _line_encoder.encode(fields)
