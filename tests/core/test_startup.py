import pytest
from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.startup import own_windows
from autoscaler.model.objects import Ready
from autoscaler.model.plan import Overridden, Proposal
from autoscaler.model.policy import Deviations
from tests.core.evaluations import NOW, evaluation, pod, policy


def wanting(**fields):
    return evaluation(policy=policy(deviations=Deviations(**fields)))


def test_d15_an_hpa_has_the_programs_windows():
    assert own_windows(evaluation()) is None


@pytest.mark.parametrize("same", [{"cpu_initialization": 300.0}, {"initial_readiness_delay": 30.0}])
def test_the_programs_own_value_is_no_deviation(same):
    assert own_windows(wanting(**same)) is None


def test_each_window_takes_the_place_of_the_programs():
    made = own_windows(wanting(cpu_initialization=60.0, initial_readiness_delay=5.0))
    assert (made.evaluation.settings.cpu_initialization, made.evaluation.settings.initial_readiness_delay) == (60, 5)
    assert made.stage == Overridden(cpu_initialization=60.0, initial_readiness_delay=5.0)


def test_a_sync_period_and_a_window_are_told_as_they_were_heeded_before():
    made = own_windows(wanting(sync_period=60.0))
    assert made.stage == Overridden(sync_period=60.0)
    assert own_windows(wanting(usage_window=30.0)).stage == Overridden(usage_window=30.0)
    assert made.evaluation.settings == evaluation().settings


def test_a_shorter_start_up_counts_a_young_pod_sooner():
    """Started 100 s ago and ready for 12 s: to the HPA not a whole window of 15 s, to this policy long past it."""
    young = replace(pod(0), started=NOW - 100, ready=Ready("True", NOW - 12))
    given = evaluation(pods=(young, pod(1)))
    patient = planner.plan(given)
    quick = planner.plan(replace(given, policy=policy(deviations=Deviations(cpu_initialization=60.0))))
    assert [counted(each).unready for each in (patient, quick)] == [("web-0",), ()]
    assert quick.stages[0] == Overridden(cpu_initialization=60.0)


def counted(plan):
    return next(stage for stage in plan.stages if isinstance(stage, Proposal)).pods
