import json
from typing import Any

import pytest
import yaml
from msgspec import structs

from autoscaler.api import document
from autoscaler.api.binary import Binary
from autoscaler.api.call import parse_call
from autoscaler.api.envelope import ListMeta
from autoscaler.api.renderings import chosen, refusal
from autoscaler.api.status import StatusError, object_not_found
from autoscaler.api.textual import Textual
from autoscaler.model.identity import ResourceAttributes
from tests.api import protodecode
from tests.api.cluster import NOW
from tests.api.goldens import node, web

PROTOBUF = "application/vnd.kubernetes.protobuf"
TABLE = ";as=Table;v=v1;g=meta.k8s.io"
ONE = ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
MANY = ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
KUBECTL_GET = f"application/json{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
METADATA_CLIENT = f"{PROTOBUF}{MANY},application/json{MANY},application/json"


def rendering(accept: str = "", target: str = "/pods", agent: str = "", verb: str = "") -> Textual | Binary:
    call = parse_call("GET", f"/apis/metrics.k8s.io/v1{target}", accept=accept, user_agent=agent)
    assert isinstance(call.attributes, ResourceAttributes)
    return chosen(call, structs.replace(call.attributes, verb=verb) if verb else call.attributes)


def kind_of_list(found: Textual | Binary) -> str:
    body = b"".join(found.pieces([(web(),)], ListMeta(), NOW))
    shown: dict[str, Any] = protodecode.document(body) if isinstance(found, Binary) else yaml.safe_load(body)
    return str(shown["kind"])


@pytest.mark.parametrize(
    ("accept", "content_type", "kind"),
    [
        pytest.param("", "application/json", "PodMetricsList", id="nothing said"),
        pytest.param("*/*", "application/json", "PodMetricsList", id="anything"),
        pytest.param(f"{PROTOBUF}, */*", PROTOBUF, "PodMetricsList", id="kubectl top and the HPA"),
        pytest.param(f"{PROTOBUF},application/json", PROTOBUF, "PodMetricsList", id="client-go"),
        pytest.param("application/yaml", "application/yaml", "PodMetricsList", id="YAML"),
        pytest.param("application/yaml;q=0.5, application/json;q=0.6", "application/json", "PodMetricsList", id="q"),
        pytest.param(KUBECTL_GET, "application/json", "Table", id="kubectl get"),
        pytest.param(f"application/yaml{TABLE}", "application/yaml", "Table", id="a table in YAML"),
        pytest.param(METADATA_CLIENT, PROTOBUF, "PartialObjectMetadataList", id="the metadata client"),
        pytest.param(f"application/json{MANY}", "application/json", "PartialObjectMetadataList", id="metadata in JSON"),
        pytest.param(f"{PROTOBUF}{TABLE},application/json", "application/json", "PodMetricsList", id="no such table"),
    ],
)  # fmt: skip
def test_what_a_list_is_written_as(accept: str, content_type: str, kind: str) -> None:
    found = rendering(accept)
    assert (found.content_type, kind_of_list(found)) == (content_type, kind)


@pytest.mark.parametrize(("target", "kind"), [("/pods", "PodMetricsList"), ("/nodes", "NodeMetricsList")])
def test_kind_and_version_are_those_of_the_path(target: str, kind: str) -> None:
    opening = json.loads(b"".join(rendering(target=target).pieces([], ListMeta(), NOW)))
    assert (opening["kind"], opening["apiVersion"]) == (kind, "metrics.k8s.io/v1")
    binary = protodecode.document(b"".join(rendering(PROTOBUF, target).pieces([], ListMeta(), NOW)))
    assert (binary["kind"], binary["apiVersion"]) == (kind, "metrics.k8s.io/v1")


@pytest.mark.parametrize(("target", "agent"), [("/pods?pretty=1", ""), ("/pods", "curl/8")])
def test_people_get_json_indented(target: str, agent: str) -> None:
    assert rendering(target=target, agent=agent).single(web(), NOW).startswith(b'{\n  "kind": "PodMetrics"')


def test_nodes_have_other_columns_than_pods() -> None:
    shown = json.loads(rendering(KUBECTL_GET, "/nodes/node-a").single(node(), NOW))
    assert "Node" not in [column["name"] for column in shown["columnDefinitions"]]


@pytest.mark.parametrize(
    ("query", "kind"),
    [("", "PartialObjectMetadata"), ("Metadata", "PartialObjectMetadata"), ("Object", "PodMetrics"), ("None", None)],
)
def test_what_stands_beside_the_rows_of_a_table(query: str, kind: str | None) -> None:
    shown = json.loads(rendering(KUBECTL_GET, f"/pods?includeObject={query}").single(web(), NOW))["rows"][0]["object"]
    assert (shown and shown["kind"]) == kind


def test_an_object_no_table_can_have_is_refused_by_name() -> None:
    with pytest.raises(StatusError, match='includeObject: "Everything"') as caught:
        rendering(KUBECTL_GET, "/pods?includeObject=Everything")
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("accept", "verb"),
    [
        pytest.param("text/html", "list", id="something else"),
        pytest.param(f"{PROTOBUF}{TABLE}", "list", id="a table in protobuf"),
        pytest.param(f"application/json{ONE}", "list", id="one object's metadata for a list"),
        pytest.param(f"application/json{MANY}", "get", id="a list's metadata for one object"),
        pytest.param("application/json;as=Table;v=v1beta1;g=meta.k8s.io", "list", id="an old table alone"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(accept: str, verb: str) -> None:
    with pytest.raises(StatusError) as caught:
        rendering(accept, verb=verb)
    assert caught.value.code == 406
    assert caught.value.message == (
        "only the following media types are accepted: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf"
    )


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", "application/json", id="nothing said"),
        pytest.param(f"{PROTOBUF}, */*", PROTOBUF, id="protobuf"),
        pytest.param("application/yaml", "application/yaml", id="YAML"),
        pytest.param(KUBECTL_GET, "application/json", id="kubectl get"),
        pytest.param("text/html", "application/json", id="none of ours"),
    ],
)
def test_a_refusal_is_written_as_the_client_takes_it(accept: str, content_type: str) -> None:
    body, chosen_type = refusal(parse_call("GET", "/x", accept=accept), object_not_found("node", "nope"))
    shown = protodecode.document(body) if chosen_type == PROTOBUF else yaml.safe_load(body)
    assert (chosen_type, shown["kind"], shown["reason"], shown["code"]) == (content_type, "Status", "NotFound", 404)


def test_a_refusal_of_what_was_no_call_is_compact_json_and_people_get_it_indented() -> None:
    failure = object_not_found("node", "nope")
    assert refusal(None, failure) == (failure.body(), "application/json")
    assert refusal(parse_call("GET", "/x?pretty"), failure)[0] == document.indented(failure.body())


def test_a_watch_has_frames_in_json_and_protobuf_only() -> None:
    assert rendering(f"{PROTOBUF};stream=watch", verb="watch").stream_type == f"{PROTOBUF};stream=watch"
    assert rendering("application/json;stream=watch", verb="watch").stream_type == "application/json"
    with pytest.raises(StatusError, match=r"application/json, application/vnd.kubernetes.protobuf$"):
        rendering("application/yaml", verb="watch")
