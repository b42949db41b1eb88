import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.api import protobuf
from autoscaler.api.envelope import Bookmark, ListMeta
from autoscaler.api.status import StatusError, bad_request, metrics_not_found, too_many_requests
from autoscaler.model.absence import Absence, Lack
from tests.api import protodecode


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (2**63 - 1, "ffffffffffffffff7f"),
        pytest.param(-1, "ffffffffffffffffff01", id="negative numbers take ten bytes"),
    ],
)
def test_numbers_are_written_seven_bits_a_byte(value: int, expected: str) -> None:
    assert protobuf.varint(value).hex() == expected


@given(st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_fields_are_read_back(value: int, word: str) -> None:
    assert protodecode.fields(protobuf.number(9, value) + protobuf.text(200, word)) == [
        (9, value),
        (200, word.encode()),
    ]


def test_a_map_is_written_in_the_order_of_its_keys() -> None:
    assert protobuf.string_map(1, {"b": "2", "a": ""}) == bytes.fromhex(
        "0a050a0161120 00a060a0162120132".replace(" ", "")
    )


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        pytest.param(ListMeta(), "0a0012001a00", id="empty fields are written out"),
        pytest.param(ListMeta("7", "t", 0), "0a001201371a01742000", id="no more left is not the same as not told"),
    ],
)
def test_list_metadata(meta: ListMeta, expected: str) -> None:
    assert protobuf.list_meta(meta).hex() == expected


def test_a_bookmark_has_a_version_and_no_time_of_creation() -> None:
    shown = protodecode.message(protobuf.bookmark_meta(Bookmark("9", initial=True)), protodecode.OBJECT_META)
    assert shown == {
        "resourceVersion": "9",
        "creationTimestamp": None,
        "annotations": {"k8s.io/initial-events-end": "true"},
    }


@pytest.mark.parametrize(
    ("failure", "details"),
    [
        pytest.param(bad_request("no"), None, id="without details"),
        pytest.param(too_many_requests(), {"retryAfterSeconds": 1, "causes": []}, id="try again"),
        pytest.param(
            metrics_not_found("podmetrics", "a/b", [Absence(Lack.NO_RATE, "not yet", container="app")]),
            {
                "name": "a/b",
                "group": "metrics.k8s.io",
                "kind": "podmetrics",
                "causes": [{"reason": "NoRate", "message": "not yet", "field": "containers[app]"}],
            },
            id="with causes",
        ),
    ],
)
def test_a_status_says_what_its_json_says(failure: StatusError, details: dict[str, object] | None) -> None:
    expected = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": failure.message}
    expected |= {"reason": failure.reason, "code": failure.code} | ({} if details is None else {"details": details})
    assert protodecode.document(protobuf.status(failure)) == expected
