import pytest

from autoscaler.core.evaluation import Refusal, reference, selected_pods, wakes_by_itself
from autoscaler.core.replicas import Tolerance
from autoscaler.model.compat import Compat
from autoscaler.model.policy import Behavior, ControllerSettings, MetricSpec, ScalingRules
from tests.core.evaluations import CPU, evaluation, pod, policy, scale

OWN = policy(behavior=Behavior(ScalingRules(tolerance=0.05), ScalingRules()))


@pytest.mark.parametrize(
    ("asked", "settings", "expected"),
    [
        pytest.param(policy(), ControllerSettings(tolerance=0.2), Tolerance(0.2, 0.2), id="the controller's"),
        pytest.param(OWN, ControllerSettings(), Tolerance(0.1, 0.05), id="the policy's own, one direction"),
        pytest.param(
            OWN,
            ControllerSettings(compat=Compat(configurable_tolerance=False)),
            Tolerance(0.1, 0.1),
            id="before 1.35 the policy has none",
        ),
    ],
)
def test_tolerance(asked, settings, expected):
    assert evaluation(policy=asked, settings=settings).tolerance == expected


def test_pods_of_the_selector_and_the_namespace_count():
    other = pod(2, labels={"app": "api"})
    found = selected_pods(evaluation(pods=(pod(0), other, pod(1))), scale())
    assert [each.name for each in found] == ["web-0", "web-1"]
    assert selected_pods(evaluation(policy=policy(), pods=()), scale()) == []


@pytest.mark.parametrize(
    ("given", "found", "reason", "event"),
    [
        pytest.param(evaluation(), scale(selector=""), "InvalidSelector", "SelectorRequired", id="none"),
        pytest.param(evaluation(), scale(selector="a b"), "InvalidSelector", "InvalidSelector", id="broken"),
        pytest.param(evaluation(rivals=("api",)), scale(), "AmbiguousSelector", "AmbiguousSelector", id="two claim it"),
    ],
)
def test_a_selector_may_be_of_no_use(given, found, reason, event):
    refusal = selected_pods(given, found)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.event) == (reason, event)


def test_only_numbers_from_outside_can_wake_a_target():
    assert not wakes_by_itself(policy(metrics=(CPU,)))
    assert wakes_by_itself(policy(metrics=(CPU, MetricSpec(type="External", name="queue"))))


def test_the_target_has_a_name():
    assert reference(policy()) == "Deployment/shop/web"
