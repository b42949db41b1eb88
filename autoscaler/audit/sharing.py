"""Which evaluation goes into a record of its own, and which joins the one before (`core.repeats`)."""

from __future__ import annotations

from functools import partial

from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.entry import Entry
from autoscaler.core.repeats import outline, repeat_after
from autoscaler.errors import MalformedError, UnwritableError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import parse_instant


class _Standing(Struct):
    """A record that evaluations of the same `outline` may join, and its size in bytes with those that did."""

    id: str
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

    def entry(self, decision: Decision) -> Entry:
        """What to append to the spool. UnwritableError when there is no form for it.

        A row can be made a whole record, for the case that the one it joins stands no more.
        """
        try:
            at, key = parse_instant(decision.time), decision.key
        except MalformedError as exc:
            raise UnwritableError(f"decision {decision.id!a}: {exc}") from exc
        shape = outline(decision) if self._heartbeat > 0 else None
        known = self._standing.get(key)
        if known is not None and 0 < at - known.at < self._heartbeat and shape == known.outline:
            row = codec.row(repeat_after(at - known.at, decision))
            known.size += len(row) + 1
            if known.size < codec.MAX_BODY:
                whole = partial(codec.encode, decision)
                return Entry(key, at, False, row, True, known.at, whole, True, known.id)
        body, spare = codec.encode(decision), decision.outcome is Outcome.HELD
        if shape is None:
            self.forget(key)
        else:
            self._standing[key] = _Standing(decision.id, at, shape, len(body))
        return Entry(key, at, changed(decision), body, standing=shape is not None, spare=spare, id=decision.id)

    def forget(self, key: str) -> None:
        """What stands for this target is not known: its next evaluation has a record of its own."""
        self._standing.pop(key, None)

    def forget_all(self) -> None:
        """The same for every target."""
        self._standing.clear()
