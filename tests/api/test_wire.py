import json

import pytest
from msgspec import structs

from autoscaler.api import document, wire
from autoscaler.model.metrics import NodeUsage, Usage
from autoscaler.model.objects import Node, NodeName, Pod
from tests.api.world import NOW, SAMPLED, pod_usage
from tests.clock import FakeClock

STAMP = wire.stamp_text(NOW)
WEB = Pod(namespace="default", name="web-0", uid="u1", labels={"tier": "fe", "app": "web"})
WEB_USAGE = pod_usage(WEB, ("main", 250_002_551, 53_687_091), ("sidecar", 100_001, 1049))
DNS = Pod(namespace="kube-system", name="dns-0", uid="u2", labels={"k8s-app": "dns"})
DNS_USAGE = pod_usage(DNS, ("dns", 1_500_014_296, 12345 << 10))
NODE = Node(name=NodeName("node-a"), uid="a", labels={"zone": "z1", "kubernetes.io/hostname": "node-a"})
NODE_USAGE = NodeUsage(NODE.name, Usage(500_030_364, 2 << 30, SAMPLED, 11_990_000_000))


def test_golden_node() -> None:
    assert wire.single("NodeMetrics", "v1beta1", wire.node_item(NODE, NODE_USAGE), STAMP) == (
        b'{"kind":"NodeMetrics","apiVersion":"metrics.k8s.io/v1beta1","metadata":{"name":"node-a","creationTimestamp":"2026-11-23T09:54:21Z","labels":{"kubernetes.io/hostname":"node-a","zone":"z1"}},"timestamp":"2026-11-23T09:54:11Z","window":"11.99s","usage":{"cpu":"500030364n","memory":"2Gi"}}\n'
    )


def test_golden_pod() -> None:
    assert wire.single("PodMetrics", "v1beta1", wire.pod_item(WEB, WEB_USAGE), STAMP) == (
        b'{"kind":"PodMetrics","apiVersion":"metrics.k8s.io/v1beta1","metadata":{"name":"web-0","namespace":"default","creationTimestamp":"2026-11-23T09:54:21Z","labels":{"app":"web","tier":"fe"}},"timestamp":"2026-11-23T09:54:11Z","window":"11.995s","containers":[{"name":"main","usage":{"cpu":"250002551n","memory":"53687091"}},{"name":"sidecar","usage":{"cpu":"100001n","memory":"1049"}}]}\n'
    )


def test_golden_list() -> None:
    slices = wire.list_slices(
        "PodMetricsList", "v1beta1", [wire.pod_item(DNS, DNS_USAGE)], wire.stamp_text(NOW + 1.9), pretty=False
    )
    assert b"".join(slices) == (
        b'{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[{"metadata":{"name":"dns-0","namespace":"kube-system","creationTimestamp":"2026-11-23T09:54:22Z","labels":{"k8s-app":"dns"}},"timestamp":"2026-11-23T09:54:11Z","window":"11.995s","containers":[{"name":"dns","usage":{"cpu":"1500014296n","memory":"12345Ki"}}]}]}\n'
    )


def test_golden_empty_list() -> None:
    assert b"".join(wire.list_slices("PodMetricsList", "v1beta1", [], STAMP, pretty=False)) == (
        b'{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[]}\n'
    )


def test_v1_differs_by_its_version_string_alone() -> None:
    item = wire.pod_item(WEB, WEB_USAGE)
    old, new = (wire.single("PodMetrics", version, item, STAMP) for version in ("v1beta1", "v1"))
    assert old.replace(b"metrics.k8s.io/v1beta1", b"metrics.k8s.io/v1") == new


@pytest.mark.parametrize("count", [0, 1, wire.SLICE - 1, wire.SLICE, wire.SLICE + 1, 3 * wire.SLICE])
def test_slices_join_to_one_document_whatever_their_number(count: int) -> None:
    items = [wire.pod_item(structs.replace(WEB, name=f"web-{number}"), WEB_USAGE) for number in range(count)]
    compact = b"".join(wire.list_slices("PodMetricsList", "v1", items, STAMP, pretty=False))
    assert [item["metadata"]["name"] for item in json.loads(compact)["items"]] == [f"web-{n}" for n in range(count)]
    assert b"".join(wire.list_slices("PodMetricsList", "v1", items, STAMP, pretty=True)) == document.indented(compact)


def test_labels_are_left_out_when_there_are_none_and_a_sample_without_time_has_a_null() -> None:
    usage = structs.replace(pod_usage(WEB), at_ns=0, window_ns=0)
    item = wire.pod_item(structs.replace(WEB, labels={}), usage).at(STAMP)
    assert item == (
        b'{"metadata":{"name":"web-0","namespace":"default","creationTimestamp":"2026-11-23T09:54:21Z"},"timestamp":null,"window":"0s","containers":[]}'
    )


@pytest.mark.parametrize("text", ['a"b', "a\\b", "\x1b[31m", "\u2028", "é" * 63, "<&>"])
def test_hostile_names_stay_valid_json(text: str) -> None:
    pod = structs.replace(WEB, name=text, labels={text: text})
    item = json.loads(wire.pod_item(pod, pod_usage(pod, (text, 1, 1))).at(STAMP))
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


class TestPodItems:
    def test_an_item_is_made_once_per_sample(self) -> None:
        items = wire.PodItems(FakeClock())
        first = items.item(WEB, WEB_USAGE)
        assert items.item(WEB, structs.replace(WEB_USAGE)) is first

    def test_a_new_sample_or_a_changed_pod_makes_a_new_item(self) -> None:
        items = wire.PodItems(FakeClock())
        items.item(WEB, WEB_USAGE)
        newer = structs.replace(WEB_USAGE, at_ns=SAMPLED + 10_000_000_000)
        assert b"09:54:21Z" in items.item(WEB, newer).tail
        relabelled = structs.replace(WEB, labels={"app": "changed"})
        assert b"changed" in items.item(relabelled, newer).tail

    async def test_what_is_read_stays_and_what_nobody_reads_goes(self) -> None:
        clock = FakeClock()
        items = wire.PodItems(clock)
        read, unread = items.item(WEB, WEB_USAGE), items.item(DNS, DNS_USAGE)
        for _ in range(2):
            await clock.advance(61)
            items.turn()
            assert items.item(WEB, WEB_USAGE) is read
        assert items.item(DNS, DNS_USAGE) is not unread

    def test_pods_without_uid_are_told_apart_by_name(self) -> None:
        items = wire.PodItems(FakeClock())
        one, two = structs.replace(WEB, uid=""), structs.replace(DNS, uid="")
        assert items.item(one, WEB_USAGE) != items.item(two, DNS_USAGE)
