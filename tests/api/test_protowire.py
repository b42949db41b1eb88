import pytest
from msgspec import structs

from autoscaler.api import protowire
from autoscaler.api.items import pod_item, renewed
from autoscaler.api.protobuf import data, meta_stamp
from tests.api.cluster import NOW, SAMPLED
from tests.api.goldens import WEB, WEB_USAGE, web


@pytest.mark.parametrize(
    "stamp",
    [
        pytest.param(meta_stamp(NOW), id="the usual length"),
        pytest.param(meta_stamp(NOW, "12345"), id="a version more"),
        pytest.param(meta_stamp(0), id="1970"),
        pytest.param(meta_stamp(None), id="no time"),
    ],
)
def test_an_element_is_the_object_with_its_length_whatever_the_stamp(stamp: bytes) -> None:
    item = web()
    assert protowire.element(item, stamp) == data(2, protowire.bare(item, stamp))
    assert protowire.bare(item, stamp).startswith(data(1, protowire.metadata(item.subject, stamp)))


def test_the_stamp_of_our_days_is_the_usual_one() -> None:
    assert len(meta_stamp(NOW)) == protowire.USUAL


def test_of_a_new_sample_only_the_numbers_are_written_anew() -> None:
    earlier, stamp = pod_item(WEB, WEB_USAGE), meta_stamp(NOW)
    first = protowire.element(earlier, stamp)
    written = earlier.subject.proto_head
    later = renewed(earlier, structs.replace(WEB_USAGE, at_ns=SAMPLED + 10_000_000_000))
    assert protowire.element(later, stamp) != first
    assert later.subject.proto_head is written
    assert protowire.element(earlier, stamp) == first
