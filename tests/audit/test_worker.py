from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from autoscaler.audit import codec
from autoscaler.audit.entry import Entry
from autoscaler.audit.room import OnFull, Pressure
from autoscaler.audit.sharing import Sharing
from autoscaler.audit.spool import Spool
from autoscaler.audit.worker import Answer, Append, Call, Item, State, Worker
from autoscaler.errors import SpoolFullError, UnwritableError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.plan import Action
from tests.audit.samples import NOON, decision


class Office:
    """Gives work and gathers answers."""

    def __init__(self, spool: Spool) -> None:
        self.answers: list[Answer] = []
        self.news = asyncio.Event()
        self.worker = Worker(spool, Sharing(60.0), self.told)

    def told(self, answer: Answer) -> None:
        self.answers.append(answer)
        if answer.last:
            self.news.set()

    async def done(self, items: Sequence[Item]) -> list[object]:
        self.news.clear()
        self.worker.give(items)
        await self.news.wait()
        return [result for answer in self.answers for result in answer.results]


@contextmanager
def office(directory: Path, max_bytes: int = 1 << 30, on_full: OnFull = OnFull.SHED) -> Iterator[tuple[Office, Spool]]:
    spool = Spool(directory, now=NOON, forwarding=True, max_bytes=max_bytes, on_full=on_full)
    opened = Office(spool)
    opened.worker.start()
    yield opened, spool
    opened.worker.end()
    assert opened.worker.ended(10.0)
    spool.close()


def append(what: Decision | Entry) -> Append:
    return Append(what, asyncio.get_running_loop().create_future(), 0.0)


def call(act: object) -> Call:
    return Call(act, asyncio.get_running_loop().create_future())  # type: ignore[arg-type]  # a test gives what it likes


def held(number: int) -> Decision:
    return decision(number, action=Action.HOLD, outcome=Outcome.HELD, current=5, desired=5)


def entry(key: str = "web", body: bytes = b"x") -> Entry:
    return Entry(key, NOON, changed=True, body=body)


def ids(results: Sequence[object]) -> list[object]:
    return [each.id if isinstance(each, Entry) else type(each) for each in results]


async def test_records_that_stand_together_share_a_commit_and_calls_come_between(tmp_path: Path) -> None:
    with office(tmp_path) as (desk, spool):
        results = await desk.done([append(entry()), append(entry()), call(spool.backlog), append(entry())])
    assert results == [entry(), entry(), (2, NOON), entry()]
    assert [(each.state, each.last) for each in desk.answers] == [
        (State((2, NOON), Pressure.NONE), False),
        (State((2, NOON), Pressure.NONE), False),
        (State((3, NOON), Pressure.NONE), True),
    ]


async def test_an_error_of_one_is_its_own(tmp_path: Path) -> None:
    with office(tmp_path) as (desk, spool):
        results = await desk.done(
            [append(held(1)), append(decision(2, error="\ud800")), append(held(3)), call(lambda: 1 // 0)]
        )
        assert ids(results) == ["web-1", UnwritableError, "web-3", ZeroDivisionError]
        await desk.done([append(decision(4, error="\ud800"))])
        await desk.done([append(decision(5))])
        assert [(each.seq, each.shed) for each in spool.undelivered(1 << 20, 10)] == [(2, 1), (3, 0), (5, 1)]


async def test_what_joins_is_decided_by_what_stands(tmp_path: Path) -> None:
    with office(tmp_path, max_bytes=1 << 20) as (desk, spool):
        assert ids(await desk.done([append(held(1)), append(held(2))])) == ["web-1", "web-1"]
        while spool.pressure is Pressure.NONE:
            desk.answers.clear()
            await desk.done([append(entry("fill", b"x" * 9000)), append(Entry("idle", NOON, False, b"x", spare=True))])
        desk.answers.clear()
        assert await desk.done([append(held(3))]) == [None], "it was dropped, and has ended what stood"
        spool.delivered(spool.undelivered(1 << 30, 1 << 20)[-1].position)
        desk.answers.clear()
        assert ids(await desk.done([append(held(4)), append(held(5))])) == ["web-4", "web-4"]
        spool.settle()
        [record] = [each for each in spool.undelivered(1 << 30, 10) if each.key.endswith("web")]
        assert len(codec.decode(record.body).repeats) == 1


async def test_what_the_spool_refused_is_joined_by_nobody(tmp_path: Path) -> None:
    with office(tmp_path, max_bytes=1 << 20) as (desk, spool):
        refused = await desk.done([append(held(1)), append(entry("big", b"x" * (2 << 20)))])
        assert ids(refused) == [SpoolFullError] * 2
        desk.answers.clear()
        assert ids(await desk.done([append(held(2))])) == ["web-2"]
        spool.settle()
        [record] = spool.undelivered(1 << 20, 10)
        assert (record.seq, record.shed) == (2, 1)


async def test_who_has_room_reserved_is_not_refused_for_the_sake_of_its_company(tmp_path: Path) -> None:
    with office(tmp_path, max_bytes=1 << 20, on_full=OnFull.HALT) as (desk, spool):
        spool.reserve("web", b"x" * 1400)
        with suppress(SpoolFullError):
            while True:
                spool.append([entry("fill", b"x" * 30_000)])
        company = [append(entry(f"company {name}", b"x" * 20_000)) for name in "abcd"]
        own, later = append(entry("web", b"x" * 1400)), append(entry("web", b"x" * 30_000))
        await desk.done([*company, own, later])
        assert [ids(each.results) for each in desk.answers] == [[""], [SpoolFullError] * 5]
        assert spool.undelivered(1 << 30, 1000)[-1].key == "web"
