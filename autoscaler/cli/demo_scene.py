"""What the demo shows, in words of its own: rows of nodes and targets, and decisions told in one plain line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from autoscaler.core import figures, sentences
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.plan import Action, Chosen, Forced, Limited, Proposal, Stabilized, Stage

Kind = TypeVar("Kind", bound=Stage)

SAYING_NOTHING = frozenset({"ReadyForNewScale", "DesiredWithinRange"})
"""Reasons of a limit or a window that changed nothing."""


AGEING = 6.0
"""Age in seconds from which on a sample is marked: the demo's kubelets sample every 2 s and are asked every 3 s."""


class NodeRow(Struct, frozen=True, kw_only=True):
    """A node: usage in cores and bytes (None: none is served), age of its sample in seconds; why there is no usage."""

    name: str
    cores: float
    cpu: float | None = None
    memory: float | None = None
    age: float | None = None
    trouble: str = ""


class TargetRow(Struct, frozen=True, kw_only=True):
    """A target: `replicas` are asked for, `ready` of them are ready; `missing` pods had no usable sample.

    `usage` and `goal` are texts such as `58 %` and `60 % of requests`; "" as long as there was no decision.
    """

    name: str
    metric: str
    usage: str
    goal: str
    replicas: int
    ready: int
    missing: int = 0


class Totals(Struct, frozen=True, kw_only=True):
    """Counts since the start."""

    evaluations: int
    scrapes: int
    scrapes_failed: int


class Moment(Struct, frozen=True):
    """Where the story is: seconds since its beginning, its length, and what is being told."""

    elapsed: float
    length: float
    caption: str


class Scene(Protocol):
    """What a view reads, as often as it likes; `decisions` are all of them, oldest first, and only grow."""

    def nodes(self) -> Sequence[NodeRow]: ...
    def targets(self) -> Sequence[TargetRow]: ...
    def decisions(self) -> Sequence[Decision]: ...
    def totals(self) -> Totals: ...


class View(Protocol):
    """Shows moments until it is left; `__exit__` gives the terminal back as it was."""

    def __enter__(self) -> View: ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, moment: Moment, scene: Scene) -> None: ...


def target_row(name: str, replicas: int, ready: int, latest: Decision | None) -> TargetRow:
    """The row of a target, its usage as the latest decision about it saw it."""
    proposal = _first(latest, Proposal)
    if proposal is None:
        return TargetRow(name=name, metric="", usage="", goal="", replicas=replicas, ready=ready)
    return TargetRow(
        name=name,
        metric=sentences.metric_name(proposal),
        usage=usage(proposal),
        goal=sentences.target(proposal),
        replicas=replicas,
        ready=ready,
        missing=len(proposal.pods.missing) if proposal.pods else 0,
    )


def usage(proposal: Proposal) -> str:
    """The measured counterpart of the target: `58 %`, `93 MiB`; "no data" when there was none."""
    if proposal.current is None:
        return "no data"
    if proposal.target_type == "Utilization":
        return f"{proposal.current} %"
    return figures.amount(proposal, proposal.current)


def sentence(decision: Decision) -> str:
    """`shop/web 2 -> 6: cpu 338 % (target 60 % of requests) asks for 12; not above 6 for now: ...`."""
    name = f"{decision.namespace}/{decision.target.name}"
    if decision.action is Action.RESIZE:
        head = f"{name} {decision.current} -> {decision.desired}"
        if decision.outcome is not Outcome.WRITTEN:
            head = f"{head} ({decision.outcome})"
    else:
        head = f"{name} stays at {decision.current}"
    told = [text for stage in decision.stages if (text := _told(stage))]
    return f"{head}: {'; '.join(told) or decision.error or decision.reason}"


def noteworthy(decision: Decision, before: Decision | None) -> bool:
    """Whether it says something the one before on the same target did not: a change, another reason, other gaps."""
    if decision.action is Action.RESIZE or before is None:
        return True
    return _gist(decision) != _gist(before)


def biggest(decisions: Sequence[Decision]) -> Decision | None:
    """The written decision that changed the most, the earliest of equals; None when nothing was changed."""
    written = [each for each in decisions if each.action is Action.RESIZE and each.outcome is Outcome.WRITTEN]
    return max(written, key=lambda each: abs(each.desired - (each.current or 0)), default=None)


def _gist(decision: Decision) -> tuple[object, ...]:
    """What must differ for a hold to be worth a line; numbers that wobble are left out."""
    proposal, chosen = _first(decision, Proposal), _first(decision, Chosen)
    missing = len(proposal.pods.missing) if proposal and proposal.pods else 0
    fewer = bool(chosen and decision.current is not None and chosen.replicas < decision.current)
    return decision.action, decision.reason, decision.error, missing, fewer


def _first(decision: Decision | None, kind: type[Kind]) -> Kind | None:
    return next((stage for stage in decision.stages if isinstance(stage, kind)), None) if decision else None


def _told(stage: Stage) -> str:
    """What this stage adds to the sentence; "" when it changed nothing."""
    match stage:
        case Proposal():
            return _proposal(stage)
        case Forced():
            return sentences.forced(stage)
        case Stabilized() if stage.by is not None:
            up = stage.reason == "ScaleUpStabilized"
            window = figures.span((stage.up_window or 0.0) if up else stage.down_window)
            return f"{stage.replicas} was wanted within the last {window}"
        case Limited() if stage.reason not in SAYING_NOTHING:
            return sentences.limited(stage)
    return ""


def _proposal(stage: Proposal) -> str:
    name = sentences.metric_name(stage)
    if stage.replicas is None:
        return f"{name}: {stage.message or stage.reason}"
    groups = ((stage.pods.unready, "unready"), (stage.pods.missing, "without a sample")) if stage.pods else ()
    gaps = "".join(f", {len(names)} {'pod' if len(names) == 1 else 'pods'} {word}" for names, word in groups if names)
    return f"{name} {usage(stage)} (target {sentences.target(stage)}{gaps}) asks for {stage.replicas}"
