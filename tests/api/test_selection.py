import time

import pytest

from autoscaler.api.call import parse_call
from autoscaler.api.items import SLICE
from autoscaler.api.selection import Selection, selection_of
from autoscaler.api.status import StatusError
from autoscaler.model.identity import ResourceAttributes
from autoscaler.model.objects import Node, NodeName, Pod

BASE = "/apis/metrics.k8s.io/v1"
POD = Pod(namespace="shop", name="web-0", labels={"app": "web"})


def selection(path: str) -> Selection:
    call = parse_call("GET", BASE + path)
    assert isinstance(call.attributes, ResourceAttributes)
    return selection_of(call, call.attributes)


@pytest.mark.parametrize(
    ("query", "taken"),
    [
        ("", True),
        ("labelSelector=app%3Dweb", True),
        ("labelSelector=app%3Ddb", False),
        ("fieldSelector=metadata.name%3Dweb-0,metadata.namespace%3Dshop", True),
        ("fieldSelector=metadata.name!%3Dweb-0", False),
        ("labelSelector=app%3Dweb&fieldSelector=metadata.name%3Ddb-0", False),
    ],
)
def test_labels_and_fields_select(query: str, taken: bool) -> None:
    assert selection(f"/pods?{query}").takes(POD) is taken
    assert selection(f"/pods?{query}").everything is (query == "")


def test_a_node_has_no_namespace() -> None:
    node = Node(name=NodeName("n"), uid="n")
    assert selection("/nodes?fieldSelector=metadata.namespace%3D").takes(node)
    assert not selection("/nodes?fieldSelector=metadata.namespace%3Dshop").takes(node)


def test_the_same_selection_is_equal_however_it_is_spelled() -> None:
    one, other = (selection(f"/namespaces/shop/pods?labelSelector={text}") for text in ("a%3Db", "a%3D%3Db"))
    assert (one, hash(one)) == (other, hash(other))
    assert one != selection("/pods?labelSelector=a%3Db")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        pytest.param("labelSelector=a%3D%3D%3Db", "labelSelector: label selector", id="no label selector"),
        pytest.param("labelSelector=" + "a" * 5000, "labelSelector", id="5 KB"),
        pytest.param("fieldSelector=" + "a," * 1500, "fieldSelector", id="a thousand terms"),
        pytest.param("fieldSelector=status.phase%3DRunning", '"status.phase"', id="a field we do not have"),
    ],
)
def test_bad_selectors_are_refused_by_name(query: str, named: str) -> None:
    with pytest.raises(StatusError, match=named) as caught:
        selection(f"/pods?{query}")
    assert caught.value.code == 400


def absent(terms: int) -> Selection:
    """What no object has: each of these terms holds for every one, so all of them are looked at."""
    text = ",".join(f"!{chr(97 + number % 26)}{number}" for number in range(terms))
    return selection(f"/pods?labelSelector={text}")


@pytest.mark.parametrize("terms", [0, 1, 15])
def test_an_ordinary_selector_is_worked_off_as_lists_are(terms: int) -> None:
    assert absent(terms).slice == SLICE


@pytest.mark.parametrize("terms", [16, 100, 700])
def test_a17_the_more_terms_the_fewer_objects_are_looked_at_in_one_go(terms: int) -> None:
    """700 took 60 ms of the loop for a slice."""
    found = absent(terms)
    begun = time.thread_time()
    assert all(found.takes(POD) for _ in range(found.slice))
    assert time.thread_time() - begun < 0.02
