from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.event import LARGEST, Event, from_line, from_message, from_spool, line, subject
from autoscaler.audit.kind import Kind
from autoscaler.audit.verify import Number
from autoscaler.errors import LaterError, MalformedError, OtherError
from tests.audit.samples import decision, record

KEY = b"shop/Deployment/web"


def test_all_places_give_the_same_event() -> None:
    kept = record(3)
    spooled = from_spool(kept)
    sent = from_message(KEY, codec.headers(kept), kept.body, "topic[0]@5")
    written = from_line(line(spooled), "file:1")
    for event in (spooled, sent, written):
        assert event.number == Number("shop/Deployment/web", 7, 3)
        assert (event.id, event.time, event.type) == ("web-3", "2027-01-15T08:00:03.000000Z", codec.DECISION_TYPE)
        assert event.decision() == decision(3)
        assert not event.parked
    assert [event.where for event in (spooled, sent, written)] == ["position 3", "topic[0]@5", "file:1"]


def test_all_places_tell_how_many_numbers_before_it_were_dropped() -> None:
    kept = replace(record(3), shed=2)
    spooled = from_spool(kept)
    sent = from_message(KEY, codec.headers(kept), kept.body, "x")
    assert spooled.number == sent.number == from_line(line(spooled), "x").number == Number(kept.key, 7, 3, 2)


def test_a_line_is_a_cloud_event_in_structured_mode() -> None:
    text = line(from_spool(record(3)))
    event = json.loads(text)
    assert b"\n" not in text
    assert event.pop("data") == json.loads(record(3).body)
    assert event == {
        "specversion": "1.0",
        "id": "web-3",
        "source": "/hpa-companion/autoscaler",
        "type": "dev.hpa-companion.decision.v1",
        "subject": "shop/Deployment/web",
        "time": "2027-01-15T08:00:03.000000Z",
        "datacontenttype": "application/json",
        "epoch": "7",
        "seq": 3,
    }


def test_whose_a_line_is_can_be_seen_without_reading_it() -> None:
    text = line(from_spool(record(3)))
    assert subject(text) == KEY
    assert subject(text.replace(b'"subject":', b'"subject": ')) is None
    assert subject(text.replace(b"shop/Deployment/web", b'shop\\"/Deployment/web')) is None
    inner = b'{"data":{"subject":"other/Deployment/web"},"subject":"shop/Deployment/web"}'
    assert subject(inner) is None, "somebody else's"
    assert subject(b"") is None


def test_a_refused_record_is_known_by_its_type() -> None:
    stub = codec.stub(record(3), "too large")
    event = from_message(KEY, codec.headers(stub, codec.PARKED_TYPE), stub.body, "x")
    assert event.parked
    assert from_line(line(event), "y").parked
    with pytest.raises(MalformedError):
        event.decision()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="none"),
        pytest.param([*codec.headers(record(3))[:-1], ("seq", b"three")], id="a number that is none"),
        pytest.param([*codec.headers(record(3))[:-1], ("seq", b"\xff")], id="no text"),
    ],
)
def test_a_message_of_somebody_else_is_named_by_its_place(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(MalformedError, match=r"^topic\[1\]@9: no record of ours"):
        from_message(None, headers, None, "topic[1]@9")


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'{"id":1}', b"\xff", line(from_spool(record(3)))[:-5]])
def test_a_line_of_something_else_is_named_by_its_place(text: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^file:2: no record of ours"):
        from_line(text, "file:2")


def test_a_body_without_an_id_is_no_event() -> None:
    with pytest.raises(MalformedError):
        from_spool(record(1, body=b"{}"))


def test_an_event_knows_its_target() -> None:
    event = Event(number=Number("a/b/c", 1, 1), id="", time="", type="", body=b"")
    assert event.key == "a/b/c"


@pytest.mark.parametrize(
    "changed",
    [
        {"seq": 0},
        {"seq": -4},
        {"epoch": "-1"},
        {"shed": -5},
        {"data": "deep"},
        {"seq": 1 << 63},
        {"seq": 10**4000},
        {"epoch": "9" * 19},
        {"epoch": "1" * 9999},
        {"shed": 1 << 63},
    ],
)
def test_numbers_that_no_spool_gives_and_nested_lines_are_malformed(changed: dict[str, object]) -> None:
    whole = json.loads(line(from_spool(record(2))))
    text = json.dumps(whole | changed).encode().replace(b'"deep"', b"[" * 100_000)
    with pytest.raises(MalformedError, match="a file:1: no record of ours"):
        from_line(text, "a file:1")


FOREIGN = "com.example.order.placed"
NEXT = "dev.hpa-companion.decision.v2"


def sent(kind: str, without: str = "") -> Event:
    kept = record(3)
    return from_message(KEY, [each for each in codec.headers(kept, kind) if each[0] != without], kept.body, "t[0]@5")


def written(kind: str, without: str = "") -> Event:
    found = json.loads(line(from_spool(record(3)))) | {"type": kind}
    found.pop(without, None)
    return from_line(json.dumps(found).encode(), "t[0]@5")


@pytest.mark.parametrize("without", ["", "epoch"])
@pytest.mark.parametrize("read", [sent, written])
def test_an_event_of_another_type_is_no_record_whatever_else_it_has(
    read: Callable[[str, str], Event], without: str
) -> None:
    with pytest.raises(OtherError, match=rf"^t\[0\]@5: no record of ours: an event of the type '{FOREIGN}'"):
        read(FOREIGN, without)
    with pytest.raises(OtherError):
        read(codec.PROBE_TYPE, without)


@pytest.mark.parametrize("read", [sent, written])
def test_a_record_of_a_later_type_has_its_place_and_is_not_read(read: Callable[[str, str], Event]) -> None:
    event = read(NEXT, "")
    assert (event.kind, event.parked, event.number.seq) == (Kind.LATER, False, 3)
    with pytest.raises(LaterError, match=f"of a later release: type {NEXT}"):
        event.decision()
    with pytest.raises(LaterError, match=rf"^t\[0\]@5: .*type {NEXT}, without a place"):
        read(NEXT, "seq")


@pytest.mark.parametrize("text", [" 7", "7 ", "1_0", "+7", "\u0667", "\u00b2", "07", "7.0", "", "0x7", "9" * 19])
def test_a_number_that_no_spool_writes_so_is_malformed(text: str) -> None:
    whole = json.loads(line(from_spool(record(2)))) | {"epoch": text}
    with pytest.raises(MalformedError, match="x: no record of ours"):
        from_line(json.dumps(whole).encode(), "x")
    for name in ("epoch", "seq", "shed"):
        with pytest.raises(MalformedError, match="x: no record of ours"):
            from_message(KEY, [*codec.headers(record(2)), (name, text.encode())], record(2).body, "x")


def test_the_largest_numbers_are_read() -> None:
    whole = json.loads(line(from_spool(record(2)))) | {"epoch": str(LARGEST), "seq": LARGEST}
    assert from_line(json.dumps(whole).encode(), "x").number == Number(KEY.decode(), LARGEST, LARGEST)


def test_another_version_of_cloud_events_is_not_read() -> None:
    text = line(from_spool(record(2)))
    for other in (
        text.replace(b'"specversion":"1.0",', b""),
        text.replace(b'"specversion":"1.0"', b'"specversion":"0.3"'),
    ):
        with pytest.raises(MalformedError, match=r"x: no record of ours: .*specversion"):
            from_line(other, "x")
    for value in ([], [("ce_specversion", b"0.3")]):
        with pytest.raises(MalformedError, match=r"x: no record of ours: .*specversion"):
            from_message(KEY, [*codec.headers(record(3))[1:], *value], record(3).body, "x")


def test_headers_of_others_are_left_alone() -> None:
    kept = record(3)
    extra = [("trace", b"\xff"), ("empty", None)]
    assert from_message(KEY, [*codec.headers(kept), *extra], kept.body, "x").id == "web-3"  # type: ignore[list-item]
    with pytest.raises(MalformedError, match="x: no record of ours"):
        from_message(KEY, [*codec.headers(kept), ("seq", None)], kept.body, "x")  # type: ignore[list-item]
