import json
from collections import Counter

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec, event
from autoscaler.audit.event import from_spool
from autoscaler.cli import replay
from autoscaler.cli.replayitems import CUT, OTHERS, PLACELESS, REFUSED, Body, Unread, item, stranger
from autoscaler.errors import AuditError, LaterError, MalformedError, OtherError
from bench import week
from tests.audit import samples
from tests.audit.samples import NOON
from tests.cli.recordlines import others, replayed, rewritten, steady

EVENT = from_spool(replace(samples.record(3), shed=2))
LATER = "dev.hpa-companion.decision.v2"


def test_a_decision_is_to_be_made_again_and_other_records_have_a_place_and_a_reason():
    assert item(EVENT) == Body(EVENT.key, 7, 3, EVENT.body, 2)
    assert item(replace(EVENT, type=codec.PARKED_TYPE)) == Unread(EVENT.key, 7, 3, NOON + 3, REFUSED, 2)
    told = f"audit record of a later release: type {LATER}"
    assert item(replace(EVENT, type=LATER)) == Unread(EVENT.key, 7, 3, NOON + 3, told, 2)
    with pytest.raises(MalformedError):
        item(replace(EVENT, type=LATER, time="noon"))


@pytest.mark.parametrize(
    ("error", "told"), [(OtherError("x"), OTHERS), (LaterError("x"), PLACELESS), (MalformedError("x"), "")]
)
def test_what_is_broken_is_no_stranger(error, told):
    assert stranger(error) == told


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return steady(tmp_path_factory.mktemp("record") / "decisions.jsonl")


@pytest.mark.parametrize("left", [1, 60, 400, -1], ids=["a byte", "its head", "half of it", "all but its end"])
def test_a_last_line_that_was_cut_off_is_told_and_the_others_replayed(record, tmp_path, left):
    *_, last = record.read_bytes().splitlines()
    source = rewritten(record, tmp_path / "cut.jsonl", lambda text: [*text[:-1], last[:left]])
    code, told = replayed(source=source, output="json")
    found = json.loads(told)
    alone = rewritten(record, tmp_path / "alone.jsonl", lambda text: text[:-1])
    assert (code, found["identical"]) == (1, json.loads(replayed(source=alone, output="json")[1])["identical"])
    assert found["passed_over"] == [{"events": 1, "reason": CUT, "broken": True}]
    assert f"1 passed over: {CUT}" in replayed(source=source)[1]
    whole = rewritten(record, tmp_path / "whole.jsonl", lambda text: [*text[:-1], last])
    assert replayed(source=whole)[0] == 0, "only its line feed is not there"
    ended = rewritten(record, tmp_path / "ended.jsonl", lambda text: [*text[:-1], last[:left], b"\n"])
    with pytest.raises(AuditError, match="audit verify"):
        replayed(source=ended)


def test_events_of_other_types_end_nothing_and_are_counted(record, tmp_path):
    code, told = replayed(source=rewritten(record, tmp_path / "others.jsonl", others), output="json")
    found = json.loads(told)
    assert (code, found["identical"], found["numbers"]["missing"]) == (0, 36, 0)
    assert [(each["evaluations"], each["reason"]) for each in found["unanswerable"]] == [
        (1, "audit record of a later release: type dev.hpa-companion.decision.v2")
    ]
    assert [(each["events"], each["reason"]) for each in found["passed_over"]] == [(2, OTHERS), (1, PLACELESS)]


def test_a_record_of_nothing_that_can_be_decided_ends_with_1(record, tmp_path):
    source = rewritten(
        record, tmp_path / "later.jsonl", lambda text: [each.replace(b"decision.v1", b"decision.v2") for each in text]
    )
    for output in ("text", "html"):
        code, told = replayed(source=source, output=output)
        assert code == 1
        assert "none of 12 evaluations could be replayed" in told
    source = rewritten(record, tmp_path / "orders.jsonl", lambda text: [text[0].replace(b"decision.v1", b"x")])
    with pytest.raises(AuditError, match=f"no record in .*; only 1 {OTHERS}"):
        replayed(source=source)


def test_what_a_topic_has_beside_its_records_is_counted(record):
    first, *_ = (event.from_line(each, "t[0]@1") for each in record.read_bytes().splitlines())
    counted = Counter()
    parked = replace(first, type=codec.PARKED_TYPE)
    found = [*replay._told(parked, counted), *replay._told(OtherError("t[0]@9: an order"), counted)]
    assert found == [Unread(first.key, 1, 1, week.START, REFUSED)]
    assert counted == {OTHERS: 1}
    with pytest.raises(AuditError, match=r"t\[0\]@1: .*see `audit verify`"):
        list(replay._told(replace(parked, time="noon"), counted))
    with pytest.raises(AuditError, match="t: garbage; `audit verify`"):
        list(replay._told(MalformedError("t: garbage"), counted))
