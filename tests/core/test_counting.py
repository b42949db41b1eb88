import pytest
from msgspec.structs import replace

from autoscaler.core import planner
from autoscaler.core.counting import own_count
from autoscaler.core.requests import Failure
from autoscaler.model.metrics import MetricValue
from autoscaler.model.objects import Owner, Ready
from autoscaler.model.plan import History, Selected
from autoscaler.model.policy import Deviations, MetricSpec
from autoscaler.model.reason import Reason
from tests.core.evaluations import NOW, evaluation, pod, policy, scale, usage

OWNED = Owner("apps/v1", "ReplicaSet", "web-5d8", "rs-1")
JOB = Owner("batch/v1", "Job", "report", "job-1")
OURS = Deviations(owned_pods_only=True)
NO_SURGE = Deviations(ignore_rollout_surge=True)
TARGET_UID = "deployment-1"


def deployment(replicas=2, observed=None):
    return replace(scale(replicas, observed), uid=TARGET_UID)


def given(deviations, pods, **fields):
    known = {
        "policy": policy(deviations=deviations),
        "scale": deployment(),
        "pods": tuple(pods),
        "pod_metrics": tuple(usage(number) for number in range(len(pods))),
        "owners": {"rs-1": TARGET_UID},
    }
    return evaluation(**(known | fields))


def test_d15_an_hpa_counts_whatever_has_the_labels():
    assert own_count(given(Deviations(), (pod(0, owner=OWNED), pod(1, owner=JOB)))) is None


@pytest.mark.parametrize(
    ("owner", "foreign"),
    [
        pytest.param(OWNED, (), id="a ReplicaSet of the target"),
        pytest.param(Owner("apps/v1", "StatefulSet", "web", TARGET_UID), (), id="the target itself"),
        pytest.param(JOB, ("web-1",), id="a job"),
        pytest.param(Owner("apps/v1", "ReplicaSet", "web-canary", "rs-2"), ("web-1",), id="a canary's ReplicaSet"),
        pytest.param(None, ("web-1",), id="nobody"),
        pytest.param(
            Owner("apps/v1", "Deployment", "web", "uid-before"), ("web-1",), id="D09: the target of before, by its name"
        ),
    ],
)
def test_d08_d09_pods_of_other_owners_are_left_out(owner, foreign):
    made = own_count(given(OURS, (pod(0, owner=OWNED), pod(1, owner=owner))))
    assert (made.stage.foreign if made else ()) == foreign
    if made:
        assert made.stage.counted == 1
        assert [each.name for each in made.evaluation.pods] == ["web-0"]
        assert [each.pod for each in made.evaluation.pod_metrics] == ["web-0"]


def test_a_job_with_the_targets_labels_no_longer_scales_it():
    """kubernetes/enhancements#5325: the job's pod is busy, the target's own is not."""
    pods, samples = (pod(0, owner=OWNED), pod(1, owner=JOB)), (usage(0, 100), usage(1, 900))
    known = {"scale": deployment(1), "pod_metrics": samples, "history": History(recommendations=())}
    upstream, ours = (planner.plan(given(each, pods, **known)) for each in (Deviations(), OURS))
    assert (upstream.desired, ours.desired) == (4, 1)
    assert ours.stages[0] == Selected(counted=1, foreign=("web-1",))


def test_d10_owners_that_could_not_be_read_hold_the_target():
    plan = planner.plan(given(OURS, (pod(0, owner=OWNED), pod(1)), owners=Failure("forbidden")))
    assert (plan.reason, plan.desired, plan.decided) == (Reason.FAILED_GET_OWNERS, 2, False)
    assert "forbidden" in plan.error


def test_owners_that_could_not_be_read_trouble_nobody_who_does_not_ask():
    assert planner.plan(given(Deviations(), (pod(0), pod(1)), owners=Failure("forbidden"))).desired == 4


def test_no_usable_selector_is_the_plans_to_tell():
    assert own_count(given(OURS, (), scale=replace(deployment(), selector=""))) is None
    assert own_count(given(OURS, (), scale=None)) is None


def test_d12_the_pods_of_a_surge_are_those_not_ready_then_the_youngest():
    pods = (
        pod(0, created=NOW - 900),
        pod(1, created=NOW - 5),
        pod(2, created=NOW - 800, ready=Ready("False", NOW - 3)),
        pod(3, created=NOW - 4, deleted=True),
        pod(4, created=NOW - 700),
    )
    made = own_count(given(NO_SURGE, pods, scale=deployment(2, 5)))
    assert made.stage == Selected(counted=3, surge=("web-1", "web-2"), observed=5)
    assert made.evaluation.scale.observed == 2


def test_d13_without_a_rollout_nothing_is_beyond_the_wanted_number():
    assert own_count(given(NO_SURGE, (pod(0), pod(1)))) is None


def test_d13_a_target_at_zero_has_no_surge():
    assert own_count(given(NO_SURGE, (pod(0),), scale=deployment(0, 1))) is None


def test_s14_d12_a_rollout_no_longer_makes_its_surge_the_wanted_number():
    """kubernetes#72775: within tolerance, an average per replica answers with the surged size."""
    queue = MetricSpec(type="External", name="queue", target_type="AverageValue", average_value=10_000)
    values = {queue: (MetricValue(50_000, at=NOW),)}

    def asked(deviations):
        wanted = policy(metrics=(queue,), deviations=deviations)
        return planner.plan(evaluation(policy=wanted, scale=deployment(4, 5), values=values, pods=())).desired

    assert (asked(Deviations()), asked(NO_SURGE)) == (5, 5)
    values = {queue: (MetricValue(42_000, at=NOW),)}
    assert (asked(Deviations()), asked(NO_SURGE)) == (5, 4)


def test_values_of_pods_are_left_out_with_their_pods_and_others_stay():
    per_pod = MetricSpec(type="Pods", name="qps", average_value=1)
    queue = MetricSpec(type="External", name="queue", value=1)
    broken = MetricSpec(type="Pods", name="broken", average_value=1)
    values = {
        per_pod: (MetricValue(1, "web-0"), MetricValue(2, "web-1")),
        queue: (MetricValue(3, "web-1"),),
        broken: Failure("no"),
    }
    made = own_count(given(OURS, (pod(0, owner=OWNED), pod(1, owner=JOB)), values=values))
    assert made.evaluation.values == {
        per_pod: [MetricValue(1, "web-0")], queue: values[queue], broken: Failure("no"),
    }  # fmt: skip
