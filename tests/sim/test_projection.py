from __future__ import annotations

from typing import Any

import pytest

from autoscaler.sim.projection import metadata_event, metadata_only, wants_metadata

LIST = "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
POD: dict[str, Any] = {"kind": "Pod", "metadata": {"name": "a"}, "spec": {"nodeName": "n"}}


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        pytest.param("", False, id="no word about it"),
        pytest.param("application/json", False, id="plain JSON"),
        pytest.param(f"application/json;{LIST}", True, id="metadata alone"),
        pytest.param("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", True, id="of one object"),
        pytest.param(
            f"application/vnd.kubernetes.protobuf;{LIST},application/json;{LIST},application/json",
            True,
            id="what client-go sends: protobuf is not spoken here, the second choice is",
        ),
        pytest.param(f"application/json, application/json;{LIST}", False, id="whole objects are the first choice"),
        pytest.param("application/json;as=Table;g=meta.k8s.io;v=v1, */*", False, id="a table is not drawn here"),
    ],
)
def test_what_is_wanted(accept: str, wanted: bool) -> None:
    assert wants_metadata(accept) is wanted


def test_an_object_keeps_its_metadata() -> None:
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}}
    assert metadata_only(POD) == partial
    assert metadata_event({"type": "ADDED", "object": POD}) == {"type": "ADDED", "object": partial}


def test_a_list_keeps_its_own_and_that_of_its_items() -> None:
    found = metadata_only({"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [POD]})
    assert (found["kind"], found["metadata"]) == ("PartialObjectMetadataList", {"resourceVersion": "7"})
    assert found["items"] == [metadata_only(POD)]


def test_a_refusal_in_a_watch_stays_whole() -> None:
    event = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "metadata": {}}}
    assert metadata_event(event) == event
