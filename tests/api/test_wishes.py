from __future__ import annotations

import pytest

from autoscaler.api import wishes
from autoscaler.api.call import Call, parse_call
from autoscaler.api.status import StatusError
from autoscaler.model.identity import ResourceAttributes
from tests.api.asking import BASE

PODS = f"{BASE}/namespaces/shop/pods"


def asked(query: str = "", accept: str = "") -> tuple[Call, ResourceAttributes]:
    call = parse_call("GET", f"{PODS}?{query}", accept=accept)
    assert isinstance(call.attributes, ResourceAttributes)
    return call, call.attributes


def test_what_comes_again_is_read_once() -> None:
    assert wishes.list_wish(*asked("labelSelector=app%3Dweb")) is wishes.list_wish(*asked("labelSelector=app%3Dweb"))
    assert wishes.rendering(*asked("pretty")) is wishes.rendering(*asked("pretty"))


def test_what_is_long_is_read_anew_every_time() -> None:
    long = "labelSelector=" + ",".join(f"a{number}" for number in range(300))
    first, again = (wishes.list_wish(*asked(long)) for _ in range(2))
    assert first is not again
    assert first.selection == again.selection
    assert len(first.selection.labels.requirements) == 300


def test_a_wish_is_that_of_its_own_path_selector_options_and_accept_header() -> None:
    usual = wishes.list_wish(*asked())
    assert (usual.selection.namespace, usual.selection.everything, usual.options.limit) == ("shop", True, 0)
    assert wishes.list_wish(*asked("labelSelector=a")).selection != usual.selection
    assert wishes.list_wish(*asked("limit=7")).options.limit == 7
    yaml = wishes.list_wish(*asked(accept="application/yaml"))
    assert yaml.rendering.content_type == "application/yaml"
    assert yaml.variety != usual.variety
    latin = wishes.list_wish(*asked(accept="*/*, \udcff"))  # what a header that is no UTF-8 becomes
    assert latin.rendering.content_type == usual.rendering.content_type
    assert latin.variety != usual.variety


@pytest.mark.parametrize(
    ("query", "accept", "code"),
    [
        pytest.param("labelSelector=((", "", 400, id="a selector that is none"),
        pytest.param("limit=x", "", 400, id="a number that is none"),
        pytest.param("", "image/png", 406, id="a type there is not"),
    ],
)
def test_a_fault_is_told_every_time(query: str, accept: str, code: int) -> None:
    for _ in range(2):
        with pytest.raises(StatusError) as caught:
            wishes.list_wish(*asked(query, accept))
        assert caught.value.code == code
