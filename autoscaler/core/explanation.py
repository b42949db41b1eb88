"""Why a target has as many replicas as it has: one decision, told from its record alone.

`explained` gives the parts, `lines` the text of them; the parts are also what a program gets as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from autoscaler.core import figures, sentences
from autoscaler.core.distance import Step, steps
from autoscaler.core.outlook import Outlook, outlook
from autoscaler.core.reasons import MEANINGS
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import parse_instant
from autoscaler.model.plan import (
    Action,
    Aged,
    Chosen,
    Contested,
    Final,
    Forced,
    Limited,
    Overridden,
    Paused,
    Proposal,
    Selected,
    Stabilized,
    Stage,
)
from autoscaler.model.policy import MetricSpec

TRUNCATED = {
    "pods": "some names of pods",
    "texts": "the ends of long texts",
    "events": "events and conditions",
    "basis": "the policy, the settings and the history",
    "proposals": "the sums of the metrics",
    "names": "the ends of long names",
}


class MetricPart(Struct, frozen=True):
    """One metric: what it asks for (None: it failed) and how it came to that, as (word, sentence); where it would ask
    for more or for fewer, None: nowhere.
    """

    name: str
    target: str
    asks: int | None
    facts: tuple[tuple[str, str], ...]
    more: Step | None = None
    fewer: Step | None = None


class Stop(Struct, frozen=True):
    """One step from the metrics to the final number."""

    name: str
    replicas: int
    sentence: str


class Explanation(Struct, frozen=True, kw_only=True):
    """A decision, told. `why` is the one sentence for those in a hurry, `todo` what a person can do, "" for nothing;
    `unforeseen` why there is no outlook, "" where there can be none.
    """

    headline: str
    why: str
    reason: str
    todo: str
    time: str
    id: str
    policy: str
    samples: str
    metrics: tuple[MetricPart, ...]
    steps: tuple[Stop, ...]
    outlook: Outlook | None = None
    unforeseen: str = ""
    notes: tuple[str, ...] = ()


def explained(decision: Decision) -> Explanation:
    """The parts of the story; MalformedError when the record has no time."""
    policy = decision.policy
    age, current, ahead = decision.sample_age, decision.current or 0, outlook(decision)
    return Explanation(
        headline=headline(decision),
        why=_why(decision),
        reason=f"{decision.reason}: {MEANINGS[decision.reason].means}",
        todo=_todo(decision),
        time=decision.time,
        id=decision.id,
        policy=f"{policy.kind} {policy.namespace}/{policy.name}, generation {policy.generation}",
        samples="none used" if age is None else f"at most {figures.span(age)} old",
        metrics=tuple(_metric(stage, spec, current) for stage, spec in asked(decision)),
        steps=tuple(_steps(decision)),
        outlook=ahead if isinstance(ahead, Outlook) else None,
        unforeseen=ahead if isinstance(ahead, str) else "",
        notes=tuple(_notes(decision)),
    )


def headline(decision: Decision) -> str:
    """`shop/Deployment/web: 3 -> 5 replicas, written`."""
    if decision.action is Action.RESIZE:
        end = {
            Outcome.WRITTEN: "written",
            Outcome.SHADOWED: "not written: the policy is in Shadow",
            Outcome.OBSERVED: "not written: it is the HPA's to write",
            Outcome.CONFLICTED: "not written: the target changed meanwhile",
            Outcome.DEFERRED: "not written yet",
            Outcome.FAILED: "not written: the write was refused",
            Outcome.HELD: "not written",
        }[decision.outcome]
        return f"{decision.key}: {decision.current} -> {figures.counted(decision.desired, 'replica')}, {end}"
    if decision.current is None:
        return f"{decision.key}: could not be evaluated"
    return f"{decision.key}: stays at {figures.counted(decision.current, 'replica')}"


def in_short(decision: Decision) -> str:
    """The headline, the reason and what went wrong: `shop/Deployment/web: stays at 3 replicas (InvalidSpec): ...`."""
    error = f": {decision.error}" if decision.error else ""
    return f"{headline(decision)} ({decision.reason}){error}"


def failed(decision: Decision) -> bool:
    """Whether it met an error or came to no number, so that whatever was decided before says little of the present."""
    return bool(decision.error) or decision.current is None


def lines(explanation: Explanation) -> Iterator[str]:
    """The text, line by line, safe to print."""
    return map(printable, _lines(explanation))


def printable(line: str) -> str:
    """Without control characters: names and messages in a record may come from anybody, and terminals obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


def _lines(explanation: Explanation) -> Iterator[str]:
    yield explanation.headline
    if explanation.why:
        yield f"  {explanation.why}"
    yield ""
    yield from _table(_circumstances(explanation))
    for metric in explanation.metrics:
        yield ""
        asks = "could not be computed" if metric.asks is None else f"asks for {metric.asks}"
        yield f"{metric.name}, target {metric.target}: {asks}"
        yield from _table(metric.facts)
    if explanation.steps:
        yield ""
        yield "From there to the number"
        width = max(len(str(step.replicas)) for step in explanation.steps)
        yield from _table((step.name, f"{step.replicas:>{width}}  {step.sentence}") for step in explanation.steps)
    if explanation.outlook is not None:
        yield ""
        yield "What would change the number"
        yield from _table(_ahead(explanation.outlook))
    elif explanation.unforeseen:
        yield ""
        yield f"What would change the number is not known: {explanation.unforeseen}."
    if explanation.notes:
        yield ""
        yield from explanation.notes


def _ahead(outlook: Outlook) -> Iterator[tuple[str, str]]:
    yield "decides", f"{outlook.decides.stage}: {outlook.decides.sentence}"
    itself = outlook.by_itself
    if itself is not None:
        yield "by itself", itself.sentence
    for word, way in (("more", outlook.more), ("fewer", outlook.fewer)):
        if way is not None and way != itself:
            yield word, way.sentence


def _circumstances(explanation: Explanation) -> Iterator[tuple[str, str]]:
    yield "at", f"{explanation.time[:19]}Z"
    yield "decision", explanation.id
    yield "policy", explanation.policy
    yield "samples", explanation.samples
    yield "reason", explanation.reason
    if explanation.todo:
        yield "to do", explanation.todo


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    pairs = list(rows)
    width = max((len(word) for word, _ in pairs), default=0)
    return (f"  {word:<{width}}  {sentence}" for word, sentence in pairs)


def _why(decision: Decision) -> str:
    final = next((stage for stage in decision.stages if isinstance(stage, Final)), None)
    return decision.error or (final.why if final else "") or decision.reason


def _todo(decision: Decision) -> str:
    basis = decision.basis
    return MEANINGS[decision.reason].advice(behavior=basis is None or basis.spec.behavior is not None)


def asked(decision: Decision) -> list[tuple[Proposal, MetricSpec | None]]:
    """What each metric came to, and what the policy says of it; None where the record has lost that."""
    found = [stage for stage in decision.stages if isinstance(stage, Proposal)]
    specs = decision.basis.spec.metrics if decision.basis else ()
    return list(zip(found, specs if len(specs) == len(found) else [None] * len(found), strict=True))


def _metric(proposal: Proposal, spec: MetricSpec | None, current: int) -> MetricPart:
    found = steps(proposal, current)
    facts = [*sentences.measured(proposal)]
    facts += [("more", f"{found.more.asks} {found.more.upwards()}")] if found.more else []
    facts += [("fewer", f"{found.fewer.asks} {found.fewer.downwards()}")] if found.fewer else []
    return MetricPart(
        name=sentences.metric_name(proposal, spec),
        target=sentences.target(proposal),
        asks=proposal.replicas,
        facts=tuple(facts),
        more=found.more,
        fewer=found.fewer,
    )


def _steps(decision: Decision) -> Iterator[Stop]:
    now = parse_instant(decision.time)
    proposals = sum(isinstance(stage, Proposal) for stage in decision.stages)
    before: int | None = None
    for stage in decision.stages:
        step = _step(stage, proposals, now, before)
        if step is not None:
            yield step
            before = step.replicas


def _step(stage: Stage, proposals: int, now: float, before: int | None) -> Stop | None:
    match stage:
        case Chosen():
            name, told = "chosen", sentences.chosen(stage, proposals)
        case Forced():
            name, told = "forced", sentences.forced(stage)
        case Stabilized():
            name, told = "stabilized", sentences.stabilized(stage, now)
        case Limited():
            name, told = "limited", sentences.limited(stage)
        case Paused():
            name, told = "paused", sentences.paused(stage)
        case Contested():
            name, told = "contested", sentences.contested(stage)
        case Final():
            name, told = "final", sentences.final(stage, before)
        case _:
            return None
    return Stop(name, stage.replicas, told)


def _notes(decision: Decision) -> Iterator[str]:
    for stage in decision.stages:
        match stage:
            case Overridden():
                yield sentences.overridden(stage)
            case Selected():
                yield sentences.selected(stage)
            case Aged():
                yield sentences.aged(stage)
    if decision.truncated:
        left_out = ", ".join(TRUNCATED.get(word, word) for word in decision.truncated)
        yield f"The record was too long to keep whole; left out: {left_out}."
