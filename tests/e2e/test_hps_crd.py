"""The CustomResourceDefinition on the real API server: what it refuses by name, fills in, prints and selects by."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.chart import objects
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import ApiError, Object
from tests.e2e.workloads import hpa, scaler
from tests.hps_quantities import QUANTITIES
from tests.hps_rules import RULES, Rule, Spec, resource, spec

NAME = "horizontalpodscalers.hpa-companion.dev"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def cluster(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One of its own: in the shared one Helm would find a definition that it did not install, and refuse to go on."""
    made = Cluster(tools, tmp_path_factory.mktemp("definition"), nodes=1)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def scalers(cluster: Cluster) -> str:
    """Path of the HorizontalPodScalers of a namespace; the definition is there when this returns."""
    cluster.admin.apply(f"{DEFINITIONS}/{NAME}", definition())
    namespace = f"crd-{uuid.uuid4().hex[:8]}"
    cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    path = f"/apis/hpa-companion.dev/v1alpha1/namespaces/{namespace}/horizontalpodscalers"
    eventually(30, lambda: cluster.admin.raw("GET", path)[0] == 200, "the new kind is served")
    return path


def definition() -> Object:
    return objects()["CustomResourceDefinition", NAME]


def tried(cluster: Cluster, path: str, wanted: Spec) -> Object:
    """What the API server would keep of it, or ApiError."""
    return cluster.admin.post(f"{path}?dryRun=All", scaler("web", wanted))


def refusal(cluster: Cluster, path: str, wanted: Spec) -> list[tuple[str, str]]:
    """Field and message of everything the API server has against it."""
    with pytest.raises(ApiError) as caught:
        tried(cluster, path, wanted)
    assert caught.value.status == 422, caught.value
    return [(each["field"], each["message"]) for each in caught.value.body["details"]["causes"]]


@pytest.mark.parametrize("rule", [pytest.param(each, id=each.name) for each in RULES])
def test_a_rule_refuses_by_field_and_message_and_lets_its_neighbour_pass(
    cluster: Cluster, scalers: str, rule: Rule
) -> None:
    told = refusal(cluster, scalers, spec(rule.bad))
    assert [field for field, message in told if message.endswith(rule.message) and field.endswith(rule.field)], told
    assert tried(cluster, scalers, spec(rule.good))["spec"]


def test_every_rule_of_the_definition_is_in_the_table() -> None:
    found = set(messages(definition()))
    assert found == {rule.message for rule in RULES}
    assert len(found) >= 20


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"minReplicas": 5, "maxReplicas": 4}, "spec.minReplicas", id="min above max"),
        pytest.param({"maxReplicas": 0}, "spec.maxReplicas", id="at most 0"),
        pytest.param({"maxReplicas": -1}, "spec.maxReplicas", id="at most fewer than none"),
        pytest.param({"minReplicas": -1}, "spec.minReplicas", id="at least fewer than none"),
        pytest.param({"maxReplicas": 2**31}, "spec.maxReplicas", id="more than 32 bits"),
        pytest.param(resource(type="AverageValue", averageValue="NaN"), "averageValue", id="a target of NaN"),
        pytest.param(resource(type="AverageValue", averageValue="9e99x"), "averageValue", id="a target of no quantity"),
        pytest.param(
            resource(type="Utilization", averageUtilization=60, averageValue="1"), "target", id="both metric types"
        ),
        pytest.param({"pause": {"until": "soon", "reason": "r", "actor": "a"}}, "spec.pause.until", id="no time"),
        pytest.param({"mode": "Dry"}, "spec.mode", id="an unknown mode"),
    ],
)
def test_c01_what_makes_no_sense_is_refused_with_its_path(
    cluster: Cluster, scalers: str, changes: dict[str, Any], field: str
) -> None:
    told = refusal(cluster, scalers, spec(changes))
    assert [where for where, _ in told if where.endswith(field)], told


@pytest.mark.parametrize(("text", "good"), QUANTITIES.items(), ids=repr)
def test_c14_a_quantity_is_judged_as_we_do(cluster: Cluster, scalers: str, text: str, good: bool) -> None:
    wanted = spec(resource(type="AverageValue", averageValue=text))
    if good:
        assert tried(cluster, scalers, wanted)
    else:
        assert [where for where, _ in refusal(cluster, scalers, wanted) if where.endswith("averageValue")]


def test_an_hpa_becomes_one_by_another_name_of_its_kind(cluster: Cluster, scalers: str) -> None:
    """And both API servers' defaulters give it the same spec."""
    namespace = scalers.split("/")[5]
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    rules = {"scaleUp": {"tolerance": "0.05"}, "scaleDown": {"selectPolicy": "Min"}}
    for wanted in (
        {"scaleTargetRef": ref, "maxReplicas": 3},
        {"scaleTargetRef": ref, "maxReplicas": 3, "behavior": rules},
    ):
        path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers?dryRun=All"
        theirs = cluster.admin.post(path, hpa("web", copy.deepcopy(wanted)))["spec"]
        ours = tried(cluster, scalers, wanted)["spec"]
        assert ours.pop("mode") == "Enforce"
        assert canonical(ours) == canonical(theirs)


def canonical(wanted: Spec) -> Spec:
    """A built-in kind writes quantities in their shortest form, a custom one as they were given."""
    made = copy.deepcopy(wanted)
    up = made.get("behavior", {}).get("scaleUp", {})
    if up.get("tolerance") in ("0.05", "50m"):
        up["tolerance"] = "50m"
    return made


def test_a_pause_is_of_both_directions_unless_it_says(cluster: Cluster, scalers: str) -> None:
    pause = {"until": "2027-01-31T18:00:00Z", "reason": "load test", "actor": "sam"}
    assert tried(cluster, scalers, spec({"pause": pause}))["spec"]["pause"]["directions"] == ["Up", "Down"]


def test_the_status_is_written_apart_from_the_spec(cluster: Cluster, scalers: str) -> None:
    made = cluster.admin.post(scalers, {**scaler("apart", spec({})), "status": {"desiredReplicas": 7}})
    assert "status" not in made
    made["status"], made["spec"]["maxReplicas"] = {"desiredReplicas": 3}, 99
    written = cluster.admin.call("PUT", f"{scalers}/apart/status", made)
    assert (written["status"]["desiredReplicas"], written["spec"]["maxReplicas"]) == (3, 10)
    assert written["metadata"]["generation"] == 1


def test_kubectl_prints_its_columns_by_short_name_and_category(cluster: Cluster, scalers: str) -> None:
    namespace = scalers.split("/")[5]
    cluster.admin.post(scalers, scaler("printed", spec({"mode": "Shadow"})))
    header, *rows = cluster.kubectl("-n", namespace, "get", "hps").splitlines()
    assert header.split() == [
        "NAME", "TARGET", "MIN", "MAX", "CURRENT", "DESIRED", "MODE", "READY", "REASON", "AGE",
    ]  # fmt: skip
    assert [row.split()[:4] for row in rows if row.startswith("printed")] == [["printed", "web", "1", "10"]]
    wide = cluster.kubectl("-n", namespace, "get", "hpa-companion", "-o", "wide").splitlines()[0].split()
    assert wide[9:] == [
        "AGE", "KIND", "METRICS", "UTILIZATION", "ACTIVE", "LIMITED", "CONFLICTED", "AUDITED", "SCALED",
    ]  # fmt: skip


def test_it_is_selected_by_target_and_mode(cluster: Cluster, scalers: str) -> None:
    cluster.admin.post(scalers, scaler("selected", spec({"mode": "Shadow"} | {"scaleTargetRef": {
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "elsewhere"}})))  # fmt: skip
    query = "spec.scaleTargetRef.name%3Delsewhere,spec.mode%3DShadow"
    found = cluster.admin.items(f"{scalers}?fieldSelector={query}")
    assert [each["metadata"]["name"] for each in found] == ["selected"]


def test_every_field_is_described_and_kubectl_explains_it(cluster: Cluster, scalers: str) -> None:
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert [path for path in undescribed(schema, "") if path != ".metadata"] == []
    text = cluster.kubectl("explain", "hps.spec.pause.until")
    assert "When it ends" in text


def test_it_is_small_enough_for_any_way_of_applying() -> None:
    assert len(str(definition())) < 256 * 1024


def messages(node: object) -> Iterator[str]:
    """The messages of all rules below."""
    if isinstance(node, dict):
        for rule in node.get("x-kubernetes-validations", ()):
            yield rule["message"]
        for each in node.values():
            yield from messages(each)
    elif isinstance(node, list):
        for each in node:
            yield from messages(each)


def undescribed(schema: Object, path: str) -> Iterator[str]:
    """Properties without a description."""
    for name, each in schema.get("properties", {}).items():
        if "description" not in each:
            yield f"{path}.{name}"
        yield from undescribed(each, f"{path}.{name}")
    if isinstance(items := schema.get("items"), dict):
        yield from undescribed(items, f"{path}[]")
