import pytest
from msgspec.structs import replace

from autoscaler.core.proposals import Question, label, proposal
from autoscaler.core.requests import Failure
from autoscaler.core.selectors import unusable
from autoscaler.model.compat import Compat
from autoscaler.model.metrics import MetricValue
from autoscaler.model.plan import MetricStatus
from autoscaler.model.policy import ControllerSettings, MetricSpec, TargetRef
from tests.core.evaluations import CPU, evaluation, pod, scale, usage

INGRESS = TargetRef("networking.k8s.io/v1", "Ingress", "main")
RAW = MetricSpec(type="Resource", name="cpu", average_value=100)
CONTAINER = MetricSpec(type="ContainerResource", name="cpu", container="app", utilization=100)
PODS = MetricSpec(type="Pods", name="qps", average_value=10_000)
OBJECT = MetricSpec(type="Object", name="qps", described=INGRESS, target_type="Value", value=10_000)
OBJECT_EACH = MetricSpec(type="Object", name="qps", described=INGRESS, target_type="AverageValue", average_value=10_000)
EXTERNAL = MetricSpec(type="External", name="queue", selector="queue=q1", value=10_000)
EXTERNAL_EACH = MetricSpec(type="External", name="queue", average_value=10_000)
OBJECT_VALUES = (MetricValue(20_000, "main"),)
QUEUES = (MetricValue(15_000), MetricValue(15_000))
FOUND = {OBJECT: OBJECT_VALUES, OBJECT_EACH: OBJECT_VALUES, EXTERNAL: QUEUES, EXTERNAL_EACH: QUEUES}


AWAY = Failure("503")


def asked(spec, **fields):
    given = evaluation(**({"values": FOUND} | fields))
    return proposal(Question(given, given.scale, given.pods, spec))


@pytest.mark.parametrize(
    ("spec", "replicas", "status"),
    [
        pytest.param(CPU, 4, {"name": "cpu", "utilization": 160, "average_value": 160}, id="percentage"),
        pytest.param(
            replace(CPU, value=1),
            4,
            {"name": "cpu", "utilization": 160, "average_value": 160},
            id="a value nobody reads",
        ),
        pytest.param(RAW, 4, {"name": "cpu", "average_value": 160}, id="average"),
        pytest.param(
            CONTAINER,
            4,
            {"name": "cpu", "container": "app", "utilization": 160, "average_value": 160},
            id="percentage of a container",
        ),
        pytest.param(EXTERNAL, 6, {"name": "queue", "selector": "queue=q1", "value": 30_000}, id="external value"),
        pytest.param(EXTERNAL_EACH, 3, {"name": "queue", "average_value": 15_000}, id="external average"),
    ],
)
def test_a_metric_asks_and_is_shown(spec, replicas, status):
    answer = asked(spec)
    assert not answer.error
    assert answer.proposal.replicas == replicas
    assert answer.status == MetricStatus(type=spec.type, **status)


@pytest.mark.parametrize(("spec", "replicas"), [(OBJECT, 4), (OBJECT_EACH, 2)], ids=["value", "average"])
def test_an_object_asks(spec, replicas):
    answer = asked(spec)
    assert answer.proposal.replicas == replicas
    assert (answer.status.described_kind, answer.status.described_name) == ("Ingress", "main")
    assert (answer.status.value is None) == (spec.value is None)


def test_a_pods_metric_goes_by_the_pods_names():
    values = (MetricValue(20_000, "web-0"), MetricValue(30_000, "web-1"))
    assert asked(PODS, values={PODS: values}).proposal.replicas == 5


@pytest.mark.parametrize(
    ("spec", "changes", "reason", "message"),
    [
        pytest.param(CPU, {"pod_metrics": None, "unavailable": "503"}, "FailedGetResourceMetric", "503", id="API away"),
        pytest.param(CPU, {"pod_metrics": ()}, "FailedGetResourceMetric", "no metrics returned", id="empty answer"),
        pytest.param(CPU, {"pods": ()}, "FailedGetResourceMetric", "no pods", id="no pods"),
        pytest.param(RAW, {"pods": ()}, "FailedGetResourceMetric", "no pods", id="no pods for an average"),
        pytest.param(
            CPU,
            {"pods": (pod(0, phase="Pending"),)} | {"pod_metrics": (usage(0),)},
            "FailedGetResourceMetric",
            "did not receive metrics",
            id="nobody ready",
        ),
        pytest.param(
            CPU,
            {"pods": (pod(0), pod(1, containers=pod(0).containers * 0))},
            "",
            "",
            id="a pod without containers asks 0",
        ),
        pytest.param(
            MetricSpec(type="Resource", name="memory", utilization=5),
            {},
            "FailedGetResourceMetric",
            "did not receive metrics",
            id="a resource nobody reports",
        ),
        pytest.param(MetricSpec(type="Resource", name="cpu"), {}, "FailedGetResourceMetric", "neither", id="no target"),
        pytest.param(PODS, {"values": {}}, "FailedGetPodsMetric", '"qps" not found', id="custom metric unknown"),
        pytest.param(PODS, {"values": {PODS: ()}}, "FailedGetPodsMetric", "no metrics returned", id="custom empty"),
        pytest.param(
            MetricSpec(type="Pods", name="qps"), {}, "FailedGetPodsMetric", "averageValue", id="pods, no target"
        ),
        pytest.param(OBJECT, {"values": {}}, "FailedGetObjectMetric", "not found", id="object metric unknown"),
        pytest.param(
            OBJECT,
            {"values": {OBJECT: (MetricValue(1), MetricValue(2))}},
            "FailedGetObjectMetric",
            "2 values",
            id="two objects",
        ),
        pytest.param(
            MetricSpec(type="Object", name="qps", value=1), {}, "FailedGetObjectMetric", "neither", id="object, no type"
        ),
        pytest.param(EXTERNAL, {"values": {}}, "FailedGetExternalMetric", "not found", id="external unknown"),
        pytest.param(
            EXTERNAL, {"values": {EXTERNAL: ()}}, "FailedGetExternalMetric", "no metrics", id="external empty"
        ),
        pytest.param(PODS, {"values": {PODS: AWAY}}, "FailedGetPodsMetric", "API: 503", id="custom away"),
        pytest.param(OBJECT, {"values": {OBJECT: AWAY}}, "FailedGetObjectMetric", "API: 503", id="object away"),
        pytest.param(EXTERNAL, {"values": {EXTERNAL: AWAY}}, "FailedGetExternalMetric", "API: 503", id="external away"),
        pytest.param(
            MetricSpec(type="External", name="queue"),
            {},
            "FailedGetExternalMetric",
            "neither",
            id="external, no target",
        ),
        pytest.param(
            MetricSpec(type="Cheese", name="x"),
            {},
            "InvalidMetricSourceType",
            'unknown metric source type "Cheese"',
            id="unknown type",
        ),
    ],
)
def test_a_metric_that_fails_says_why(spec, changes, reason, message):
    answer = asked(spec, **changes)
    assert answer.proposal.reason == reason
    assert message in answer.proposal.message
    assert message in answer.error
    assert (answer.status == MetricStatus()) is bool(reason)
    assert (answer.proposal.replicas is None) is bool(reason)


def test_with_the_old_switch_a_container_without_metrics_is_an_error():
    absent = MetricSpec(type="ContainerResource", name="cpu", container="ghost", average_value=5)
    strict = ControllerSettings(compat=Compat(legacy_container_metric_error=True))
    assert "not present in metrics" in asked(absent, settings=strict).error
    assert "not present" not in asked(absent).error


def test_a_status_of_zero_replicas_shows_what_the_release_shows():
    guarded = ControllerSettings(compat=Compat(zero_status_average=True))
    assert asked(OBJECT_EACH, scale=scale(2, observed=0)).status.average_value == -(2**63)
    assert asked(OBJECT_EACH, scale=scale(2, observed=0), settings=guarded).status.average_value == 0


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (CPU, "cpu resource utilization (percentage of request)"),
        (CONTAINER, "cpu container resource utilization (percentage of request)"),
        (RAW, "cpu resource"),
        (PODS, "pods metric qps"),
        (OBJECT, "Ingress metric qps"),
        (EXTERNAL, "external metric queue(queue=q1)"),
    ],
)
def test_a_metric_has_a_name(spec, expected):
    assert label(spec) == expected


@pytest.mark.parametrize("spec", [PODS, OBJECT, OBJECT_EACH, EXTERNAL, EXTERNAL_EACH])
def test_a_metric_whose_selector_is_none_fails_whatever_was_answered(spec):
    broken = replace(spec, selector=unusable("label key 'a b': no"))
    answer = asked(broken, values={broken: OBJECT_VALUES})
    assert answer.proposal.reason == f"FailedGet{spec.type}Metric"
    assert "its selector cannot be used: label key 'a b': no" in answer.error
