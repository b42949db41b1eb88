"""A plan as a reader of the audit finds it, and what working it out again makes of it."""

from autoscaler.audit import codec
from autoscaler.core import basis, planner
from autoscaler.core.rebuild import rebuilt
from autoscaler.core.recollection import mismatch, planned
from autoscaler.model.decision import Outcome
from autoscaler.model.instant import micro_text
from autoscaler.model.plan import Proposal
from tests.audit.samples import decision


def recorded(evaluation):
    """The decision, through the wire."""
    plan = planner.plan(evaluation)
    made = decision(
        time=micro_text(evaluation.now),
        action=plan.action,
        outcome=Outcome.HELD,
        current=plan.current,
        desired=plan.desired,
        reason=plan.reason,
        error=plan.error,
        stages=plan.stages,
        conditions=(),
        events=plan.events,
        basis=basis.of(evaluation),
    )
    return codec.decode(codec.encode(made))


def mistakes(found):
    """Where the record, worked out again, gives another number than it says."""
    again = rebuilt(found)
    proposals = [stage for stage in found.stages if isinstance(stage, Proposal)]
    return [(each, got) for each, got in zip(proposals, again.asked, strict=True) if each.replicas != got] + (
        [] if again.replicas == found.desired else [(found, again)]
    )


def otherwise(found):
    """The step at which the planner, given the record instead of the pods, decides otherwise; "" when it does not."""
    return mismatch(found, planned(found))
