"""What is different between two decisions about one target, in the words of their explanations."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from autoscaler.core.explanation import Explanation, explained
from autoscaler.model.decision import Decision

ABSENT = "-"


class Difference(Struct, frozen=True):
    """One thing that both tell, or one of them; `ABSENT` where it was not told."""

    what: str
    before: str
    after: str


def differences(before: Decision, after: Decision) -> tuple[Difference, ...]:
    """In the order of the explanation; empty when they tell the same but for their times."""
    old, new = (dict(_facts(explained(each))) for each in (before, after))
    return tuple(
        Difference(what, old.get(what, ABSENT), new.get(what, ABSENT))
        for what in [*old, *(what for what in new if what not in old)]
        if old.get(what) != new.get(what)
    )


def _facts(told: Explanation) -> Iterator[tuple[str, str]]:
    """Everything told, by a name that is the same in both; two metrics of one name are told apart by their place."""
    yield "outcome", told.headline.partition(": ")[2]
    yield "reason", told.reason.partition(": ")[0]
    yield "why", told.why
    yield "policy", told.policy
    names = [metric.name for metric in told.metrics]
    for place, metric in enumerate(told.metrics):
        name = metric.name if names.count(metric.name) == 1 else f"{metric.name} ({place + 1})"
        yield f"{name}: target", metric.target
        yield f"{name}: asks for", ABSENT if metric.asks is None else str(metric.asks)
        for word, sentence in metric.facts:
            yield f"{name}: {word}", sentence
    for step in told.steps:
        yield step.name, f"{step.replicas}  {step.sentence}"
    for note in told.notes:
        what, _, sentence = note.partition(": ")
        yield what, sentence
