"""A decision as a CloudEvent, and back: the body, and the headers of Kafka's binary mode.

The contract a consumer may rely on:
- the message key is `namespace/kind/name` of the target, the body JSON of `model.decision.Decision`, 64 KiB at most;
- `ce_id` is the decision's id: a record delivered twice keeps it;
- `epoch` and `seq` number the records of a target: seq 1, 2, 3, ... within an epoch, so a gap is a loss and a repeated
  number a duplicate. An epoch is a spool's, and a replica's spool outlives its leadership: which of two epochs is the
  later one they do not say, the body's `leadership` and `time` do (`place`);
- `shed`, if it is there, says how many numbers directly before this one no record has: of evaluations that changed
  nothing, dropped for want of room, and of whatever the spool refused, which the log has;
- `ce_type` ends in `.parked.v1` where Kafka refused the record itself: the body says why, id and number stay;
- `ce_type` ends in `.probe.v1` for a message without a number, which says nothing: somebody tried the way (`doctor`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from autoscaler.errors import LaterError, MalformedError, UnwritableError
from autoscaler.model.bounds import LAST
from autoscaler.model.decision import SCHEMA_VERSION, Decision, Outcome, Repeat
from autoscaler.model.instant import micro_text, parse_instant
from autoscaler.model.plan import Action, Aged, Counted, Proposal, Selected, Stage, Unnamed
from autoscaler.model.reason import Reason

MAX_BODY = 64 * 1024
DECISION_TYPE = "dev.hpa-companion.decision.v1"
PARKED_TYPE = "dev.hpa-companion.parked.v1"
PROBE_TYPE = "dev.hpa-companion.probe.v1"
CONTENT_TYPE = "application/json"
SOURCE = "/hpa-companion/autoscaler"

NAMES_KEPT = 10
TEXT_KEPT = 1024
WORD_KEPT = 253  # no Kubernetes name is longer

Headers = list[tuple[str, bytes]]


class Record(Struct, frozen=True, kw_only=True):
    """A decision in the spool. `position` orders all records of one spool, `at` is its time in seconds since 1970.

    `shed`: how many numbers directly before its own no record has (`audit.numbering`).
    """

    position: int
    key: str
    epoch: int
    seq: int
    at: float
    body: bytes
    shed: int = 0


class Parked(Struct, frozen=True, kw_only=True):
    """What is published in place of a record that Kafka refuses: `size` is the refused body's, in bytes."""

    id: str
    time: str
    reason: str
    size: int


class Head(Struct, frozen=True):
    """The two words of a body that go into its headers, and whose it is."""

    id: str
    time: str
    leadership: int | None = None


class _Kind(Struct, frozen=True):
    stage: str


class _Words(Struct, frozen=True):
    """What of a body later releases may have new words for."""

    schema: int = SCHEMA_VERSION
    reason: str = Reason.ON_TARGET.value
    outcome: str = Outcome.HELD.value
    action: str = Action.HOLD.value
    stages: tuple[_Kind, ...] = ()


_encoder = msgspec.json.Encoder()
_decision = msgspec.json.Decoder(Decision)
_head = msgspec.json.Decoder(Head)
_words = msgspec.json.Decoder(_Words)
_STAGES = frozenset(str(each.__struct_config__.tag) for each in get_args(Stage))

UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""What msgspec raises for bytes that are no JSON of ours: text that is no UTF-8, and a thousand brackets, too."""


def encode(decision: Decision) -> bytes:
    """The body, shortened step by step while it is over 64 KiB; UnwritableError when its text is no Unicode."""
    try:
        body = _encoder.encode(decision)
        for word, shorten in _STEPS:
            if len(body) <= MAX_BODY:
                break
            shortened = shorten(decision)
            if shortened != decision:
                decision = _flagged(shortened, word)
                body = _encoder.encode(decision)
    except UnicodeEncodeError as exc:
        raise UnwritableError(f"decision {decision.id!a} holds text that is no Unicode") from exc
    return body


def row(repeat: Repeat) -> bytes:
    """One more evaluation of a record, as it stands in the body's `repeats`."""
    return _encoder.encode(repeat)


def decode(body: bytes) -> Decision:
    """The decision of a body, truncation flags included; MalformedError when it is none, LaterError when it is one that
    only a later release understands.
    """
    try:
        found = _decision.decode(body)
    except UNREADABLE as exc:
        if word := _later(body):
            raise LaterError(f"audit record of a later release: {word}") from exc
        raise MalformedError(f"audit record: {exc}") from exc
    if found.schema > SCHEMA_VERSION:  # it says that who reads it as ours is misled
        raise LaterError(f"audit record of a later release: schema {found.schema}")
    began(found)
    return found


def began(found: Decision) -> float:
    """When, in seconds since 1970; MalformedError when it was at no time, or has rows that are not of its metrics."""
    start = instant(found.time)
    if not found.repeats:
        return start
    metrics = sum(type(stage) is Proposal for stage in found.stages)
    for each in found.repeats:
        if len(each.usage) != metrics and "proposals" not in found.truncated:
            raise MalformedError(f"audit record: repeats: {len(each.usage)} usages of {metrics} metrics")
        if not 0 <= each.after <= LAST - start:
            raise MalformedError(f"audit record: repeats: {each.after:g} seconds after {found.time} is no time")
    return start


def instant(text: str) -> float:
    """Seconds since 1970 of a record's time; MalformedError when no record can be of then."""
    at = parse_instant(text)
    if not 0 <= at <= LAST:
        raise MalformedError(f"audit record: time: {text} is not between 1970 and 2999")
    return at


def place(leadership: int | None, at: float) -> tuple[int, float]:
    """What orders records of several epochs: whose decision it is, then when it was made.

    Leaderships are numbered by the minute since 1970 in which they began, or higher (`control.elector`): so a record
    made without leader election stands by its own minute.
    """
    return int(at // 60) if leadership is None else leadership, at


def head(body: bytes) -> Head:
    """Id and time of a body; MalformedError when it has none."""
    try:
        return _head.decode(body)
    except UNREADABLE as exc:
        raise MalformedError(f"audit record: {exc}") from exc


def headers(record: Record, kind: str = DECISION_TYPE, source: str = SOURCE) -> Headers:
    """CloudEvents 1.0 attributes of Kafka's binary mode, and the number of the record."""
    about = head(record.body)
    found = [
        ("ce_specversion", b"1.0"),
        ("ce_id", about.id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", kind.encode()),
        ("ce_time", about.time.encode()),
        ("content-type", CONTENT_TYPE.encode()),
        ("epoch", b"%d" % record.epoch),
        ("seq", b"%d" % record.seq),
    ]
    if record.shed:
        found.append(("shed", b"%d" % record.shed))
    return found


def stub(record: Record, reason: str) -> Record:
    """The record to publish as `PARKED_TYPE` instead of `record`."""
    try:
        about = head(record.body)
    except MalformedError:
        about = Head(id=f"{record.epoch}-{record.seq}", time=micro_text(record.at))
    parked = Parked(id=about.id, time=about.time, reason=reason[:TEXT_KEPT], size=len(record.body))
    return replace(record, body=_encoder.encode(parked))


def _later(body: bytes) -> str:
    """The first word that this release does not know, "" when that is not what ails the body."""
    try:
        found = _words.decode(body)
    except UNREADABLE:
        return ""
    if found.schema > SCHEMA_VERSION:
        return f"schema {found.schema}"
    known = (("reason", found.reason, Reason), ("outcome", found.outcome, Outcome), ("action", found.action, Action))
    for name, word, words in known:
        if word not in set(words):
            return f"{name} {word!r}"
    return next((f"stage {each.stage!r}" for each in found.stages if each.stage not in _STAGES), "")


def _flagged(decision: Decision, word: str) -> Decision:
    if word in decision.truncated:
        return decision
    return replace(decision, truncated=(*decision.truncated, word))


def _with_names(decision: Decision, keep: int) -> Decision:
    """At most `keep` pod names a list; the others are counted."""
    return replace(decision, stages=tuple(_stage_with_names(stage, keep) for stage in decision.stages))


def _stage_with_names(stage: Stage, keep: int) -> Stage:
    match stage:
        case Proposal() if stage.pods:
            return replace(stage, pods=_shortened(stage.pods, keep))
        case Selected():
            cut = len(stage.foreign[keep:]) + len(stage.surge[keep:])
            return replace(stage, foreign=stage.foreign[:keep], surge=stage.surge[:keep], unnamed=stage.unnamed + cut)
        case Aged():
            return replace(stage, pods=stage.pods[:keep], unnamed=stage.unnamed + len(stage.pods[keep:]))
    return stage


def _shortened(pods: Counted, keep: int) -> Counted:
    if max(len(pods.unready), len(pods.missing), len(pods.ignored)) <= keep:
        return pods
    before = pods.unnamed or Unnamed()
    return Counted(
        ready=pods.ready,
        unready=pods.unready[:keep],
        missing=pods.missing[:keep],
        ignored=pods.ignored[:keep],
        unnamed=Unnamed(
            unready=before.unready + len(pods.unready[keep:]),
            missing=before.missing + len(pods.missing[keep:]),
            ignored=before.ignored + len(pods.ignored[keep:]),
        ),
    )


def _with_texts(decision: Decision, keep: int) -> Decision:
    """Every text cut to `keep` characters, the cut shown by an ellipsis."""
    cut = _cut(msgspec.to_builtins(decision), keep)
    return msgspec.convert(cut, Decision)


def _cut(value: object, keep: int) -> object:
    match value:
        case str() if len(value) > keep:
            return value[: keep - 1] + "…"
        case dict():
            return {key: _cut(item, keep) for key, item in value.items()}
        case list() | tuple():
            return [_cut(item, keep) for item in value]
    return value


def _without_events(decision: Decision) -> Decision:
    return replace(decision, events=(), conditions=())


def _without_basis(decision: Decision) -> Decision:
    return replace(decision, basis=None)


def _without_proposals(decision: Decision) -> Decision:
    return replace(decision, stages=tuple(stage for stage in decision.stages if not isinstance(stage, Proposal)))


# What costs a reader least goes first. After the last step the size is bounded by the number of fields.
_STEPS: tuple[tuple[str, Callable[[Decision], Decision]], ...] = (
    ("pods", lambda decision: _with_names(decision, NAMES_KEPT)),
    ("pods", lambda decision: _with_names(decision, 0)),
    ("texts", lambda decision: _with_texts(decision, TEXT_KEPT)),
    ("events", _without_events),
    ("basis", _without_basis),
    ("proposals", _without_proposals),
    ("names", lambda decision: _with_texts(decision, WORD_KEPT)),
)
