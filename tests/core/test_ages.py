from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.ages import fresh_only
from autoscaler.core.requests import Failure
from autoscaler.model.metrics import MetricValue
from autoscaler.model.plan import Aged, Proposal
from autoscaler.model.policy import Deviations, MetricSpec
from autoscaler.model.reason import Reason
from tests.core.evaluations import CPU, NOW, evaluation, policy, usage

QUEUE = MetricSpec(type="External", name="queue", target_type="Value", value=100_000)


def wanting(seconds, metrics=(CPU,), **fields):
    return evaluation(policy=policy(metrics=metrics, deviations=Deviations(max_sample_age=seconds)), **fields)


def aged(index, seconds, cpu=160):
    return replace(usage(index, cpu), at=NOW - seconds)


def test_d15_to_an_hpa_a_sample_of_any_age_is_a_sample():
    assert fresh_only(evaluation(pod_metrics=(aged(0, 3600), aged(1, 3600)))) is None


def test_d05_at_its_age_a_sample_counts_and_beyond_it_is_missing():
    samples = (aged(0, 45.0), aged(1, 45.5))
    made = fresh_only(wanting(45.0, pod_metrics=samples))
    assert made.evaluation.pod_metrics == [samples[0]]
    assert made.stage == Aged(max_age=45.0, pods=("web-1",))
    plan = planner.plan(wanting(45.0, pod_metrics=samples))
    assert next(each for each in plan.stages if isinstance(each, Proposal)).pods.missing == ("web-1",)


def test_d04_when_all_are_too_old_the_target_is_held_and_the_reason_says_so():
    idle = (aged(0, 100, cpu=1), aged(1, 100, cpu=1))
    assert planner.plan(evaluation(pod_metrics=idle)).stages[1].replicas == 1, "the HPA obeys"
    plan = planner.plan(wanting(45.0, pod_metrics=idle))
    assert (plan.desired, plan.reason) == (2, Reason.FAILED_GET_RESOURCE_METRIC)
    assert "every sample is older than spec.maxSampleAge (45 s)" in plan.error


def test_d07_a_value_that_does_not_say_when_it_was_taken_is_too_old():
    made = fresh_only(wanting(45.0, (QUEUE,), values={QUEUE: (MetricValue(5),)}))
    assert made.evaluation.values == {QUEUE: Failure("every sample is older than spec.maxSampleAge (45 s)")}
    assert made.stage == Aged(max_age=45.0, values=1)


def test_fresh_values_stay_and_a_failure_stays_what_it_was():
    broken = MetricSpec(type="Pods", name="broken", average_value=1)
    values = {QUEUE: (MetricValue(5, at=NOW - 1), MetricValue(6, at=NOW - 90)), broken: Failure("no adapter")}
    made = fresh_only(wanting(45.0, (QUEUE,), values=values))
    assert made.evaluation.values == {QUEUE: [values[QUEUE][0]], broken: Failure("no adapter")}
    assert made.stage == Aged(max_age=45.0, values=1)


def test_d06_a_sample_of_the_future_is_not_old():
    assert fresh_only(wanting(45.0, pod_metrics=(aged(0, -10), aged(1, 0)))) is None


def test_d04_no_answer_at_all_stays_no_answer():
    assert fresh_only(wanting(45.0, pod_metrics=None, unavailable="down")) is None
