import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from autoscaler.api import document, wire
from autoscaler.api.envelope import Bookmark, Change, Failure, ListMeta
from autoscaler.api.forms import Objects, Partial
from autoscaler.api.items import SLICE, Item, pod_item
from autoscaler.api.notation import Compact, Indented, Yaml
from autoscaler.api.parts import in_parts
from autoscaler.api.status import bad_request
from autoscaler.api.table import Table
from autoscaler.api.textual import Textual
from tests.api.cluster import NOW
from tests.api.goldens import EMPTY_LIST_JSON, HERE, POD_JSON, POD_LIST_JSON, WEB, WEB_USAGE, dns, web
from tests.api.usages import items

PODS = Objects("PodMetrics", "v1beta1")
JSON = Textual(PODS, Compact())
PRETTY = Textual(PODS, Indented())


def test_golden_object_compact_and_for_people() -> None:
    assert JSON.single(web(), NOW) == POD_JSON
    assert PRETTY.single(web(), NOW) == document.indented(POD_JSON)


def test_golden_object_as_yaml() -> None:
    assert Textual(PODS, Yaml()).single(web(), NOW) == (HERE / "pod.yaml").read_bytes()


def test_golden_lists() -> None:
    assert b"".join(JSON.pieces([(dns(),)], ListMeta(), NOW + 1.9)) == POD_LIST_JSON
    assert b"".join(JSON.pieces([], ListMeta(), NOW)) == EMPTY_LIST_JSON


@pytest.mark.parametrize("count", [0, 1, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE])
def test_pieces_join_to_one_document_whatever_their_number(count: int) -> None:
    items = [pod_item(structs.replace(WEB, name=f"web-{number}"), WEB_USAGE) for number in range(count)]
    compact = b"".join(JSON.pieces(in_parts(items), ListMeta("5"), NOW))
    assert [item["metadata"]["name"] for item in json.loads(compact)["items"]] == [f"web-{n}" for n in range(count)]
    assert json.loads(compact)["metadata"] == {"resourceVersion": "5"}
    assert b"".join(PRETTY.pieces(in_parts(items), ListMeta("5"), NOW)) == document.indented(compact)


@settings(max_examples=40)
@given(items(), st.integers(0, 4_000_000_000))
def test_yaml_says_what_the_json_says(kind_and_item: tuple[str, Item], now: int) -> None:
    kind, item = kind_and_item
    for form in (Objects(kind, "v1"), Partial(), Table(kind == "PodMetrics", Partial())):
        textual = json.loads(Textual(form, Compact()).single(item, now))
        assert yaml.safe_load(Textual(form, Yaml()).single(item, now)) == textual
        listed = Textual(form, Yaml()).pieces([(item,)], ListMeta("7"), now)
        assert yaml.safe_load(b"".join(listed))[form.listed] == [json.loads(form.element(item, wire.stamp(now), now))]


def test_an_event_is_one_line_also_for_people() -> None:
    event = Change("MODIFIED", web(), "7")
    line = JSON.event(event, NOW)
    assert line == PRETTY.event(event, NOW)
    assert line.index(b"\n") == len(line) - 1
    told = json.loads(line)
    assert (told["type"], told["object"]["kind"]) == ("MODIFIED", "PodMetrics")
    assert told["object"]["metadata"]["resourceVersion"] == "7"


def test_a_bookmark_and_the_end_with_a_status() -> None:
    bookmark = json.loads(JSON.event(Bookmark("8"), NOW))
    assert (bookmark["type"], bookmark["object"]["metadata"]) == ("BOOKMARK", {"resourceVersion": "8"})
    error = json.loads(JSON.event(Failure(bad_request("no")), NOW))
    assert (error["type"], error["object"]["kind"], error["object"]["code"]) == ("ERROR", "Status", 400)
