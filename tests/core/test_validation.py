import json
import re
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from autoscaler.core.selectors import unusable
from autoscaler.core.validation import names_a_group, problems
from autoscaler.errors import MalformedError
from autoscaler.kube import decode_policy
from autoscaler.model.compat import RELEASES
from autoscaler.model.policy import Behavior, Deviations, MetricSpec, Pause, ScalingPolicy, ScalingRules, TargetRef
from tests.core.evaluations import CPU, TARGET, policy
from tests.hps_quantities import OVERFLOWING, QUANTITIES
from tests.hps_rules import RULES, resource, spec

PAUSE = Pause(until=1.0, reason="load test", actor="sam")
GOOD_RULES = ScalingRules(policies=(ScalingPolicy("Percent", 100, 15),))
EXTERNAL = MetricSpec(type="External", name="queue", target_type="Value", value=5)
PODS = MetricSpec(type="Pods", name="qps", target_type="AverageValue", average_value=1)
CONTAINER = MetricSpec(type="ContainerResource", name="cpu", container="app", target_type="Utilization", utilization=1)
OBJECT = MetricSpec(type="Object", name="qps", described=TARGET, target_type="Value", value=5)


def rules(**fields):
    return policy(behavior=Behavior(GOOD_RULES, replace(GOOD_RULES, **fields)))


def metric(spec):
    return policy(metrics=(spec,))


def own(spec):
    return replace(metric(spec), kind="HorizontalPodScaler")


def deviating(**fields):
    return policy(deviations=Deviations(**fields))


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(policy(), id="cpu"),
        pytest.param(policy(min_replicas=0, metrics=(CPU, EXTERNAL)), id="to zero with a queue"),
        pytest.param(metric(OBJECT), id="object"),
        pytest.param(metric(PODS), id="pods"),
        pytest.param(metric(CONTAINER), id="container"),
        pytest.param(metric(replace(CONTAINER, name="example.com/gpu")), id="a resource with a domain"),
        pytest.param(metric(replace(CONTAINER, name="hugepages-2Mi")), id="huge pages of a container"),
        pytest.param(metric(replace(CONTAINER, name="kubernetes.io/thing")), id="a resource of Kubernetes' own"),
        pytest.param(metric(replace(CPU, name="nvidia.com/gpu")), id="another resource of pods"),
        pytest.param(metric(replace(PODS, selector=unusable("no"))), id="an HPA whose selector is none"),
        pytest.param(metric(replace(CPU, value=5)), id="an HPA with a value nobody reads"),
        pytest.param(metric(replace(OBJECT, target_type="Utilization")), id="an HPA whose Object metric always fails"),
        pytest.param(metric(replace(OBJECT, target_type="AverageValue")), id="an HPA without the target it names"),
        pytest.param(rules(stabilization=3600, tolerance=0.0, select="Disabled"), id="behavior"),
        pytest.param(deviating(max_sample_age=1.0, cpu_initialization=0.0, sync_period=3600.0), id="spans"),
        pytest.param(deviating(pause=PAUSE), id="pause"),
    ],
)
def test_nothing_is_wrong(good):
    assert problems(good) == ()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        pytest.param(
            policy(target=TargetRef("", "", "web")), "spec.scaleTargetRef.kind: is missing, set it", id="no kind"
        ),
        pytest.param(
            policy(target=TargetRef("", "D", "")), "spec.scaleTargetRef.name: is missing, set it", id="no name"
        ),
        pytest.param(policy(target=TargetRef("", "D", "a/b")), "spec.scaleTargetRef.name: 'a/b' cannot", id="a path"),
        pytest.param(
            policy(min_replicas=11), "spec.minReplicas: is 11, more than spec.maxReplicas (10)", id="min > max"
        ),
        pytest.param(policy(max_replicas=0), "spec.maxReplicas: is 0, set it to at least 1", id="no max"),
        pytest.param(policy(min_replicas=-1), "spec.minReplicas: is -1, set it to at least 0", id="negative min"),
        pytest.param(
            policy(min_replicas=0), "spec.minReplicas: is 0 without an Object or External", id="to zero by cpu"
        ),
        pytest.param(policy(metrics=()), "spec.metrics: is empty", id="no metric"),
        pytest.param(
            metric(MetricSpec(type="Cheese", name="x")),
            "spec.metrics[0].type: 'Cheese' is unknown, use one of Resource, ContainerResource, Pods, Object, External",
            id="unknown type",
        ),
        pytest.param(metric(replace(CPU, name="")), "spec.metrics[0].resource.name: is missing", id="no resource"),
        pytest.param(metric(replace(CPU, utilization=None)), "resource.target: set exactly one of", id="no target"),
        pytest.param(metric(replace(CPU, average_value=5)), "resource.target: set exactly one of", id="two targets"),
        pytest.param(
            metric(replace(CPU, utilization=0)), "averageUtilization: must be more than 0", id="a target of 0"
        ),
        pytest.param(
            metric(replace(CONTAINER, container="")),
            "containerResource.container: is missing, name the container",
            id="no container",
        ),
        pytest.param(
            metric(replace(CONTAINER, container="App")), "container: 'App' is no name of a container", id="upper case"
        ),
        pytest.param(
            metric(replace(CONTAINER, container="a" * 64)), "is no name of a container", id="a long container"
        ),
        pytest.param(
            metric(replace(CONTAINER, name="gpu")), "name: 'gpu' is no resource of a container", id="no domain"
        ),
        pytest.param(
            metric(replace(CONTAINER, name="requests.example.com/gpu")),
            "name: 'requests.example.com/gpu' is no resource of a container",
            id="a quota's name of a resource",
        ),
        pytest.param(metric(replace(CONTAINER, name="a b/c")), "name: 'a b/c' is no resource", id="no name at all"),
        pytest.param(metric(replace(PODS, average_value=None)), "pods.target.averageValue: is missing", id="pods"),
        pytest.param(metric(replace(PODS, name="")), "pods.metric.name: is missing", id="name"),
        pytest.param(metric(replace(PODS, name="a/b")), "pods.metric.name: 'a/b' cannot be part of a path", id="path"),
        pytest.param(
            metric(replace(PODS, target_type="")),
            "pods.target.type: '' is unknown, use one of Utilization, Value, AverageValue",
            id="no target type",
        ),
        pytest.param(
            metric(replace(OBJECT, described=TargetRef("", "", "x"))),
            "object.describedObject.kind: is missing",
            id="no object",
        ),
        pytest.param(
            metric(replace(OBJECT, described=TargetRef("a/b/c", "Ingress", "x"))),
            "object.describedObject.apiVersion: 'a/b/c' is none",
            id="an object of no version",
        ),
        pytest.param(
            own(replace(OBJECT, target_type="Utilization")), "object.target.type: 'Utilization' is no target", id="type"
        ),
        pytest.param(metric(replace(OBJECT, target_type="Mean")), "object.target.type: 'Mean' is unknown", id="a mean"),
        pytest.param(metric(replace(OBJECT, value=None)), "object.target: set value or averageValue", id="no value"),
        pytest.param(
            own(replace(OBJECT, value=None, average_value=5)), "object.target.value: is missing", id="another value"
        ),
        pytest.param(
            own(replace(PODS, selector=unusable("label key 'a b': no"))),
            "spec.metrics[0].pods.metric.selector: label key 'a b': no",
            id="a selector that is none",
        ),
        pytest.param(own(replace(CPU, value=5)), "resource.target.value: has no meaning", id="a value of a resource"),
        pytest.param(metric(replace(EXTERNAL, value=None)), "external.target: set exactly one of", id="external"),
        pytest.param(rules(stabilization=3601), "scaleDown.stabilizationWindowSeconds: is 3601", id="a long window"),
        pytest.param(rules(select="Median"), "scaleDown.selectPolicy: 'Median' is unknown", id="unknown selectPolicy"),
        pytest.param(rules(tolerance=-0.1), "scaleDown.tolerance: must not be negative", id="negative tolerance"),
        pytest.param(rules(policies=()), "scaleDown.policies: is empty", id="no policies"),
        pytest.param(rules(policies=(ScalingPolicy("Nodes", 1, 15),)), "policies[0].type: 'Nodes'", id="unknown rule"),
        pytest.param(rules(policies=(ScalingPolicy("Pods", 0, 15),)), "policies[0].value: must be", id="a rule of 0"),
        pytest.param(rules(policies=(ScalingPolicy("Pods", 1, 1801),)), "periodSeconds: is 1801", id="a long period"),
        pytest.param(deviating(usage_window=45.0), "spec.usageWindow: is 45s, use 30s, 1m, 5m", id="no window"),
        pytest.param(deviating(max_sample_age=0.5), "spec.maxSampleAge: is 0.5s, set it between 1s", id="no age"),
        pytest.param(deviating(cpu_initialization=3601.0), "spec.cpuInitializationPeriod: is 3601s", id="long start"),
        pytest.param(deviating(initial_readiness_delay=9e9), "spec.initialReadinessDelay: is 9e+09s", id="long delay"),
        pytest.param(deviating(sync_period=0.0), "spec.syncPeriod: is 0s", id="no sync period"),
        pytest.param(
            deviating(pause=replace(PAUSE, directions=("Sideways",))), "spec.pause.directions: Sideways", id="nowhere"
        ),
        pytest.param(deviating(pause=replace(PAUSE, directions=())), "spec.pause.directions: is empty", id="neither"),
        pytest.param(deviating(pause=replace(PAUSE, reason="")), "spec.pause.reason: is missing", id="no reason"),
        pytest.param(deviating(pause=replace(PAUSE, actor="")), "spec.pause.actor: is missing", id="nobody"),
    ],
)
def test_c01_d03_d14_what_is_wrong_is_named_with_its_fix(bad, message):
    found = problems(bad)
    assert len(found) == 1
    assert message in found[0]


def test_a_release_that_cannot_wake_takes_no_minimum_of_0():
    asked = policy(min_replicas=0, metrics=(EXTERNAL,))
    assert problems(asked, RELEASES["1.37"]) == ()
    assert problems(asked, RELEASES["1.36"]) == (
        "spec.minReplicas: is 0, which --compat=1.36 cannot wake from, set it to 1",
    )


def test_everything_wrong_is_told_at_once():
    assert len(problems(policy(target=TargetRef("", "", ""), max_replicas=0, metrics=()))) == 4


@pytest.mark.parametrize(
    ("kind", "version", "good"),
    [
        ("Deployment", "apps/v1", True),
        ("ReplicationController", "v1", True),
        ("ReplicationController", "", True),
        ("Deployment", "v1", False),
        ("Deployment", "/v1", False),
        ("Deployment", "apps/v1/x", False),
        ("ReplicationController", "a/b/c", False),
    ],
)
def test_whether_a_target_names_a_group(kind, version, good):
    assert names_a_group(TargetRef(version, kind, "web")) is good


def told(changes):
    """What is wrong with such an object, whether it is found when it is decoded or when it is judged."""
    try:
        return problems(read(changes))
    except MalformedError as exc:
        return (str(exc),)


def read(changes):
    document = {"kind": "HorizontalPodScaler", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec(changes)}
    return decode_policy.policy(json.dumps(document).encode())


@pytest.mark.parametrize("rule", [pytest.param(each, id=each.name) for each in RULES if each.rechecked])
def test_c01_d03_d14_what_the_definition_refuses_is_refused_again(rule):
    """A definition of an older version, or a file, may have let it pass."""
    assert told(rule.bad)


@pytest.mark.parametrize("rule", [pytest.param(each, id=each.name) for each in RULES])
def test_what_the_definition_lets_pass_is_good(rule):
    assert problems(read(rule.good)) == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"minReplicas": 5, "maxReplicas": 4}, "spec.minReplicas", id="min above max"),
        pytest.param({"maxReplicas": 0}, "spec.maxReplicas", id="at most 0"),
        pytest.param({"minReplicas": -1}, "spec.minReplicas", id="at least fewer than none"),
        pytest.param({"maxReplicas": 2**31}, "spec.maxReplicas", id="a maximum of more than 32 bits"),
        pytest.param({"minReplicas": 2**31}, "spec.minReplicas", id="a minimum of more than 32 bits"),
        pytest.param({"maxReplicas": -(2**31) - 1}, "spec.maxReplicas", id="below 32 bits"),
        pytest.param(
            resource(type="Utilization", averageUtilization=2**31),
            "spec.metrics[0].resource.target.averageUtilization",
            id="a percentage of more than 32 bits",
        ),
        pytest.param(
            {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 2**31}}},
            "spec.behavior.scaleUp.stabilizationWindowSeconds",
            id="a window of more than 32 bits",
        ),
        pytest.param(
            {"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 2**31, "periodSeconds": 15}]}}},
            "spec.behavior.scaleUp.policies[0].value",
            id="a policy of more than 32 bits",
        ),
        pytest.param(
            {"behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 2**31}]}}},
            "spec.behavior.scaleDown.policies[0].periodSeconds",
            id="a period of more than 32 bits",
        ),
        pytest.param(
            resource(type="AverageValue", averageValue="NaN"),
            "spec.metrics[0].resource.target.averageValue",
            id="a target of NaN",
        ),
        pytest.param(
            resource(type="Utilization", averageUtilization=60, averageValue="1"),
            "spec.metrics[0].resource.target",
            id="both kinds of target",
        ),
    ],
)
def test_c01_what_the_api_server_refuses_is_refused_again_with_its_path(changes, field):
    [only] = told(changes)
    assert only.startswith(f"{field}: ")


@pytest.mark.parametrize(("text", "good"), QUANTITIES.items(), ids=repr)
def test_c14_a_quantity_is_judged_as_the_definition_does(text, good):
    assert (not told(resource(type="AverageValue", averageValue=text))) is good


@pytest.mark.parametrize("text", OVERFLOWING)
def test_c14_a_quantity_that_overflows_is_refused(text):
    [only] = told(resource(type="AverageValue", averageValue=text))
    assert "must be more than 0 and less than 9223372036854776" in only


def test_the_example_of_the_documentation_is_good():
    page = Path(__file__).resolve().parents[2] / "docs" / "hps.md"
    [block] = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    made = read(yaml.safe_load(block)["spec"])
    assert problems(made) == ()
    assert made.deviations.pause.directions == ("Down",)
