"""What was reported upstream, replayed: the HPA's answer on the same input, and ours where we can do better."""

import pytest

from autoscaler.core.differences import differences
from autoscaler.core.explanation import explained, lines
from autoscaler.core.rebuild import rebuilt
from autoscaler.core.validation import problems
from autoscaler.model.plan import Aged, Overridden, Paused, Selected
from autoscaler.model.policy import Deviations
from tests.conformance import scenario as replay
from tests.core.recording import recorded

ALL = replay.scenarios()
EVERY = [pytest.param(each, id=f"{each.issue} {each.title}") for each in ALL.values()]
BETTER = [pytest.param(each, id=f"{each.issue} {each.title}") for each in ALL.values() if each.deviation]


def expected(scenario):
    """What we are to answer with the deviation."""
    return [each.upstream if each.ours is None else each.ours for each in scenario.passes]


def told(step):
    """The first metric's averageValue in the status."""
    return step.plan.metrics[0].average_value


def test_there_are_enough_of_them_and_each_is_of_another_report():
    assert len(ALL) >= 25
    assert [name for name, each in ALL.items() if name != each.issue.replace("/", "-").replace("#", "-")] == []


@pytest.mark.parametrize("scenario", EVERY)
def test_the_hpas_answer_is_what_was_reported(scenario):
    steps = list(replay.played(scenario))
    assert [step.replicas for step in steps] == [each.upstream for each in scenario.passes]
    for step, given in zip(steps, scenario.passes, strict=True):
        assert given.tells is None or told(step) == given.tells.upstream


@pytest.mark.parametrize("scenario", EVERY)
def test_an_hps_without_deviations_answers_as_the_hpa_to_the_last_word(scenario):
    ours, upstream = (list(replay.played(scenario, kind)) for kind in (replay.HPS, replay.HPA))
    assert [step.plan for step in ours] == [step.plan for step in upstream]


@pytest.mark.parametrize("scenario", BETTER)
def test_our_answer_is_as_promised(scenario):
    steps = list(replay.played(scenario, replay.HPS, deviation=scenario.deviation))
    assert [step.replicas for step in steps] == expected(scenario)
    for step, given in zip(steps, scenario.passes, strict=True):
        assert given.tells is None or told(step) == given.tells.ours
    assert any(each.ours not in (None, each.upstream) or each.tells for each in scenario.passes), "nothing is better"


@pytest.mark.parametrize("scenario", BETTER)
def test_a_record_says_which_deviation_changed_the_number(scenario):
    changed = [
        any(isinstance(stage, Overridden | Selected | Aged | Paused) for stage in step.plan.stages)
        for step in replay.played(scenario, replay.HPS, deviation=scenario.deviation)
    ]
    ours = replay.read(replay.HPS, scenario.policy | scenario.deviation.spec).deviations
    assert any(changed) is (ours != Deviations())


@pytest.mark.parametrize("scenario", EVERY)
def test_each_pass_can_be_rebuilt_and_explained_from_its_record(scenario):
    before = None
    for step in replay.played(scenario, replay.HPS, deviation=scenario.deviation):
        found = recorded(step.evaluation)
        assert rebuilt(found).replicas == found.desired
        assert any(step.plan.reason in line for line in lines(explained(found)))
        assert before is None or before.desired == found.desired or differences(before, found)
        before = found


@pytest.mark.parametrize("scenario", EVERY)
def test_its_policy_is_one_that_the_api_server_would_take(scenario):
    spec = scenario.policy | (scenario.deviation.spec if scenario.deviation else {})
    for given in scenario.passes:
        assert problems(replay.read(replay.HPS, spec | given.policy)) == ()
