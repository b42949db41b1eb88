"""A record as a reader finds it, wherever it was kept: spool, Kafka topic or JSON Lines file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.audit.verify import Number
from autoscaler.errors import MalformedError
from autoscaler.model.decision import Decision


class Event(Struct, frozen=True, kw_only=True):
    """One CloudEvent of the stream. `where` says where it was found, for messages; `body` is JSON of its type."""

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
        return self.type == codec.PARKED_TYPE

    def decision(self) -> Decision:
        """The body; MalformedError when it is none."""
        return codec.decode(self.body)

    def __post_init__(self) -> None:
        """MalformedError for numbers that no spool gives."""
        number = self.number
        if number.seq < 1 or number.epoch < 0 or number.shed < 0:
            told = f"epoch {number.epoch}, seq {number.seq}, shed {number.shed}"
            raise MalformedError(f"{self.where}: no record of ours: {told}, seq begins at 1 and the others at 0")


class _Structured(Struct, frozen=True):
    """A line of a JSON Lines file (`codec.structured`)."""

    id: str
    type: str
    subject: str
    time: str
    epoch: str
    seq: int
    data: msgspec.Raw
    shed: int = 0


_line = msgspec.json.Decoder(_Structured)
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
    """A message in CloudEvents' binary mode; MalformedError when it is none of ours."""
    try:
        told: Mapping[str, str] = {name: value.decode() for name, value in headers}
        return Event(
            number=Number((key or b"").decode(), int(told["epoch"]), int(told["seq"]), int(told.get("shed", 0))),
            id=told["ce_id"],
            time=told["ce_time"],
            type=told["ce_type"],
            body=body or b"",
            where=where,
        )
    except (KeyError, ValueError) as exc:
        raise MalformedError(f"{where}: no record of ours: {exc!r}") from exc


def from_line(line: bytes, where: str) -> Event:
    """A CloudEvent in structured mode; MalformedError when it is none of ours."""
    try:
        found = _line.decode(line)
        epoch = int(found.epoch)
    except codec.UNREADABLE as exc:
        raise MalformedError(f"{where}: no record of ours: {exc}") from exc
    return Event(
        number=Number(found.subject, epoch, found.seq, found.shed),
        id=found.id,
        time=found.time,
        type=found.type,
        body=bytes(found.data),
        where=where,
    )


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
        "specversion": "1.0",
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
