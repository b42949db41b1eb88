import json

import pytest

from autoscaler.api import wire
from autoscaler.api.envelope import Bookmark, ListMeta
from autoscaler.api.forms import Objects, Partial
from tests.api.cluster import NOW
from tests.api.goldens import POD_JSON, web

STAMP = wire.stamp(NOW)


def test_v1_differs_by_its_version_string_alone() -> None:
    v1 = Objects("PodMetrics", "v1").single(web(), STAMP, NOW)
    assert v1 + b"\n" == POD_JSON.replace(b"metrics.k8s.io/v1beta1", b"metrics.k8s.io/v1")


def test_metadata_alone_names_itself_in_a_list_too() -> None:
    shown = json.loads(Partial().element(web(), STAMP, NOW))
    assert shown == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": json.loads(POD_JSON)["metadata"],
    }
    assert Partial().single(web(), STAMP, NOW) == Partial().element(web(), STAMP, NOW)
    assert Partial().opening(ListMeta())["kind"] == "PartialObjectMetadataList"
    assert json.loads(Partial().bookmark(Bookmark("9")))["metadata"] == {"resourceVersion": "9"}


@pytest.mark.parametrize(("kind", "numbers"), [("PodMetrics", {"containers": []}), ("NodeMetrics", {"usage": {}})])
def test_a_bookmark_is_an_object_of_which_only_the_version_counts(kind: str, numbers: dict[str, object]) -> None:
    shown = json.loads(Objects(kind, "v1").bookmark(Bookmark("9")))
    assert (
        shown
        == {
            "kind": kind,
            "apiVersion": "metrics.k8s.io/v1",
            "metadata": {"resourceVersion": "9"},
            "timestamp": None,
            "window": "0s",
        }
        | numbers
    )


def test_the_bookmark_after_the_initial_state_says_so() -> None:
    shown = json.loads(Objects("PodMetrics", "v1").bookmark(Bookmark("9", initial=True)))
    assert shown["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
