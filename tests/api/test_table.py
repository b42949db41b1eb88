import json
from typing import Any

import pytest
from msgspec import structs

from autoscaler.api import wire
from autoscaler.api.envelope import Bookmark, Change, ListMeta
from autoscaler.api.forms import Form, Objects, Partial
from autoscaler.api.items import Item, pod_item
from autoscaler.api.notation import Compact
from autoscaler.api.parts import in_parts
from autoscaler.api.table import Table
from autoscaler.api.textual import Textual
from tests.api.cluster import NOW, pod_usage
from tests.api.goldens import WEB, WEB_USAGE, dns, node, web

PODS = Textual(Table(True, Partial()), Compact())
NO_META = ListMeta()
NODES = Textual(Table(False, Partial()), Compact())


def table(items: list[Item], rendering: Textual = PODS, meta: ListMeta = NO_META) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(b"".join(rendering.pieces(in_parts(items), meta, NOW)))
    return shown


def test_a_pod_is_shown_as_kubectl_top_shows_it_the_rest_when_asked_for_wide() -> None:
    shown = table([web(), dns()])
    assert [(column["name"], column["priority"]) for column in shown["columnDefinitions"]] == [
        ("Name", 0), ("CPU", 0), ("Memory", 0), ("Window", 0), ("Node", 1), ("Sample Age", 1),
    ]  # fmt: skip
    assert [row["cells"] for row in shown["rows"]] == [
        ["web-0", "251m", "51Mi", "11.995s", "node-a", "10s"],
        ["dns-0", "1501m", "12Mi", "11.995s", "", "10s"],
    ]


def test_a_node_has_no_column_node() -> None:
    shown = table([node()], NODES)
    assert [column["name"] for column in shown["columnDefinitions"]] == [
        "Name",
        "CPU",
        "Memory",
        "Window",
        "Sample Age",
    ]
    assert shown["rows"][0]["cells"] == ["node-a", "501m", "2048Mi", "11.99s", "10s"]


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [
        pytest.param(0, 0, ["0m", "0Mi"], id="nothing is a number"),
        pytest.param(1, (1 << 20) - 1, ["1m", "0Mi"], id="CPU rounded up, memory cut, as kubectl top"),
        pytest.param(12_000_000_000, 3 << 40, ["12000m", "3145728Mi"], id="large ones keep the unit"),
    ],
)
def test_units(cpu: int, memory: int, expected: list[str]) -> None:
    assert table([pod_item(WEB, pod_usage(WEB, ("main", cpu, memory)))])["rows"][0]["cells"][1:3] == expected


def test_columns_do_not_depend_on_the_rows() -> None:
    empty = table([])
    assert (empty["kind"], empty["apiVersion"], empty["rows"]) == ("Table", "meta.k8s.io/v1", [])
    assert empty["columnDefinitions"] == table([web()])["columnDefinitions"]
    nothing = pod_item(WEB, pod_usage(WEB))
    assert len(table([nothing])["rows"][0]["cells"]) == len(empty["columnDefinitions"])


def test_the_list_tells_its_metadata() -> None:
    assert table([web()], meta=ListMeta("7", "t", 1))["metadata"] == {
        "resourceVersion": "7",
        "continue": "t",
        "remainingItemCount": 1,
    }


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param(Partial(), ("PartialObjectMetadata", "meta.k8s.io/v1"), id="metadata"),
        pytest.param(Objects("PodMetrics", "v1"), ("PodMetrics", "metrics.k8s.io/v1"), id="the object"),
    ],
)
def test_what_stands_beside_a_row(beside: Form | None, expected: tuple[str, str] | None) -> None:
    shown = table([web()], Textual(Table(True, beside), Compact()))["rows"][0]["object"]
    assert (shown and (shown["kind"], shown["apiVersion"])) == expected
    assert shown is None or shown["metadata"]["labels"] == WEB.labels


def test_one_object_is_a_table_of_one_row() -> None:
    assert json.loads(PODS.single(web(), NOW)) == table([web()])


def test_a_clock_ahead_of_ours_makes_no_negative_age() -> None:
    ahead = pod_item(WEB, structs.replace(WEB_USAGE, at_ns=int(NOW + 5) * 10**9))
    assert table([ahead])["rows"][0]["cells"][-1] == "0s"


def test_events_are_tables_too() -> None:
    change = json.loads(PODS.event(Change("ADDED", web(), "7"), NOW))["object"]
    assert change["rows"][0]["object"]["metadata"]["resourceVersion"] == "7"
    bookmark = json.loads(PODS.event(Bookmark("8"), NOW))["object"]
    assert bookmark["kind"] == "Table"
    assert len(bookmark["rows"][0]["cells"]) == len(bookmark["columnDefinitions"])
    assert bookmark["rows"][0]["object"]["metadata"] == {"resourceVersion": "8"}
    assert json.loads(Table(True, None).bookmark(Bookmark("8")))["rows"][0]["object"] is None


def test_a_row_has_the_name_as_any_other_text() -> None:
    hostile = structs.replace(WEB, name='a"\x1b[2J')
    row = Table(True, None).element(pod_item(hostile, WEB_USAGE), wire.stamp(NOW), NOW)
    assert json.loads(row)["cells"][0] == hostile.name
