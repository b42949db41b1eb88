"""Every CEL rule of the CustomResourceDefinition: a spec it refuses, and the nearest one it lets pass.

The real API server is asked in tests/e2e/test_hps_crd.py; that we ask the same questions again of what a file or an old
object says, in tests/core/test_validation.py.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]

BASE: Spec = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
    "minReplicas": 1,
    "maxReplicas": 10,
}


@dataclass(frozen=True)
class Rule:
    """`bad` and `good` are laid over `BASE`; `message` is the rule's, `field` the path told with it.

    `rechecked` False: what the rule refuses is not read by us at all, so there is nothing to refuse.
    """

    name: str
    message: str
    field: str
    bad: Spec
    good: Spec
    rechecked: bool = True


def resource(**target: Any) -> Spec:
    return {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}


def pods(name: str = "qps", **target: Any) -> Spec:
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}}


def described(kind: str = "Ingress", name: str = "main", **target: Any) -> Spec:
    reference = {"apiVersion": "networking.k8s.io/v1", "kind": kind, "name": name}
    return {"type": "Object", "object": {"metric": {"name": "qps"}, "describedObject": reference, "target": target}}


def external(expression: Spec | None = None, **target: Any) -> Spec:
    metric: Spec = {"name": "queue"}
    if expression is not None:
        metric["selector"] = {"matchExpressions": [expression]}
    return {"type": "External", "external": {"metric": metric, "target": target}}


UTILIZATION: Spec = {"type": "Utilization", "averageUtilization": 60}
VALUE: Spec = {"type": "Value", "value": "5"}
AVERAGE: Spec = {"type": "AverageValue", "averageValue": "5"}
PAUSE: Spec = {"until": "2027-01-31T18:00:00Z", "reason": "load test", "actor": "sam"}

CPU: Spec = {"type": "Resource", "resource": {"name": "cpu", "target": UTILIZATION}}
CONTAINER: Spec = {
    "type": "ContainerResource",
    "containerResource": {"name": "cpu", "container": "app", "target": UTILIZATION},
}


def target(**changes: Any) -> Spec:
    return {"scaleTargetRef": BASE["scaleTargetRef"] | changes}


def metric(*metrics: Spec) -> Spec:
    return {"metrics": list(metrics)}


def up(**rules: Any) -> Spec:
    return {"behavior": {"scaleUp": rules}}


RULES = (
    Rule(
        "a target without a group",
        "scaleTargetRef.apiVersion must name a group and a version, such as apps/v1",
        "spec.scaleTargetRef.apiVersion",
        bad=target(apiVersion="v1"),
        good=target(apiVersion="v1", kind="ReplicationController"),
    ),
    Rule(
        "a target of kind ..",
        "scaleTargetRef.kind must not be . or ..",
        "spec.scaleTargetRef.kind",
        bad=target(kind=".."),
        good=target(kind="..a"),
    ),
    Rule(
        "a target named .",
        "scaleTargetRef.name must not be . or ..",
        "spec.scaleTargetRef.name",
        bad=target(name="."),
        good=target(name=".a"),
    ),
    Rule(
        "more at least than at most",
        "spec.minReplicas must not be greater than spec.maxReplicas",
        "spec.minReplicas",
        bad={"minReplicas": 11},
        good={"minReplicas": 10},
    ),
    Rule(
        "to zero by what has no value there",
        "spec.minReplicas 0 needs at least one metric of type Object or External",
        "spec.minReplicas",
        bad={"minReplicas": 0} | metric(CPU),
        good={"minReplicas": 0} | metric(CPU, external(**VALUE)),
    ),
    Rule(
        "a value of 0",
        "target.value must be greater than 0",
        "external.target.value",
        bad=metric(external(type="Value", value="0")),
        good=metric(external(type="Value", value="1m")),
    ),
    Rule(
        "an average value below 0",
        "target.averageValue must be greater than 0",
        "resource.target.averageValue",
        bad=resource(type="AverageValue", averageValue="-1"),
        good=resource(type="AverageValue", averageValue=1),
    ),
    Rule(
        "two targets of a resource",
        "set exactly one of target.averageUtilization and target.averageValue",
        "resource.target",
        bad=resource(**UTILIZATION, averageValue="5"),
        good=resource(**UTILIZATION),
    ),
    Rule(
        "a value of a resource",
        "target.value has no meaning for a resource, use target.averageUtilization or target.averageValue",
        "resource.target.value",
        bad=resource(**UTILIZATION, value="5"),
        good=resource(**AVERAGE),
    ),
    Rule(
        "a Pods metric without an average",
        "a Pods metric needs target.averageValue",
        "pods.target",
        bad=metric(pods(**VALUE)),
        good=metric(pods(**AVERAGE)),
    ),
    Rule(
        "an Object metric without a value",
        "an Object metric needs target.value or target.averageValue",
        "object.target",
        bad=metric(described(type="Value")),
        good=metric(described(**VALUE)),
    ),
    Rule(
        "an External metric with two values",
        "an External metric needs exactly one of target.value and target.averageValue",
        "external.target",
        bad=metric(external(**AVERAGE, value="5")),
        good=metric(external(**AVERAGE)),
    ),
    Rule(
        "a described object of kind .",
        "describedObject.kind must not be . or ..",
        "describedObject.kind",
        bad=metric(described(kind=".", **VALUE)),
        good=metric(described(kind="a.", **VALUE)),
    ),
    Rule(
        "a described object named ..",
        "describedObject.name must not be . or ..",
        "describedObject.name",
        bad=metric(described(name="..", **VALUE)),
        good=metric(described(name="...", **VALUE)),
    ),
    Rule(
        "a metric named .",
        "metric.name must not be . or ..",
        "pods.metric.name",
        bad=metric(pods(name=".", **AVERAGE)),
        good=metric(pods(name="a", **AVERAGE)),
    ),
    Rule(
        "In without values",
        "matchExpressions.values must be set for In and NotIn, and only for them",
        "matchExpressions[0].values",
        bad=metric(external({"key": "team", "operator": "In"}, **VALUE)),
        good=metric(external({"key": "team", "operator": "Exists"}, **VALUE)),
    ),
    Rule(
        "a Resource metric without resource",
        "set resource when type is Resource, and only then",
        "metrics[0].resource",
        bad=metric({**CPU, "type": "Pods", "pods": pods(**AVERAGE)["pods"]}),
        good=metric(CPU),
        rechecked=False,
    ),
    Rule(
        "a ContainerResource metric without containerResource",
        "set containerResource when type is ContainerResource, and only then",
        "metrics[0].containerResource",
        bad=metric({"type": "ContainerResource", "resource": CPU["resource"]}),
        good=metric(CONTAINER),
    ),
    Rule(
        "a Pods metric without pods",
        "set pods when type is Pods, and only then",
        "metrics[0].pods",
        bad=metric({"type": "Pods"}),
        good=metric(pods(**AVERAGE)),
    ),
    Rule(
        "an Object metric without object",
        "set object when type is Object, and only then",
        "metrics[0].object",
        bad=metric({"type": "Object"}),
        good=metric(described(**VALUE)),
    ),
    Rule(
        "an External metric without external",
        "set external when type is External, and only then",
        "metrics[0].external",
        bad=metric({"type": "External"}),
        good=metric(external(**VALUE)),
    ),
    Rule(
        "a tolerance below 0",
        "tolerance must not be negative",
        "scaleUp.tolerance",
        bad=up(tolerance="-0.01"),
        good=up(tolerance="0"),
    ),
    Rule(
        "samples that are never fresh enough",
        "maxSampleAge must be between 1s and 1h",
        "spec.maxSampleAge",
        bad={"maxSampleAge": "999ms"},
        good={"maxSampleAge": "1s"},
    ),
    Rule(
        "a start-up of more than an hour",
        "cpuInitializationPeriod must be between 0s and 1h",
        "spec.cpuInitializationPeriod",
        bad={"cpuInitializationPeriod": "1h1s"},
        good={"cpuInitializationPeriod": "1h"},
    ),
    Rule(
        "a readiness delay of more than an hour",
        "initialReadinessDelay must be between 0s and 1h",
        "spec.initialReadinessDelay",
        bad={"initialReadinessDelay": "61m"},
        good={"initialReadinessDelay": "0s"},
    ),
    Rule(
        "no sync period",
        "syncPeriod must be between 1s and 1h",
        "spec.syncPeriod",
        bad={"syncPeriod": "0s"},
        good={"syncPeriod": "1m30s"},
    ),
    Rule(
        "a pause for no reason",
        "pause.reason must say why",
        "spec.pause.reason",
        bad={"pause": PAUSE | {"reason": " "}},
        good={"pause": PAUSE},
    ),
    Rule(
        "a pause by nobody",
        "pause.actor must say who",
        "spec.pause.actor",
        bad={"pause": PAUSE | {"actor": "  "}},
        good={"pause": PAUSE | {"directions": ["Down"]}},
    ),
)


def spec(changes: Spec) -> Spec:
    """`BASE` with these fields."""
    return copy.deepcopy(BASE | changes)
