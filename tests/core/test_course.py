import math

import pytest

from autoscaler.core.course import course, largest, reason, seen
from autoscaler.model.plan import History, Recommendation
from autoscaler.model.policy import ControllerSettings
from tests.core.evaluations import NOW, policy


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        pytest.param((), None, id="nobody asked"),
        pytest.param((None, None), None, id="all failed"),
        pytest.param((3, 7, 5), 1, id="the largest"),
        pytest.param((7, 7), 0, id="the first of equals"),
        pytest.param((0, -2), 1, id="0 is given up for any later one"),
        pytest.param((None, 0), 1, id="failed ones are none"),
    ],
)
def test_which_proposal_wins(asked, place):
    assert largest(asked) == place


def test_the_size_counts_as_the_first_recommendation():
    before = math.nextafter(NOW, -math.inf)
    assert seen(History(), 4, NOW).recommendations == (Recommendation(4, before),)
    left = History(recommendations=(Recommendation(9, NOW - 5),), restored=True)
    assert seen(left, 4, NOW) == History(recommendations=(Recommendation(9, NOW - 5), Recommendation(4, before)))
    known = History(recommendations=())
    assert seen(known, 4, NOW) is known


@pytest.mark.parametrize(
    ("current", "asked", "past", "desired", "why"),
    [
        pytest.param(2, 2, (), 2, "OnTarget", id="as it is"),
        pytest.param(2, 3, (), 3, "AboveTarget", id="up"),
        pytest.param(5, 3, (), 3, "BelowTarget", id="down"),
        pytest.param(5, 3, (Recommendation(4, NOW - 60),), 4, "ScaleDownStabilized", id="no lower than just now"),
        pytest.param(2, 9, (), 4, "ScaleUpLimit", id="at most a doubling"),
        pytest.param(2, -4, (), 1, "TooFewReplicas", id="less than nothing"),
        pytest.param(0, 0, (), 1, "TooFewReplicas", id="awake"),
    ],
)
def test_the_way_to_the_number(current, asked, past, desired, why):
    found = course(
        policy(), ControllerSettings(), current=current, asked=asked,
        history=History(recommendations=past), now=NOW, period_start=None,
    )  # fmt: skip
    assert (found.desired, reason(found, current)) == (desired, why)
    assert found.history.recommendations == (*past, Recommendation(max(0, asked), NOW))
