import pytest
from msgspec.structs import replace

from autoscaler.core.comparison import Course, Theirs, compared, parting
from autoscaler.model.agreement import Agreement, Verdict
from autoscaler.model.plan import Action, MetricStatus, Plan
from autoscaler.model.policy import Condition
from autoscaler.model.reason import Reason

PATIENCE = 45.0


def plan(desired=4, current=4, **fields):
    return Plan(action=Action.HOLD, desired=desired, current=current, reason=Reason.ON_TARGET, **fields)


def condition(kind, reason):
    return Condition(type=kind, status="True", reason=reason, message="")


def play(*steps):
    """(time, our number, theirs), each a look; what was said at each."""
    course, said = None, []
    for now, ours, theirs in steps:
        agreement, course = compared(plan(ours), Theirs(desired=theirs), course, now, PATIENCE)
        said.append((agreement.verdict, agreement.lead))
    return said


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        pytest.param([(0, 4, 4)], (Verdict.SAME, None), id="the same from the start"),
        pytest.param([(0, 4, 4), (5, 6, 4)], (Verdict.AHEAD, None), id="ours has moved"),
        pytest.param([(0, 4, 4), (5, 6, 4), (17, 6, 6)], (Verdict.SAME, 12), id="and they followed"),
        pytest.param([(0, 4, 4), (5, 4, 6)], (Verdict.BEHIND, None), id="theirs has moved"),
        pytest.param([(0, 4, 4), (5, 4, 6), (8, 6, 6)], (Verdict.SAME, -3), id="and we followed"),
        pytest.param([(0, 4, 4), (5, 6, 4), (50, 6, 4)], (Verdict.AHEAD, None), id="at the end of patience"),
        pytest.param([(0, 4, 4), (5, 6, 4), (50.1, 6, 4)], (Verdict.DIFFERS, None), id="beyond it"),
        pytest.param([(0, 4, 4), (5, 6, 4), (40, 7, 4), (60, 7, 4)], (Verdict.AHEAD, None),
                     id="a further move begins the wait anew"),
        pytest.param([(0, 4, 4), (5, 6, 4), (17, 6, 6), (20, 6, 6)], (Verdict.SAME, None), id="a lead is told once"),
        pytest.param([(0, 4, None)], (Verdict.UNKNOWN, None), id="they have not decided yet"),
    ],
)  # fmt: skip
def test_the_course_of_two_numbers(steps, last):
    assert play(*steps)[-1] == last


def test_a_target_that_cannot_be_read_says_nothing():
    agreement, _ = compared(plan(current=None), Theirs(desired=4), None, 0.0, PATIENCE)
    assert agreement == Agreement(verdict=Verdict.UNKNOWN, theirs=4)


def test_a_settled_difference_says_where():
    course = Course(ours=6, theirs=4, apart_since=0.0, we_moved=True)
    agreement, _ = compared(plan(6), Theirs(desired=4), course, 100.0, PATIENCE)
    assert (agreement.verdict, agreement.theirs) == (Verdict.DIFFERS, 4)
    assert agreement.because.startswith("proposal: from the same values, 6 here and 4 there")


CPU = MetricStatus(type="Resource", name="cpu", utilization=80)
MINE = plan(metrics=(CPU,), conditions=(condition("AbleToScale", "ReadyForNewScale"),))
EQUAL = Theirs(desired=2, metrics=(80,), conditions=(condition("AbleToScale", "ReadyForNewScale"),))


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        pytest.param(replace(EQUAL, metrics=(50,)), "proposal: cpu was 80 here and 50 there", id="another usage"),
        pytest.param(replace(EQUAL, metrics=(None,)), "proposal: from the same values", id="a usage that is not told"),
        pytest.param(
            replace(EQUAL, conditions=(condition("AbleToScale", "ScaleDownStabilized"),)),
            "stabilized: AbleToScale is ReadyForNewScale here and ScaleDownStabilized there", id="another window",
        ),
        pytest.param(
            replace(EQUAL, conditions=(*EQUAL.conditions, condition("ScalingLimited", "ScaleUpLimit"))),
            "limited: ScalingLimited is not told here and ScaleUpLimit there", id="another limit",
        ),
        pytest.param(
            EQUAL, "proposal: from the same values, 4 here and 2 there: another tolerance", id="another tolerance"
        ),
        pytest.param(
            replace(EQUAL, conditions=(condition("AbleToScale", "SucceededRescale"),)),
            "proposal: from the same values", id="they have just written it",
        ),
    ],
)  # fmt: skip
def test_the_first_step_at_which_they_part(theirs, told):
    assert parting(MINE, theirs).startswith(told)


@pytest.mark.parametrize("measured", ["average_value", "value"])
def test_nothing_measured_here_is_another_usage_than_theirs(measured):
    """0 is a measurement."""
    mine = replace(MINE, metrics=(MetricStatus(type="External", name="queue", **{measured: 0}),))
    theirs = replace(EQUAL, metrics=(5000,))
    assert parting(mine, theirs) == "proposal: queue was 0 here and 5000 there"


def test_with_a_window_at_work_in_both_it_is_what_they_remember():
    stabilized = (condition("AbleToScale", "ScaleDownStabilized"),)
    mine, theirs = replace(MINE, conditions=stabilized), replace(EQUAL, conditions=stabilized)
    assert parting(mine, theirs).startswith("stabilized: both saw the same")


def test_with_a_limit_at_work_in_both_it_is_how_much_it_lets_through():
    limited = (condition("ScalingLimited", "ScaleUpLimit"),)
    mine, theirs = replace(MINE, conditions=limited), replace(EQUAL, conditions=limited)
    assert parting(mine, theirs).startswith("limited: both were held to a limit")
