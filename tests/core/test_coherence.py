import pytest
from msgspec.structs import replace

from autoscaler.core.coherence import contradictions
from autoscaler.model.decision import Outcome, Repeat
from autoscaler.model.plan import Action, Limited
from tests.audit.samples import decision, stages
from tests.core.chance import evaluations
from tests.core.test_recollection import recorded

HELD = {"action": Action.HOLD, "outcome": Outcome.HELD, "current": 5}
LIMITED = Limited(wanted=5, replicas=5, min_replicas=9, max_replicas=3, reason="x")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({}, [], id="a change"),
        pytest.param(HELD, [], id="none"),
        pytest.param({**HELD, "current": None}, [], id="a size that could not be read"),
        pytest.param({"outcome": Outcome.HELD}, ["action resize and outcome held exclude each other"], id="held"),
        pytest.param({**HELD, "outcome": Outcome.WRITTEN}, ["action hold and outcome written exclude each other"],
                     id="written"),
        pytest.param({**HELD, "current": 3}, ["action hold, but current is 3 and desired 5"], id="a hold that moves"),
        pytest.param({"current": 5}, ["action resize, but current is 5 and desired 5"], id="a move that holds"),
        pytest.param({"current": None}, ["action resize, but current is None and desired 5"], id="from nowhere"),
        pytest.param({"stages": (*stages()[:3], LIMITED)}, ["min_replicas 9 is more than max_replicas 3"], id="bounds"),
        pytest.param({"repeats": (Repeat(9.0, None, (5,)), Repeat(4.0, None, (5,)))},
                     ["its repeats are not in the order of time"], id="rows"),
    ],
)  # fmt: skip
def test_what_a_record_says_twice(changes, told):
    assert list(contradictions(decision(**changes))) == told


def test_no_record_of_ours_contradicts_itself():
    for each in evaluations(12, 2_000, deviating=0.5):
        made = recorded(each)
        outcome = Outcome.HELD if made.action is Action.HOLD else Outcome.SHADOWED
        assert not list(contradictions(replace(made, outcome=outcome))), made
