from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.codec import DECISION_TYPE, PARKED_TYPE
from autoscaler.audit.collected import MOST_TOLD, Collected
from autoscaler.audit.event import Event
from autoscaler.audit.verify import Number
from autoscaler.errors import AuditError, LaterError, MalformedError, OtherError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import parse_instant
from tests.audit.samples import decision

WEB = "shop/Deployment/web"


def event(made: Decision, seq: int, kind: str = DECISION_TYPE) -> Event:
    number = Number(made.key, 7, seq)
    return Event(number=number, id=made.id, time=made.time, type=kind, body=codec.encode(made))


async def collected(*found: Event | MalformedError, namespace: str = "shop") -> Collected:
    async def events() -> AsyncIterator[Event | MalformedError]:
        for each in found:
            yield each

    made = Collected("a file")
    await made.take(events(), namespace)
    return made


def seqs(made: Collected, key: str = WEB) -> Sequence[int | None]:
    records = (made.oldest(key), made.newest(key, changed=True), made.newest(key))
    return [record and record.seq for record in records]


async def test_the_newest_is_that_of_the_highest_number_however_they_came() -> None:
    held = event(decision(3, outcome=Outcome.HELD), 3)
    made = await collected(held, event(decision(1), 1), event(decision(2), 2), held)
    assert (made.targets(), seqs(made)) == ([WEB], [1, 2, 3])
    assert made.newest(WEB, before=parse_instant(decision(1).time) + 0.5).seq == 1  # type: ignore[union-attr]


async def test_another_namespace_and_what_the_broker_refused_are_passed_over() -> None:
    made = await collected(event(decision(1), 1), event(decision(2), 2, PARKED_TYPE))
    assert seqs(made) == [1, 1, 1]
    elsewhere = await collected(event(decision(1), 1), namespace="sho")
    assert (elsewhere.targets(), seqs(elsewhere)) == ([WEB], [None] * 3)


async def test_one_broken_line_is_told_and_nothing_but_broken_lines_is_an_error() -> None:
    broken = MalformedError("notes.txt:1: no record of ours")
    made = await collected(broken, event(decision(1), 1))
    assert (made.targets(), made.unread) == ([WEB], 1)
    assert made.missed() == ["broken: notes.txt:1: no record of ours", "1 could not be read: `audit verify` names them"]
    with pytest.raises(AuditError, match="nothing in it is a record of ours: notes"):
        await collected(broken)


async def test_a_record_that_is_passed_over_while_a_change_is_looked_for_is_told() -> None:
    bent = replace(event(decision(2), 2), body=b'{"id": "web-2", "time": "2027-01-15T08:00:02Z"}')
    made = await collected(event(decision(1), 1), bent, event(decision(3, outcome=Outcome.HELD), 3))
    assert (seqs(made), made.unread) == ([1, 1, 3], 1)
    assert made.missed()[0].startswith("broken: a file: shop/Deployment/web, epoch 7, seq 2: ")


async def test_what_is_no_fault_of_the_record_is_not_counted() -> None:
    strangers = (OtherError("a:1: an event of another type"), LaterError("a:2: of a later release"))
    made = await collected(*strangers, event(decision(1), 1))
    assert (made.unread, made.missed()) == (0, ["later: a:2: of a later release"])


async def test_of_many_broken_lines_the_first_are_told_and_all_are_counted() -> None:
    made = await collected(event(decision(1), 1), *(MalformedError(f"a:{line}") for line in range(2, 1002)))
    assert len(made.missed()) == MOST_TOLD + 1
    assert (made.unread, made.missed()[-1].startswith("1000 could not be read")) == (1000, True)


async def test_a_target_that_is_not_there_has_none() -> None:
    assert seqs(await collected(), WEB) == [None, None, None]


def turn(epoch: int, seq: int, number: int, leadership: int | None, **changes: object) -> Event:
    """A decision made in second `number`, by whoever writes `epoch`."""
    made = decision(number, leadership=leadership, **changes)
    return replace(event(made, seq), number=Number(made.key, epoch, seq))


async def test_two_spools_that_take_turns_are_in_the_order_of_their_leaderships() -> None:
    stream = [turn(9, 1, 1, 1), turn(4, 1, 2, 2), turn(4, 2, 4, 4), turn(9, 2, 3, 3), turn(9, 3, 5, 3)]
    made = await collected(*stream)
    told = [made.oldest(WEB), made.newest(WEB), made.newest(WEB, before=parse_instant(decision(3).time))]
    assert [each and (each.epoch, each.seq) for each in told] == [(9, 1), (4, 2), (9, 2)]
    alone = await collected(turn(9, 1, 1, None), turn(4, 1, 2, None), turn(9, 2, 3, None))
    assert seqs(alone) == [1, 2, 2]


async def test_a_clock_that_was_set_back_does_not_undo_the_numbers() -> None:
    assert seqs(await collected(turn(9, 1, 50, 1), turn(9, 2, 10, 1))) == [1, 2, 2]


async def test_a_write_that_is_told_once_more_counts_once_and_the_fuller_record_is_kept() -> None:
    told_again = turn(4, 1, 1, 1, stages=(), basis=None)
    for stream in ((turn(9, 1, 1, 1), told_again), (told_again, turn(9, 1, 1, 1))):
        made = await collected(*stream)
        newest = made.newest(WEB)
        assert newest is not None
        assert (made.oldest(WEB), codec.decode(newest.body).stages != ()) == (newest, True)


async def test_a_record_of_no_time_is_passed_over() -> None:
    strange = [replace(turn(9, 2, 2, 1), time=time) for time in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "x")]
    made = await collected(turn(9, 1, 1, 1), *strange)
    assert (seqs(made), made.unread) == ([1, 1, 1], 3)
