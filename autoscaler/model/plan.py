"""What one evaluation found, stage by stage: the planner's answer and, word for word, the body of the audit record.

A plan is read top down: proposals (one per metric) → chosen → stabilized → limited → the final number. A stage that did
not happen is absent; one that a HorizontalPodScaler adds to the HPA's is there only when it changed something. Every
number that took part in the sums is here, so that the result can be recomputed from it.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from autoscaler.model.bounds import Amount, Count, Int64, Replicas, Seconds
from autoscaler.model.objects import Milli
from autoscaler.model.policy import Condition
from autoscaler.model.reason import Reason


class Recommendation(Struct, frozen=True):
    """A raw recommendation and when it was made."""

    replicas: Int64
    time: Seconds


class ScaleEvent(Struct, frozen=True):
    """A change we wrote: its size (never negative) and when; `outdated` slots are overwritten first."""

    change: Count
    time: Seconds
    outdated: bool = False


class History(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What earlier passes left, in slot order. `recommendations` None = this policy was never seen.

    `restored`: it was another process that left it, and what came after is not known.
    """

    recommendations: tuple[Recommendation, ...] | None = None
    scale_ups: tuple[ScaleEvent, ...] = ()
    scale_downs: tuple[ScaleEvent, ...] = ()
    restored: bool = False


class Unnamed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many more pods there were, whose names a record of limited size had no room for."""

    unready: Count = 0
    missing: Count = 0
    ignored: Count = 0


class Counted(Struct, frozen=True, kw_only=True):
    """How the pods of the selector were sorted, by upstream's rules: how many were ready, and the names of all others.

    `unnamed` is None but in a record that was too long to name them all.
    """

    ready: Count
    unready: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    unnamed: Unnamed | None = None


class Gaps(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What there is to say of pods without a usable sample, so that the second ratio can be recomputed.

    `values` counts the usable samples, those of pods outside the selector included. The requests are those of all
    missing and all unready pods; `assumed` is what the missing ones are taken to use when the others say "down".
    `unready_usage` is what unready pods used, which did not count.
    """

    values: Count
    missing_requests: Amount = Milli(0)
    unready_requests: Amount = Milli(0)
    assumed: Amount = Milli(0)
    unready_usage: Amount = Milli(0)


class Proposal(Struct, frozen=True, kw_only=True, tag="proposal", tag_field="stage", omit_defaults=True):
    """What one metric asks for. `replicas` None: it could not be computed, `reason` and `message` say why.

    `target` and `current` are in the unit of `target_type`: percent for Utilization, milli-units else. `usage` and
    `requests` are the sums the first ratio was made of, `ratio` that ratio, `damped_ratio` the second one, taken after
    missing and unready pods were filled in with an assumption (None when there were none), from `gaps`. `observed` is
    the scale's status.replicas where the target is an amount per replica.
    """

    type: str
    name: str
    container: str = ""
    label: str
    target_type: str = ""
    target: Int64 = 0
    current: Int64 | None = None
    average: Amount | None = None
    usage: Amount | None = None
    requests: Amount | None = None
    samples: Count = 0
    ratio: float | None = None
    damped_ratio: float | None = None
    tolerance_down: float = 0.1
    tolerance_up: float = 0.1
    pods: Counted | None = None
    gaps: Gaps | None = None
    observed: Replicas | None = None
    replicas: Int64 | None = None
    why: str = ""
    reason: str = ""
    message: str = ""


class Chosen(Struct, frozen=True, kw_only=True, tag="chosen", tag_field="stage", omit_defaults=True):
    """The proposal that won, and how many failed (a failed one forbids going down)."""

    metric: str
    replicas: Int64
    failed: Count = 0


class Forced(Struct, frozen=True, kw_only=True, tag="forced", tag_field="stage", omit_defaults=True):
    """No metric was asked: the size was outside its bounds, or scaling is off at 0."""

    current: Replicas
    replicas: Replicas
    min_replicas: Replicas
    max_replicas: Replicas
    reason: str


class Stabilized(Struct, frozen=True, kw_only=True, tag="stabilized", tag_field="stage", omit_defaults=True):
    """An earlier recommendation within the window was used instead; `by` is that one (None: nothing changed).

    `up_window` None: a policy without `behavior`, for which there is no window going up.
    """

    proposed: Int64
    replicas: Int64
    up_window: Seconds | None = None
    down_window: Seconds = 0.0
    by: Recommendation | None = None
    reason: str = ""


class Limited(Struct, frozen=True, kw_only=True, tag="limited", tag_field="stage", omit_defaults=True):
    """What rate limits and bounds left; `policy` is the rule that decided, `start` the size when its period began."""

    wanted: Int64
    replicas: Int64
    min_replicas: Replicas
    max_replicas: Replicas
    limit: Int64 | None = None
    policy: str = ""
    start: Int64 | None = None
    reason: str


class Final(Struct, frozen=True, kw_only=True, tag="final", tag_field="stage", omit_defaults=True):
    """The number, and the sentence that an event would carry."""

    current: Replicas
    replicas: Replicas
    why: str


class Overridden(Struct, frozen=True, kw_only=True, tag="overridden", tag_field="stage", omit_defaults=True):
    """Periods of the policy's own in place of the program's, in seconds; None: the program's held.

    `usage_window` is how long CPU and memory were averaged over, where they were there for so long.
    """

    cpu_initialization: Seconds | None = None
    initial_readiness_delay: Seconds | None = None
    sync_period: Seconds | None = None
    usage_window: Seconds | None = None


class Selected(Struct, frozen=True, kw_only=True, tag="selected", tag_field="stage", omit_defaults=True):
    """Pods of the selector that were not counted: `foreign` has another owner, `surge` is beyond the wanted number.

    `counted` are all others. `observed` is the status.replicas in place of which the wanted number was used, None when
    they were the same. `unnamed` counts names that a record of limited size had no room for.
    """

    counted: Count
    foreign: tuple[str, ...] = ()
    surge: tuple[str, ...] = ()
    observed: Count | None = None
    unnamed: Count = 0


class Aged(Struct, frozen=True, kw_only=True, tag="aged", tag_field="stage", omit_defaults=True):
    """Samples that were too old to count: of these pods, and so many values of other metrics.

    `max_age` is in seconds; how old they were says the decision's `sample_age`. `unnamed` as in `Selected`.
    """

    max_age: Seconds
    pods: tuple[str, ...] = ()
    values: Count = 0
    unnamed: Count = 0


class Paused(Struct, frozen=True, kw_only=True, tag="paused", tag_field="stage", omit_defaults=True):
    """Somebody held this direction: `by` whom, `until` when (RFC 3339), `why`."""

    wanted: Int64
    replicas: Int64
    directions: tuple[str, ...]
    until: str
    by: str
    why: str


class Contested(Struct, frozen=True, kw_only=True, tag="contested", tag_field="stage", omit_defaults=True):
    """Others scale the target too, by kind and name; or `unseen`: why that is not known."""

    wanted: Int64
    replicas: Int64
    claims: tuple[str, ...] = ()
    unseen: str = ""


Stage = Overridden | Selected | Aged | Proposal | Chosen | Forced | Stabilized | Limited | Paused | Contested | Final
"""In the order of a plan; `core.stages` has those that a HorizontalPodScaler adds to the HPA's."""


class EventNote(Struct, frozen=True):
    """A Kubernetes Event to be told about the policy."""

    type: str
    reason: str
    message: str


class MetricStatus(Struct, frozen=True, kw_only=True):
    """One `status.currentMetrics[]`; an empty `type` is upstream's entry for a metric that failed."""

    type: str = ""
    name: str = ""
    container: str = ""
    described_kind: str = ""
    described_name: str = ""
    described_api_version: str = ""
    selector: str = ""
    utilization: int | None = None
    average_value: Milli | None = None
    value: Milli | None = None


class Action(StrEnum):
    """`RESIZE` writes `desired`; `HOLD` writes nothing."""

    RESIZE = "resize"
    HOLD = "hold"


class Plan(Struct, frozen=True, kw_only=True):
    """The answer to one evaluation.

    `desired` is the number to write, or the current one when nothing is to be done. `current` is None when the target's
    scale could not be read. `reason` is one word for why it ends as it does; `error` the text of a failed pass, "" when
    it went well. `conditions`, `events`, `metrics` are the status as it stands before the write; `planner.settled`
    gives them, and the history, as they stand after it. `metrics` None = leave what is in the status. `conditions` are
    those this pass touched; one with status "" is to be taken away (`core.conditions.merged` does). `decided` False:
    the pass failed before its number stood, so the status keeps its `desiredReplicas`.
    """

    action: Action
    desired: int
    current: int | None
    reason: Reason
    stages: tuple[Stage, ...] = ()
    conditions: tuple[Condition, ...] = ()
    events: tuple[EventNote, ...] = ()
    metrics: tuple[MetricStatus, ...] | None = None
    history: History = History()
    error: str = ""
    decided: bool = True
