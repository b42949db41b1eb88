"""Where a record says something else than its own sums give, field by field.

The planner decides it again from the sums, the policy and the history it has (`core.recollection`). Sentences are not
compared, as a release may word them otherwise. A sum that was changed so that nothing else follows from it does not
show, nor does a record of which every number was changed alike: that is for who keeps the records safe.
"""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.core.rebuild import rebuilt
from autoscaler.core.recollection import planned, unanswerable, written
from autoscaler.core.repeats import expanded
from autoscaler.model.decision import Decision
from autoscaler.model.plan import Plan, Proposal, Stage

WORDS = frozenset(("why", "message"))


def discrepancies(decision: Decision) -> Iterator[str]:
    """One sentence for each evaluation that comes out otherwise. What the record has lost is passed over."""
    told = "" if unanswerable(decision) else _parting(decision)
    for number, each in enumerate(expanded(decision)):
        again = rebuilt(each).replicas
        if again is not None and again != each.desired:
            yield f"says {each.desired}, its sums give {again}" + (f" ({told})" if told and not number else "")
        elif told and not number:
            yield told


def _parting(decision: Decision) -> str:
    """The first step at which the first evaluation is another one, "" when there is none."""
    try:
        plan = planned(decision)
    except (ValueError, IndexError) as exc:  # there are not as many sums as metrics, or an end without its event
        return f"cannot be decided again: {exc}"
    recorded, replayed = decision.stages, plan.stages
    for number in range(max(len(recorded), len(replayed))):
        old = recorded[number] if number < len(recorded) else None
        new = replayed[number] if number < len(replayed) else None
        if told := _step(old, written(new) if isinstance(new, Proposal) else new):
            return told
    return _end(decision, plan)


def _step(old: Stage | None, new: Stage | None) -> str:
    if old is None or new is None or type(old) is not type(new):
        names = ["no step" if each is None else f"the step {type(each).__name__.lower()}" for each in (old, new)]
        return f"has {names[0]} where its sums give {names[1]}"
    name = f"{old.type} metric {old.name}" if isinstance(old, Proposal) else type(old).__name__.lower()
    differing = [
        f"{field} {_text(getattr(old, field))}, its sums give {_text(getattr(new, field))}"
        for field in old.__struct_fields__
        if field not in WORDS and getattr(old, field) != getattr(new, field)
    ]
    return f"{name}: {'; '.join(differing)}" if differing else ""


def _end(decision: Decision, plan: Plan) -> str:
    differing = [
        f"{field} {_text(old)}, its sums give {_text(new)}"
        for field, old, new in (
            ("action", decision.action, plan.action),
            ("current", decision.current, plan.current),
            ("desired", decision.desired, plan.desired),
            ("reason", decision.reason, plan.reason),
        )
        if old != new
    ]
    return "; ".join(differing)


def _text(value: object) -> str:
    return "none" if value is None else str(value)
