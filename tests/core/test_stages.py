import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from autoscaler.core import planner, stages
from autoscaler.core.evaluation import Corrected, Prepared
from autoscaler.model.plan import Action, Final, Limited, Overridden, Paused, Selected
from autoscaler.model.policy import Deviations, Pause
from autoscaler.model.reason import Reason
from tests.core.chance import evaluations
from tests.core.evaluations import NOW, evaluation, policy, scale


def test_with_all_of_them_off_nothing_is_changed():
    """Ten thousand evaluations of any kind; that they are upstream's, tests/conformance shows."""
    for each in evaluations(7, 10_000):
        given = stages.prepared(each)
        assert given == stages.Given(each)
        made = planner.plan(each)
        assert stages.corrected(made, given) == made


def test_what_was_changed_before_stands_first_and_after_before_the_last():
    until = Pause(until=NOW + 60, reason="r", actor="a")
    wanted = policy(deviations=Deviations(cpu_initialization=60.0, ignore_rollout_surge=True, pause=until))
    plan = planner.plan(evaluation(policy=wanted, scale=scale(2, observed=3)))
    order = [type(each) for each in plan.stages]
    assert order[:2] == [Overridden, Selected]
    assert order[-3:] == [Limited, Paused, Final]


def test_of_two_corrections_the_last_has_the_word():
    given = stages.Given(evaluation())
    plan = stages.corrected(planner.plan(given.evaluation), given, steps=(to(3), to(2)))
    assert (plan.desired, plan.action, plan.stages[-1].replicas) == (2, Action.HOLD, 2)
    assert sum(isinstance(each, Final) for each in plan.stages) == 1


def test_a_correction_may_also_make_a_change_of_a_hold():
    given = stages.Given(evaluation())
    plan = stages.corrected(planner.plan(given.evaluation), given, steps=(to(2), to(5)))
    assert (plan.desired, plan.action) == (5, Action.RESIZE)


def test_a_preparation_sees_what_the_one_before_it_made():
    seen = []
    steps = (renamed("a", seen), renamed("b", seen))
    given = stages.prepared(evaluation(), steps)
    assert seen == ["web", "a"]
    assert given.evaluation.policy.name == "b"
    assert len(given.stages) == 2


def test_a_pass_that_failed_has_no_number_to_correct():
    given = stages.Given(evaluation(scale=None, scale_error="gone"))
    plan = planner.plan(given.evaluation)
    assert stages.corrected(plan, given, steps=(to(5),)) == plan


@dataclass(frozen=True)
class to:  # noqa: N801 - reads as a word
    replicas: int

    def __call__(self, given, current, wanted):
        return Corrected(
            replicas=self.replicas, stage=Selected(counted=self.replicas), reason=Reason.PAUSED, why="because"
        )


def renamed(name, seen):
    def step(given):
        seen.append(given.policy.name)
        return Prepared(replace(given, policy=replace(given.policy, name=name)), Selected(counted=0))

    return step


PAGE = Path(__file__).resolve().parents[2] / "docs" / "adding-a-stage.md"


@pytest.mark.parametrize(
    ("hour", "desired"),
    [
        pytest.param(23, 5, id="by night"),
        pytest.param(5.99, 5, id="until six"),
        pytest.param(6, 4, id="by day"),
        pytest.param(21.99, 4, id="until ten"),
    ],
)
def test_the_worked_example_of_the_documentation_works(hour, desired):
    words = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        exec(compile(block, str(PAGE), "exec"), words)
    given = stages.Given(replace(evaluation(), now=hour * 3600.0))
    plan = stages.corrected(planner.plan(evaluation()), given, words["AFTER"])
    assert plan.desired == desired
    assert (type(plan.stages[-2]).__name__ == "Floor") == (desired == 5)


def test_the_documentation_names_every_step():
    text = PAGE.read_text()
    for step in (*stages.BEFORE, *stages.AFTER):
        assert f"`{step.__module__.removeprefix('autoscaler.').replace('.', '/')}.py`" in text
