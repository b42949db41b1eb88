import json
from collections.abc import Iterator
from typing import Any

import pytest

from autoscaler.api.openapi import OpenApi

OPENAPI = OpenApi()
V2 = json.loads(OPENAPI.v2.body)
V3 = {path.rpartition("/")[2]: json.loads(found.body) for path, found in OPENAPI.v3.items()}
METRICS = "io.k8s.metrics.pkg.apis.metrics"
DOCUMENTS = [pytest.param(V2, id="v2"), *(pytest.param(found, id=f"v3 of {name}") for name, found in V3.items())]


def schemas(document: Any) -> dict[str, Any]:
    found: dict[str, Any] = document.get("definitions") or document["components"]["schemas"]
    return found


def walked(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in the document."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walked(each)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_reference_resolves_and_nothing_is_left_open(document: Any) -> None:
    references = [each["$ref"] for each in walked(document) if isinstance(each.get("$ref"), str)]
    assert references
    for reference in references:
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
    assert "{version}" not in json.dumps(document)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_schema_and_every_field_is_described(document: Any) -> None:
    for name, schema in schemas(document).items():
        assert schema["description"], name
        for field, found in schema.get("properties", {}).items():
            assert found.get("description"), f"{name}.{field}"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_operations_are_those_of_metrics_server(version: str) -> None:
    title = f"Metrics{version.capitalize()}"
    base = f"/apis/metrics.k8s.io/{version}"
    expected = {
        f"{base}/": f"get{title}APIResources",
        f"{base}/nodes": f"list{title}NodeMetrics",
        f"{base}/nodes/{{name}}": f"read{title}NodeMetrics",
        f"{base}/namespaces/{{namespace}}/pods": f"list{title}NamespacedPodMetrics",
        f"{base}/namespaces/{{namespace}}/pods/{{name}}": f"read{title}NamespacedPodMetrics",
        f"{base}/pods": f"list{title}PodMetricsForAllNamespaces",
    }
    for paths in (V3[version]["paths"], {path: item for path, item in V2["paths"].items() if f"/{version}/" in path}):
        assert {path: item["get"]["operationId"] for path, item in paths.items()} == expected
        for path, item in paths.items():
            named = [each["name"] for each in item["parameters"] if each["in"] == "path"]
            assert sorted(named) == sorted(part[1:-1] for part in path.split("/") if part.startswith("{"))


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_kind_is_found_by_its_group_version_and_kind(version: str) -> None:
    """As `kubectl explain` looks it up."""
    for kind in ("NodeMetrics", "NodeMetricsList", "PodMetrics", "PodMetricsList"):
        schema = schemas(V3[version])[f"{METRICS}.{version}.{kind}"]
        assert schema["x-kubernetes-group-version-kind"] == [
            {"group": "metrics.k8s.io", "kind": kind, "version": version}
        ]


def test_required_fields_and_list_type() -> None:
    kinds = schemas(V3["v1"])
    assert kinds[f"{METRICS}.v1.NodeMetrics"]["required"] == ["timestamp", "window", "usage"]
    assert kinds[f"{METRICS}.v1.PodMetrics"]["required"] == ["timestamp", "window", "containers"]
    assert kinds[f"{METRICS}.v1.PodMetrics"]["properties"]["containers"]["x-kubernetes-list-type"] == "atomic"


def test_v3_gives_a_reference_no_siblings() -> None:
    for each in walked(V3["v1"]):
        assert not isinstance(each.get("$ref"), str) or len(each) == 1
        if each.get("in") == "query":
            assert "type" in each["schema"]


def test_a_quantity_is_a_string_and_in_v3_as_upstream_also_a_number() -> None:
    quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity"
    assert schemas(V2)[quantity]["type"] == "string"
    assert schemas(V3["v1"])[quantity]["oneOf"] == [{"type": "string"}, {"type": "number"}]


def test_the_root_points_to_each_document_by_its_hash() -> None:
    root = json.loads(OPENAPI.root.body)["paths"]
    for path, found in OPENAPI.v3.items():
        assert root[path] == {"serverRelativeURL": f"/openapi/v3/{path}?hash={found.hash}"}
