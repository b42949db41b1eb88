"""The audit record: one evaluation of one target, with everything that led to its number."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from autoscaler.model.agreement import Agreement
from autoscaler.model.basis import Basis
from autoscaler.model.bounds import Amount, Int64, Replicas, Seconds
from autoscaler.model.plan import Action, EventNote, Stage
from autoscaler.model.policy import Condition, TargetRef
from autoscaler.model.reason import Reason

SCHEMA_VERSION = 1


class Outcome(StrEnum):
    """What became of the plan."""

    WRITTEN = "written"  # the scale subresource took the new number
    HELD = "held"  # nothing was to be written
    SHADOWED = "shadowed"  # would have been written, but the policy's mode is Shadow
    OBSERVED = "observed"  # would have been written, but it is the HPA's to write
    CONFLICTED = "conflicted"  # the target changed between read and write: decided anew next time
    DEFERRED = "deferred"  # the limit of writes was reached, or another leads; `error` says which: decided anew later
    FAILED = "failed"  # the write was refused; `error` says by whom


class PolicyRef(Struct, frozen=True):
    """The object that asked for it, as it was."""

    kind: str
    namespace: str
    name: str
    uid: str
    generation: Int64


class Repeat(Struct, frozen=True, array_like=True):
    """One more evaluation that came to the same: seconds after the record's time, the age of its oldest sample, and the
    usage of each metric (None: it failed), in the order of the proposals. Everything else is as in the record, or
    follows from these (`core.repeats`).
    """

    after: float
    sample_age: Seconds | None
    usage: tuple[Amount | None, ...]


class Decision(Struct, frozen=True, kw_only=True):
    """Body of a record. Its number per target (`epoch`, `seq`) is given by the spool in the transaction that keeps it.

    `id` is unique for ever, a resent record keeps it. `time` is RFC 3339 UTC with microseconds. `sample_age` is the age
    in seconds of the oldest sample used, None when none was. `compat` is the Kubernetes release whose rules decided, ""
    when none did. `agreement` is with the HPA that was observed, None for a policy of our own.
    `truncated` names what the spool had to shorten or leave out (`pods`, `texts`, `events`, `basis`, `proposals`,
    `names`) to keep the record under 64 KiB; empty: all is there. `repeats` are later evaluations that came to the
    same. `leadership` counts who decided by the Lease's transitions; None: without leader election. `basis` is what it
    can be decided again from, together with the sums in `stages`; None where nothing was evaluated.
    """

    id: str
    time: str
    schema: int = SCHEMA_VERSION
    target: TargetRef
    namespace: str
    policy: PolicyRef
    action: Action
    outcome: Outcome
    current: Replicas | None
    desired: Replicas
    reason: Reason
    error: str = ""
    compat: str = ""
    sample_age: Seconds | None = None
    agreement: Agreement | None = None
    leadership: Int64 | None = None
    basis: Basis | None = None
    stages: tuple[Stage, ...] = ()
    conditions: tuple[Condition, ...] = ()
    events: tuple[EventNote, ...] = ()
    truncated: tuple[str, ...] = ()
    repeats: tuple[Repeat, ...] = ()

    @property
    def key(self) -> str:
        """What the stream is ordered by: `namespace/kind/name` of the target."""
        return f"{self.namespace}/{self.target.kind}/{self.target.name}"
