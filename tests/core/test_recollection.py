import gzip
from collections import Counter

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.core import basis, planner
from autoscaler.core.recollection import SHORTENED, UNFOUNDED, mismatch, planned, unanswerable
from autoscaler.kube import bundle
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Outcome
from autoscaler.model.instant import micro_text
from autoscaler.model.plan import Action, Limited, Proposal
from autoscaler.model.reason import Reason
from tests.audit.samples import decision
from tests.conformance.upstream import BUNDLES
from tests.core.chance import evaluations
from tests.core.evaluations import CPU, evaluation


def recorded(given, plan=None):
    """The decision, through the wire."""
    plan = plan or planner.plan(given)
    made = decision(
        time=micro_text(given.now), action=plan.action, outcome=Outcome.HELD, current=plan.current,
        desired=plan.desired, reason=plan.reason, error=plan.error, stages=plan.stages, conditions=plan.conditions,
        events=plan.events, target=given.policy.target, basis=basis.of(given),
    )  # fmt: skip
    return codec.decode(codec.encode(made))


@pytest.mark.parametrize("part", range(2))
def test_every_decision_is_made_again_from_its_record_alone(part):
    """Of all kinds of metrics, policies and failures; half of them depart from the HPA."""
    reasons = Counter()
    for each in evaluations(part + 50, 15_000, deviating=0.5):
        found = recorded(each)
        assert not unanswerable(found)
        plan = planned(found)
        assert not mismatch(found, plan), each
        assert plan.error == found.error
        reasons[found.reason] += 1
    assert len(reasons) >= 18


def test_so_are_those_of_what_upstream_decided():
    with gzip.open(BUNDLES) if BUNDLES.suffix == ".gz" else BUNDLES.open("rb") as file:
        for line in file:
            given = bundle.read(line).evaluation
            found = recorded(replace(given, now=round(given.now, 6)))
            assert not mismatch(found, planned(found)), line


def test_what_was_changed_afterwards_shows_with_its_step():
    found = recorded(evaluation())
    forged = replace(found.stages[0], usage=found.stages[0].usage * 3)
    assert mismatch(found, planned(replace(found, stages=(forged, *found.stages[1:])))) == "at the step proposal"
    other = replace(found, basis=replace(found.basis, spec=replace(found.basis.spec, max_replicas=3)))
    assert mismatch(found, planned(other)) == "at the step limited"
    assert [type(stage) for stage in found.stages[:1]] == [Proposal]
    assert any(isinstance(stage, Limited) for stage in found.stages)


def test_a_record_that_tells_of_fewer_metrics_or_more_than_its_policy_has_comes_out_otherwise():
    found = recorded(evaluation())
    fewer = replace(found, stages=found.stages[1:])
    assert mismatch(fewer, planned(fewer)) == "at the step chosen"
    more = replace(found, stages=(found.stages[0], *found.stages))
    assert mismatch(more, planned(more)) == "at the step proposal"


def test_a_policy_that_makes_no_sense_is_judged_again():
    spec = Spec(max_replicas=0, metrics=(CPU,))
    refused = decision(
        reason=Reason.INVALID_SPEC, action=Action.HOLD, outcome=Outcome.HELD, current=None, desired=0, stages=(),
        basis=Basis(spec=spec),
    )  # fmt: skip
    assert not mismatch(refused, planned(refused))
    good = replace(refused, basis=Basis(spec=replace(spec, max_replicas=3)))
    assert mismatch(good, planned(good)) == "in the reason: OnTarget, not InvalidSpec"


def test_what_a_record_has_not_got_is_no_guess():
    assert unanswerable(replace(decision(), truncated=("pods", "texts"))) == SHORTENED
    assert unanswerable(replace(decision(), truncated=("pods",))) == ""
    assert unanswerable(replace(decision(), basis=None)) == UNFOUNDED
