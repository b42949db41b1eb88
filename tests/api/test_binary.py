import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from autoscaler.api.binary import Binary, ObjectMessage, PartialMessage
from autoscaler.api.envelope import Bookmark, Change, Failure, ListMeta
from autoscaler.api.forms import Objects
from autoscaler.api.items import SLICE, Item, pod_item
from autoscaler.api.notation import Compact
from autoscaler.api.parts import in_parts
from autoscaler.api.status import bad_request
from autoscaler.api.textual import Textual
from tests.api import protodecode
from tests.api.cluster import NOW
from tests.api.goldens import HERE, WEB, WEB_1, WEB_1_USAGE, WEB_USAGE, dns, web
from tests.api.usages import items

PODS = Binary(ObjectMessage("PodMetrics", "v1beta1"))


def test_golden_object() -> None:
    golden = bytes.fromhex((HERE / "pod.protobuf.hex").read_text())
    assert PODS.single(pod_item(WEB_1, WEB_1_USAGE), NOW + 87) == golden
    v1 = Binary(ObjectMessage("PodMetrics", "v1")).single(pod_item(WEB_1, WEB_1_USAGE), NOW + 87)
    longer = b"\x0a\x24\x0a\x16metrics.k8s.io/v1beta1", b"\x0a\x1f\x0a\x11metrics.k8s.io/v1"
    assert v1 == golden.replace(*longer), "only the version string differs, and its lengths"


@settings(max_examples=200)
@given(items(), st.integers(1, 4_000_000_000), st.sampled_from(["v1", "v1beta1"]))
def test_it_says_what_the_json_says(kind_and_item: tuple[str, Item], now: int, version: str) -> None:
    kind, item = kind_and_item
    textual = json.loads(Textual(Objects(kind, version), Compact()).single(item, now))
    for name in [name for name in ("name", "namespace") if textual["metadata"].get(name) == ""]:
        del textual["metadata"][name]  # the decoder leaves out what is empty
    for container in textual.get("containers", ()):
        if not container["name"]:
            del container["name"]
    assert protodecode.document(Binary(ObjectMessage(kind, version)).single(item, now)) == textual


@pytest.mark.parametrize("count", [0, 1, SLICE, SLICE + 1, 3 * SLICE])
@pytest.mark.parametrize("now", [NOW, 1.0], ids=["now", "a clock that was never set"])
def test_a_list_says_what_the_json_says(count: int, now: float) -> None:
    many = [pod_item(structs.replace(WEB, name=f"web-{number}"), WEB_USAGE) for number in range(count)]
    meta = ListMeta("5", "token", 7)
    textual = Textual(Objects("PodMetrics", "v1beta1"), Compact())
    pieces = list(PODS.pieces(in_parts(many), meta, now))
    assert protodecode.document(b"".join(pieces)) == json.loads(b"".join(textual.pieces(in_parts(many), meta, now)))
    assert pieces.count(b"") == -(-count // SLICE), "gives way while it is written"


def test_of_metadata_alone() -> None:
    partial = Binary(PartialMessage())
    one = protodecode.document(partial.single(web(), NOW))
    assert (one["kind"], one["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert one["metadata"] == protodecode.document(PODS.single(web(), NOW))["metadata"]
    many = protodecode.document(b"".join(partial.pieces([(web(), dns())], ListMeta(), NOW)))
    assert many["kind"] == "PartialObjectMetadataList"
    assert [item["metadata"]["name"] for item in many["items"]] == ["web-0", "dns-0"]


def test_events_are_frames() -> None:
    change = protodecode.event(PODS.event(Change("DELETED", web(), "7"), NOW))
    assert (change["type"], change["object"]["kind"]) == ("DELETED", "PodMetrics")
    assert change["object"]["metadata"]["resourceVersion"] == "7"
    error = protodecode.event(PODS.event(Failure(bad_request("no")), NOW))
    assert (error["type"], error["object"]["code"]) == ("ERROR", 400)
    assert PODS.stream_type == "application/vnd.kubernetes.protobuf;stream=watch"


@pytest.mark.parametrize(
    "message", [ObjectMessage("PodMetrics", "v1"), ObjectMessage("NodeMetrics", "v1"), PartialMessage()]
)
def test_a_bookmark_is_an_object_whose_version_counts(message: ObjectMessage | PartialMessage) -> None:
    bookmark = protodecode.event(Binary(message).event(Bookmark("8"), NOW))
    assert (bookmark["type"], bookmark["object"]["kind"]) == ("BOOKMARK", message.kind)
    assert bookmark["object"]["metadata"] == {"resourceVersion": "8", "creationTimestamp": None}
