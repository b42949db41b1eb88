"""Which evaluation goes into a record of its own, and which joins the one before (`core.repeats`)."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.spool import Entry
from autoscaler.core.repeats import outline, repeat
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import parse_instant


class _Standing(Struct):
    """A record that evaluations of the same `outline` may join, and its size in bytes with those that did."""

    first: Decision
    at: float
    outline: Decision
    size: int


def changed(decision: Decision) -> bool:
    """Whether it moved the target, or would have done so outside Shadow: what `explain` looks for first."""
    return decision.outcome in (Outcome.WRITTEN, Outcome.SHADOWED, Outcome.OBSERVED)


class Sharing:
    """Remembers the standing record of each target. `heartbeat` is for how many seconds a record may be joined."""

    def __init__(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._standing: dict[str, _Standing] = {}

    def entry(self, decision: Decision) -> tuple[Entry, str]:
        """What to append to the spool, and the id of the record that will have the evaluation. Raises MalformedError.

        A row is appended with the whole record beside it, for the case that the one it joins stands no more.
        """
        at, body = parse_instant(decision.time), codec.encode(decision)
        shape = outline(decision) if self._heartbeat > 0 else None
        entry = Entry(
            key=decision.key,
            at=at,
            changed=changed(decision),
            body=body,
            standing=shape is not None,
            spare=decision.outcome is Outcome.HELD,
        )
        known = self._standing.get(decision.key)
        if known is not None and shape == known.outline and 0 < at - known.at < self._heartbeat:
            row = codec.row(repeat(known.first, decision))
            known.size += len(row) + 1
            if known.size < codec.MAX_BODY:
                return replace(entry, joins=known.at, row=row), known.first.id
        if shape is None:
            self.forget(decision.key)
        else:
            self._standing[decision.key] = _Standing(decision, at, shape, len(body))
        return entry, decision.id

    def forget(self, key: str) -> None:
        """What stands for this target is not known: its next evaluation has a record of its own."""
        self._standing.pop(key, None)

    def forget_all(self) -> None:
        """The same for every target."""
        self._standing.clear()
