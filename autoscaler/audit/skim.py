"""Reads many records for whoever decides them again: what is alike in many is decoded once, conditions not at all."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from autoscaler.audit import codec
from autoscaler.audit.codec import UNREADABLE
from autoscaler.audit.event import LARGEST, whole
from autoscaler.errors import MalformedError
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import SCHEMA_VERSION, Decision, Outcome, PolicyRef, Repeat
from autoscaler.model.plan import Action, EventNote, History, Stage
from autoscaler.model.policy import ControllerSettings, TargetRef
from autoscaler.model.reason import Reason

KEPT = 4096
"""Decoded parts of each kind; with more they are all decoded anew."""

_Part = TypeVar("_Part")


class _Basis(Struct, frozen=True, kw_only=True, gc=False):
    """`model.basis.Basis`."""

    spec: Raw
    settings: Raw = Raw(b"{}")
    history: History = History()
    observed: int | None = None
    selector: str = ""
    period_start: int | None = None
    zeroed: bool = False
    claims: tuple[str, ...] = ()
    unseen: str = ""
    protected: bool = False


class _Body(Struct, frozen=True, kw_only=True, gc=False):
    """`model.decision.Decision` without what no evaluation depends on: texts of the status, agreement, age."""

    id: str
    time: str
    target: Raw
    namespace: str
    policy: Raw
    action: Action
    outcome: Outcome
    current: int | None
    desired: int
    reason: Reason
    compat: str = ""
    leadership: int | None = None
    basis: _Basis | None = None
    stages: tuple[Stage, ...] = ()
    events: tuple[EventNote, ...] = ()
    truncated: tuple[str, ...] = ()
    repeats: tuple[Repeat, ...] = ()
    schema: int = SCHEMA_VERSION


class _Line(Struct, frozen=True, kw_only=True, gc=False):
    """An `audit.event` in structured mode."""

    type: str
    epoch: str
    seq: int
    shed: int = 0
    data: _Body


class Skimmed(Struct, frozen=True, gc=False):
    """A record's place, and what it says; `at` is its time in seconds since 1970."""

    epoch: int
    seq: int
    shed: int
    decision: Decision
    at: float


class Skim:
    """Decisions come without conditions, agreement, error and sample age; parts that are the same are the same object.

    None is for what is no usual record: `audit.event` and `audit.codec` say what it is, or what ails it.
    """

    def __init__(self) -> None:
        self._targets, self._policies = _Parts(TargetRef), _Parts(PolicyRef)
        self._specs, self._settings = _Parts(Spec), _Parts(ControllerSettings)
        self._epochs: dict[str, int] = {}

    def line(self, line: bytes) -> Skimmed | None:
        """Of a line of JSON Lines."""
        try:
            found = _line.decode(line)
            epoch = self._epochs.get(found.epoch)
            if epoch is None:
                epoch = self._epoch(found.epoch)
            usual = found.type == codec.DECISION_TYPE and 1 <= found.seq <= LARGEST and 0 <= found.shed <= LARGEST
            if not usual or epoch > LARGEST:
                return None
            decision = self._decision(found.data)
            return Skimmed(epoch, found.seq, found.shed, decision, codec.began(decision))
        except (*UNREADABLE, MalformedError):
            return None

    def body(self, body: bytes) -> Decision | None:
        """Of a body."""
        try:
            decision = self._decision(_body.decode(body))
            codec.began(decision)
            return decision
        except (*UNREADABLE, MalformedError):
            return None

    def _epoch(self, text: str) -> int:
        if len(self._epochs) == KEPT:
            self._epochs.clear()
        epoch = self._epochs[text] = whole(text)
        return epoch

    def _decision(self, found: _Body) -> Decision:
        if found.schema > SCHEMA_VERSION:
            raise MalformedError("of a later release")
        basis = found.basis
        return Decision(
            id=found.id,
            time=found.time,
            target=self._targets.of(found.target),
            namespace=found.namespace,
            policy=self._policies.of(found.policy),
            action=found.action,
            outcome=found.outcome,
            current=found.current,
            desired=found.desired,
            reason=found.reason,
            compat=found.compat,
            leadership=found.leadership,
            basis=None
            if basis is None
            else Basis(
                spec=self._specs.of(basis.spec),
                settings=self._settings.of(basis.settings),
                history=basis.history,
                observed=basis.observed,
                selector=basis.selector,
                period_start=basis.period_start,
                zeroed=basis.zeroed,
                claims=basis.claims,
                unseen=basis.unseen,
                protected=basis.protected,
            ),
            stages=found.stages,
            events=found.events,
            truncated=found.truncated,
            repeats=found.repeats,
        )


class _Parts(Generic[_Part]):
    """Parts of one kind, by their text."""

    def __init__(self, kind: type[_Part]) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._known: dict[bytes, _Part] = {}

    def of(self, raw: Raw) -> _Part:
        text = bytes(raw)
        part = self._known.get(text)
        if part is None:
            part = self._decoder.decode(text)
            if len(self._known) == KEPT:
                self._known.clear()
            self._known[text] = part
        return part


_line = msgspec.json.Decoder(_Line)
_body = msgspec.json.Decoder(_Body)
