import json

import pytest
from msgspec import structs

from autoscaler.api import wire
from autoscaler.api.items import Item, pod_item, renewed
from tests.api.cluster import NOW, SAMPLED, pod_usage
from tests.api.goldens import NODE_JSON, POD_JSON, WEB, WEB_USAGE, node, web

STAMP = wire.stamp(NOW)


@pytest.mark.parametrize(
    ("kind", "item", "golden"), [("PodMetrics", web(), POD_JSON), ("NodeMetrics", node(), NODE_JSON)]
)
def test_golden_objects(kind: str, item: Item, golden: bytes) -> None:
    assert wire.typed(kind, "metrics.k8s.io/v1beta1", item, STAMP) + b"\n" == golden


def test_a_version_stands_where_informers_look_for_it() -> None:
    shown = json.loads(wire.bare(web(), wire.stamp(NOW, "17")))
    assert list(shown["metadata"]) == ["name", "namespace", "resourceVersion", "creationTimestamp", "labels"]
    assert shown["metadata"]["resourceVersion"] == "17"


def test_metadata_alone_is_that_of_the_object() -> None:
    item = web()
    assert json.loads(wire.metadata(item.subject, STAMP)) == json.loads(wire.bare(item, STAMP))["metadata"]
    assert json.loads(wire.metadata(node().subject, STAMP)) == json.loads(NODE_JSON)["metadata"]


def test_of_a_new_sample_only_the_numbers_are_written_anew() -> None:
    first = web()
    wire.bare(first, STAMP)
    written, numbers = first.subject.json_head, first.json
    newer = renewed(first, structs.replace(WEB_USAGE, at_ns=SAMPLED + 10_000_000_000))
    assert json.loads(wire.bare(newer, STAMP))["timestamp"] == "2026-11-23T09:54:21Z"
    assert newer.subject.json_head is written
    assert first.json is numbers, "who still serves the earlier one has its bytes"


def test_pods_of_a_target_share_the_bytes_of_their_labels() -> None:
    one, other = (pod_item(structs.replace(WEB, name=name, labels=dict(WEB.labels)), WEB_USAGE) for name in "ab")
    wire.write(one)
    wire.write(other)
    assert one.subject.json_tail is other.subject.json_tail


def test_labels_are_left_out_when_there_are_none_and_a_sample_without_time_has_a_null() -> None:
    usage = structs.replace(pod_usage(WEB), at_ns=0, window_ns=0)
    assert wire.bare(pod_item(structs.replace(WEB, labels={}), usage), STAMP) == (
        b'{"metadata":{"name":"web-0","namespace":"default","creationTimestamp":"2026-11-23T09:54:21Z"},"timestamp":null,"window":"0s","containers":[]}'
    )


@pytest.mark.parametrize("text", ['a"b', "a\\b", "\x1b[31m", "\u2028", "é" * 63, "<&>"])
def test_hostile_names_stay_valid_json(text: str) -> None:
    pod = structs.replace(WEB, name=text, labels={text: text})
    item = json.loads(wire.bare(pod_item(pod, pod_usage(pod, (text, 1, 1))), STAMP))
    assert item["metadata"]["labels"] == {text: text}
    assert item["containers"][0]["name"] == item["metadata"]["name"] == text


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "0s"),
        (1, "1ns"),
        (999, "999ns"),
        (1_000, "1µs"),
        (1_100, "1.1µs"),
        (2_200_000, "2.2ms"),
        (999_999_999, "999.999999ms"),
        (1_000_000_000, "1s"),
        (9_994_000_000, "9.994s"),
        (10_000_000_001, "10.000000001s"),
        (60_000_000_000, "1m0s"),
        (60_500_000_000, "1m0.5s"),
        (3_600_000_000_000, "1h0m0s"),
        (3_661_000_000_000, "1h1m1s"),
        (-1_500_000_000, "-1.5s"),
    ],
)
def test_durations_are_written_as_go_writes_them(nanoseconds: int, expected: str) -> None:
    assert wire.duration_text(nanoseconds) == expected
