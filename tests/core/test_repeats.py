import random

import msgspec
import pytest
from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.repeats import expanded, latest, outline, repeat
from autoscaler.model.decision import Decision, Outcome, Repeat
from autoscaler.model.instant import parse_instant
from autoscaler.model.plan import Action, History, Recommendation
from tests.audit.samples import BASIS, NOON, cpu_proposal, decision, stages
from tests.core.chance import evaluations

LATER_ON = History(recommendations=(Recommendation(5, NOON),))
HELD = {"action": Action.HOLD, "outcome": Outcome.HELD, "current": 5, "desired": 5}
QUIET = decision(1, **HELD)
LATER = decision(8, **HELD, sample_age=3.5, stages=stages(cpu_proposal(usage=1360)))


def together(first, *others):
    return replace(first, repeats=tuple(repeat(first, each) for each in others))


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        pytest.param({}, True, id="the same again"),
        pytest.param({"id": "x", "time": "2027-01-15T08:00:09Z", "sample_age": None}, True, id="later"),
        pytest.param({"stages": stages(cpu_proposal(usage=1, current=2, ratio=3.0, why="x"))}, True, id="measured"),
        pytest.param({"basis": replace(BASIS, history=LATER_ON)}, True, id="what was asked for before"),
        pytest.param({"basis": replace(BASIS, observed=4)}, False, id="another number of pods"),
        pytest.param({"stages": stages(cpu_proposal(replicas=4))}, False, id="another number was asked for"),
        pytest.param({"stages": stages(cpu_proposal(requests=1))}, False, id="other pods"),
        pytest.param({"error": "x"}, False, id="another error"),
        pytest.param({"events": ()}, False, id="other events"),
        pytest.param({"reason": "OnTarget"}, False, id="another reason"),
    ],
)
def test_what_may_share_a_record(changes, shared):
    assert (outline(QUIET) == outline(replace(QUIET, **changes))) is shared


@pytest.mark.parametrize("outcome", set(Outcome) - {Outcome.HELD})
def test_what_moves_a_target_has_a_record_of_its_own(outcome):
    assert outline(decision(outcome=outcome)) is None


def test_what_was_cut_is_not_shared():
    assert outline(replace(QUIET, truncated=("pods",))) is None


def test_only_what_was_measured_is_kept():
    assert repeat(QUIET, LATER) == Repeat(7.0, 3.5, (1360,))
    assert msgspec.json.encode(repeat(QUIET, LATER)) == b"[7.0,3.5,[1360]]"


def test_every_evaluation_comes_back():
    again = list(expanded(together(QUIET, LATER)))
    assert again[0] == QUIET
    assert (again[1].id, again[1].time, again[1].sample_age) == (QUIET.id, LATER.time, 3.5)
    assert again[1].stages[0].current == 90
    assert again[1].stages[0].average == 453


def test_a_later_evaluation_knows_what_was_asked_for_before():
    """Also that the first saw the policy for the first time, and no later one does."""
    first, later = expanded(together(QUIET, LATER))
    assert first.basis.history == History()
    seen, asked = later.basis.history.recommendations
    assert (seen.replicas, round(seen.time - NOON, 3)) == (5, 1)
    assert asked == Recommendation(5, NOON + 1)


@pytest.mark.parametrize(
    ("after", "found"),
    [
        pytest.param(None, 3, id="the last of all"),
        pytest.param(100, 3, id="the last before then"),
        pytest.param(6, 2, id="one in between"),
        pytest.param(5.999, 1, id="a moment earlier"),
        pytest.param(-1, 1, id="before the first there is none: the first"),
    ],
)
def test_the_evaluation_of_a_time(after, found):
    record = together(QUIET, decision(6, **HELD), decision(9, **HELD))
    moment = None if after is None else NOON + after
    seconds = round(parse_instant(latest(record, moment).time) - NOON)
    assert seconds == {1: 1, 2: 6, 3: 9}[found]


def made(evaluation, number) -> Decision:
    plan = planner.plan(evaluation)
    return decision(
        number, action=plan.action, outcome=Outcome.HELD, current=plan.current, desired=plan.desired,
        reason=plan.reason, error=plan.error, stages=plan.stages, conditions=plan.conditions, events=plan.events,
        compat=evaluation.settings.compat.release,
    )  # fmt: skip


def test_a_metric_without_a_sample_stays_as_it_is_whatever_a_row_says():
    for proposal in (cpu_proposal(samples=0), cpu_proposal(samples=0, requests=None)):
        first = replace(QUIET, stages=stages(proposal), repeats=(Repeat(1.0, None, (5,)),))
        assert [each.stages for each in expanded(first)] == [first.stages, first.stages]


def test_nothing_is_lost_whatever_was_measured():
    """Two evaluations that may share a record, of all kinds of metrics: the second comes back as it was."""
    chance, shared = random.Random(1), 0
    for before in evaluations(1, 20_000, deviating=0.5):
        after = nudged(before, chance)
        first, second = made(before, 1), made(after, 2)
        if outline(first) == outline(second):
            shared += first.stages != second.stages
            again = list(expanded(together(first, second)))[1]
            assert replace(again, basis=BASIS) == replace(second, id=first.id)
    assert shared > 500


def nudged(evaluation, chance):
    values = {
        spec: tuple(replace(each, value=each.value + chance.choice((0, 1, 9))) for each in found)
        for spec, found in evaluation.values.items()
    }
    metrics = evaluation.pod_metrics and tuple(measured_anew(each, chance) for each in evaluation.pod_metrics)
    return replace(evaluation, values=values, pod_metrics=metrics)


def measured_anew(metrics, chance):
    containers = tuple(
        (name, {resource: amount + chance.choice((0, 1, 5)) for resource, amount in usage.items()})
        for name, usage in metrics.containers
    )
    return replace(metrics, containers=containers)
