"""A run with what can decide kept, against the planner's course with everything kept."""

import random

import pytest

from autoscaler.core import behavior
from autoscaler.core.course import course, seen
from autoscaler.core.passage import Passage
from autoscaler.model.plan import History, Recommendation
from autoscaler.model.policy import Behavior, ControllerSettings, ScalingPolicy, ScalingRules
from bench import week

START = week.START
RULES = (ScalingPolicy("Percent", 50, 60), ScalingPolicy("Pods", 2, 120))


def rules(up, down):
    return Behavior(
        up=ScalingRules(stabilization=up, policies=RULES), down=ScalingRules(stabilization=down, policies=RULES)
    )


def walk(chance, policy, settings, history):
    """Asks that wander and stay, at whole and odd times; both ways hand in hand."""
    passage, size, now, period = Passage(policy, settings, history), 5, START, (START, 5)
    ask = 5
    for _ in range(400):
        now += chance.choice((0.0, 1.0, 15.0, 15.0, 15.0, 60.0, 100.0))
        ask = max(0, ask + chance.choice((-6, -1, 0, 0, 0, 0, 1, 6)))
        if now - period[0] >= 30:
            period = (now, size)
        if chance.random() < 0.05:
            size = chance.randint(1, 40)  # somebody else's
        found = course(
            policy, settings, current=size, asked=ask, history=seen(history, size, now), now=now, period_start=period[1]
        )
        assert passage.desired(ask, size, now, period[1]) == found.desired
        history = behavior.recorded(found.history, policy.behavior, size, found.desired, now)
        if found.desired != size:
            passage.written(size, found.desired, now)
        size = found.desired
        yield found, passage


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(None, id="legacy"),
        pytest.param(rules(0, 300), id="down"),
        pytest.param(rules(90, 0), id="up"),
        pytest.param(rules(60, 120), id="both"),
        pytest.param(rules(None, None), id="the program's own"),
    ],
)
@pytest.mark.parametrize(
    "history",
    [
        pytest.param(History(), id="never seen"),
        pytest.param(History(recommendations=(Recommendation(9, START - 5), Recommendation(2, START - 50))), id="seen"),
        pytest.param(History(recommendations=(Recommendation(9, START - 5),), restored=True), id="restored"),
    ],
)
def test_every_number_is_the_planners(wanted, history):
    held = longest = 0
    for seed in range(8):
        policy = week.policy(behavior=wanted)
        for found, passage in walk(random.Random(seed), policy, ControllerSettings(), history):
            held += found.stabilized.by is not None
            longest = max(longest, len(passage.history.recommendations))
    assert held > 50
    assert longest < 40, "of what is outdone nothing is kept"


def test_whoever_goes_on_from_its_history_comes_to_the_same():
    policy, settings = week.policy(behavior=rules(60, 120)), ControllerSettings()
    first = Passage(policy, settings, History())
    for number, ask in enumerate((4, 9, 3, 7, 7, 2)):
        first.desired(ask, 4, START + 15 * number, 4)
    second = Passage(policy, settings, first.history)
    assert second.history == first.history
    assert [each.desired(5, 4, START + 100, 4) for each in (first, second)] == [4, 4]


def test_a_clock_that_is_set_back_brings_nothing_back():
    passage = Passage(week.policy(), ControllerSettings(), History())
    asked = ((9, 0), (4, 310), (4, 100), (4, 311))
    assert [passage.desired(ask, 5, START + after, 5) for ask, after in asked] == [9, 4, 4, 4]
