from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.audit.event import Event, from_message
from autoscaler.audit.wanted import Wanted
from autoscaler.cli.auditverify import verify
from autoscaler.core import explanation
from autoscaler.core.repeats import expanded, repeat
from autoscaler.errors import LaterError, MalformedError, OtherError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.plan import Action
from tests.audit.samples import cpu_proposal, decision, record, stages

Found = Event | MalformedError


def event(kept: Record, kind: str = codec.DECISION_TYPE) -> Event:
    return from_message(kept.key.encode(), codec.headers(kept, kind), kept.body, f"topic[0]@{kept.position}")


ONE, TWO, THREE = (event(record(number)) for number in (1, 2, 3))
PARKED = event(codec.stub(record(2), "too large"), codec.PARKED_TYPE)
FORGED = event(replace(record(2), body=codec.encode(decision(2, desired=6))))
ELSEWHERE = replace(TWO, id="another")


async def stream(*found: Found) -> AsyncIterator[Found]:
    for each in found:
        yield each


async def report(*found: Found, wanted: Wanted = Wanted(), output: str = "text") -> tuple[int, str]:  # noqa: B008
    out = io.StringIO()
    code = await verify(stream(*found), wanted, output, out)
    return code, out.getvalue()


@pytest.mark.parametrize(
    ("found", "code", "told"),
    [
        pytest.param((ONE, TWO, THREE), 0, "3 records of 1 target, 3 evaluations", id="whole"),
        pytest.param((TWO, THREE), 0, "the record is whole", id="the beginning is kept no more"),
        pytest.param((ONE, TWO, TWO, THREE), 0, "duplicates        1 (legal", id="twice"),
        pytest.param((ONE, PARKED, THREE), 0, "refused by Kafka  1", id="one that the broker refused"),
        pytest.param((ONE, THREE), 1, "shop/Deployment/web, epoch 7: 2", id="a gap"),
        pytest.param((ONE, THREE, TWO), 1, "out of order      1", id="too late"),
        pytest.param((ONE, MalformedError("topic[0]@9: no record")), 1, "    topic[0]@9: no record", id="unreadable"),
        pytest.param((ONE, replace(TWO, body=b"{}")), 1, "topic[0]@2: audit record", id="a body that is none"),
        pytest.param((ONE, ELSEWHERE), 1, "id, time or key differ", id="a body of another record"),
        pytest.param((ONE, FORGED), 1, "says 6, its sums give 5", id="a number its sums do not give"),
    ],
)
async def test_reports(found: tuple[Found, ...], code: int, told: str) -> None:
    exit_code, text = await report(*found)
    assert (exit_code, told in text) == (code, True), text
    assert text.endswith("the record is whole\n" if code == 0 else "the record is NOT whole\n")


async def test_only_the_wanted_targets_are_judged() -> None:
    other = event(record(1, "db")), event(record(3, "db"))
    assert (await report(ONE, TWO, *other, wanted=Wanted(target="shop/web")))[0] == 0
    assert (await report(ONE, TWO, *other))[0] == 1


async def test_nothing_checked_is_never_whole() -> None:
    code, text = await report()
    assert (code, text) == (1, "nothing was checked: there are no records\n")
    code, text = await report(ONE, wanted=Wanted(target="typo/*"))
    assert (code, text.splitlines()) == (
        1,
        ["nothing was checked: no record is about that target; there are", "    shop/Deployment/web"],
    )
    code, text = await report(MalformedError("line 1"), wanted=Wanted(target="typo/*"))
    assert (code, text.splitlines()[-1]) == (1, "the record is NOT whole")


async def test_a_program_gets_the_same() -> None:
    code, text = await report(ONE, THREE, output="json")
    found = json.loads(text)
    assert (code, found["sound"]) == (1, False)
    assert found["report"]["verdict"]["missing"] == [{"key": "shop/Deployment/web", "epoch": 7, "first": 2, "last": 2}]


async def test_a_long_list_of_faults_is_cut() -> None:
    _, text = await report(*[MalformedError(f"line {number}") for number in range(30)])
    assert "unreadable        30" in text
    assert "and 10 more" in text


def turn(epoch: int, seq: int, number: int, leadership: int) -> Event:
    made = decision(number, leadership=leadership)
    return event(replace(record(number, body=codec.encode(made)), epoch=epoch, seq=seq))


async def test_two_spools_that_take_turns_are_whole_whichever_is_older() -> None:
    turns = [turn(9, 1, 1, 1), turn(4, 1, 3, 2), turn(9, 2, 2, 1), turn(9, 3, 4, 3), turn(4, 2, 5, 4)]
    assert (await report(*turns))[0] == 0
    code, text = await report(*turns[:2], *turns[3:])
    assert (code, "shop/Deployment/web, epoch 9: 2" in text) == (1, True)


async def test_it_says_what_it_cannot_see_and_how_many_were_not_kept() -> None:
    code, text = await report(ONE, event(replace(record(3), shed=1)))
    assert (code, text.splitlines()[-1]) == (0, "the record is whole, but for 1 number not kept")
    assert "status.lastDecisionId" in text
    assert "a whole epoch" in text


async def test_a_record_of_a_later_release_counts_and_is_told() -> None:
    body = json.loads(TWO.body) | {"reason": "QuotaReached"}
    code, text = await report(ONE, replace(TWO, body=json.dumps(body).encode()), THREE)
    assert (code, text.splitlines()[-1]) == (0, "the record is whole")
    assert "of a later release 1 " in text
    assert "topic[0]@2: audit record of a later release: reason 'QuotaReached'" in text
    assert "missing           0" in text


async def test_a_later_type_counts_and_other_events_are_passed_over() -> None:
    later = replace(TWO, type="dev.hpa-companion.decision.v2")
    code, text = await report(ONE, OtherError("an order"), later, THREE, OtherError("another"))
    assert (code, text.splitlines()[-1]) == (0, "the record is whole")
    assert "topic[0]@2: audit record of a later release: type dev.hpa-companion.decision.v2" in text
    assert "no records of ours 2 (events of other types, passed over)" in text
    code, text = await report(ONE, LaterError("topic[0]@2: of later"), THREE)
    assert (code, "    topic[0]@2: of later" in text) == (1, True), "its place is not known: there is a gap"
    code, text = await report(OtherError("an order"))
    assert (code, text.splitlines()) == (
        1,
        ["  no records of ours 1 (events of other types, passed over)", "nothing was checked: there are no records"],
    )


RETOLD = decision(9, id="web-2", stages=(), basis=None)
HOLD = decision(2, action=Action.HOLD, outcome=Outcome.HELD, current=5, desired=5)


def made(decided: Decision, seq: int, epoch: int = 7) -> Event:
    return event(replace(record(seq, body=codec.encode(decided)), epoch=epoch))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param(
            (ONE, TWO, made(decision(12), 2), THREE), "seq 2, id web-12: the number of another record", id="one number"
        ),
        pytest.param((ONE, made(HOLD, 2), made(HOLD, 3)), "seq 3, id web-2: the id of another record", id="one id"),
        pytest.param(
            (ONE, TWO, made(replace(RETOLD, desired=4), 3)), "seq 3, id web-2: the id of another record", id="changes"
        ),
        pytest.param(
            (ONE, TWO, event(replace(record(2), key="shop/Deployment/db"))), "the id of another record", id="targets"
        ),
        pytest.param(
            (ONE, TWO, made(decision(2, error="forged"), 2), THREE), "it said something else before", id="contents"
        ),
    ],
)
async def test_conflicting_records_are_told(found: tuple[Event, ...], told: str) -> None:
    code, text = await report(*found)
    assert (code, told in text) == (1, True), text
    assert "conflicting       1" in text
    code, text = await report(*found, output="json")
    [listed] = json.loads(text)["report"]["conflicts"]["first"]
    assert (code, listed.endswith(told)) == (1, True)


@pytest.mark.parametrize("epoch", [7, 8])
async def test_a_change_told_again_by_the_next_leader_is_no_conflict(epoch: int) -> None:
    again = made(RETOLD, 3 if epoch == 7 else 1, epoch)
    code, text = await report(ONE, TWO, again, TWO, again)
    assert (code, "told again        1 (legal" in text, "duplicates        2" in text) == (0, True, True), text


async def test_a_record_that_was_refused_after_all_is_a_duplicate() -> None:
    for found in ((ONE, PARKED, TWO), (ONE, TWO, PARKED)):
        code, text = await report(*found)
        assert (code, "duplicates        1" in text) == (0, True), text


async def test_nothing_of_a_record_moves_a_terminal() -> None:
    _, text = await report(replace(ONE, id="\x1b[31m"), replace(TWO, where="\x1b]0;x"), FORGED)
    assert "\x1b" not in text


RUSHED = replace(HOLD, id="web-3", repeats=(repeat(HOLD, decision(9)),))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param((ONE, made(decision(2, outcome=Outcome.HELD), 2)), "contradictory     1", id="contradictory"),
        pytest.param((ONE, replace(PARKED, body=b'{"id":"web-2"}')), "topic[0]@2: parked record: Object", id="parked"),
        pytest.param((ONE, replace(PARKED, id="web-7")), "parked record: id or time differ", id="another's stub"),
        pytest.param(
            (ONE, replace(PARKED, body=PARKED.body.replace(b"too large", b""))),
            "neither may be missing",
            id="no reason",
        ),
        pytest.param(
            (ONE, made(decision(0), 2)),
            "seq 2: 2027-01-15T08:00:00.000000Z is before 2027-01-15T08:00:01.000000Z, of seq 1",
            id="a time before the one before",
        ),
        pytest.param((made(RUSHED, 1), made(decision(8), 2)), "time goes back    1", id="a time before its last row"),
        pytest.param(
            (ONE, replace(TWO, body=TWO.body[:-1] + b',"more":"' + b"x" * codec.MAX_BODY + b'"}')),
            "65536 are the most",
            id="longer than any",
        ),
    ],
)
async def test_what_no_record_of_ours_says(found: tuple[Event, ...], told: str) -> None:
    code, text = await report(*found)
    assert (code, told in text) == (1, True), text


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(made(decision(1, id="web-2"), 2), id="at the same time"),
        pytest.param(made(decision(0), 2, 8), id="in another epoch"),
        pytest.param(
            made(decision(0, id="x", policy=replace(decision().policy, name="other")), 2), id="by another policy"
        ),
        pytest.param(made(replace(RETOLD, time=decision(0).time), 2), id="told again by the next leader"),
    ],
)
async def test_a_time_that_need_not_be_later(other: Event) -> None:
    code, text = await report(ONE, other)
    assert code == 0, text


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the numbers of a body are, and what may be one."""
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, step))
    elif not isinstance(value, str | bool):
        yield path


@pytest.mark.parametrize("value", [-1, 0, 2**31, 2**63 - 1, -(2**63), 2**63, 10**400, 1e308, -1e308, 5e-324])
async def test_no_number_in_a_record_is_too_much_for_a_reader(value: float) -> None:
    """`tail` and `show` tell what `verify` computes, in the same words."""
    proposals = (cpu_proposal(), cpu_proposal(requests=None, target_type="AverageValue", target=500))
    first = decision(2, action=Action.HOLD, outcome=Outcome.HELD, stages=(*proposals, *stages()[1:]))
    whole = json.loads(codec.encode(replace(first, repeats=(repeat(first, first),))))
    for path in leaves(whole):
        body = json.loads(json.dumps(whole))
        inner = body
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        found = replace(TWO, body=json.dumps(body).encode())
        assert (await report(found))[0] in (0, 1)
        with suppress(MalformedError):
            for each in expanded(found.decision()):
                assert list(explanation.lines(explanation.explained(each)))
