from __future__ import annotations

from collections.abc import Sequence

import pytest

from autoscaler.audit.codec import Record
from autoscaler.audit.readahead import AHEAD_BYTES, AHEAD_ROWS, MARK_EVERY, ReadAhead
from autoscaler.errors import AuditError
from tests.audit.samples import record
from tests.clock import FakeClock


class Stock:
    """Ten records at first; what is marked is gone."""

    def __init__(self) -> None:
        self.records = [record(number, body=b"x" * 1000) for number in range(1, 11)]
        self.marks: list[int] = []
        self.reads: list[tuple[int, int]] = []
        self.asked = 0
        self.broken = False

    async def news(self) -> None:
        self.asked += 1

    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        self.reads.append((max_bytes, max_rows))
        return [each for each in self.records if each.position > max(self.marks, default=0)]

    async def delivered(self, position: int) -> None:
        if self.broken:
            raise AuditError("audit spool: disk I/O error")
        self.marks.append(position)


class Bench:
    def __init__(self) -> None:
        self.stock = Stock()
        self.clock = FakeClock()
        self.told: list[int] = []
        self.ahead = ReadAhead(self.stock, self.clock, [lambda some: self.told.extend(each.position for each in some)])

    async def round(self, rows: int = 4) -> list[int]:
        return [each.position for each in await self.ahead.round(1 << 20, rows)]

    async def send(self, rows: int = 4) -> list[int]:
        """A round that is acknowledged."""
        records = await self.ahead.round(1 << 20, rows)
        await self.ahead.acknowledged(records)
        return [each.position for each in records]


async def test_one_read_and_one_mark_make_three_rounds() -> None:
    bench = Bench()
    assert [await bench.send() for _ in range(3)] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert bench.stock.reads == [(AHEAD_BYTES, AHEAD_ROWS)]
    assert bench.stock.marks == [10]
    assert bench.told == list(range(1, 11)), "once they are marked"
    assert await bench.round() == []


async def test_a_round_is_bounded_by_bytes_and_never_empty_for_a_large_record() -> None:
    ahead = Bench().ahead
    assert len(await ahead.round(3500, 80)) == 3
    assert len(await ahead.round(10, 80)) == 1


async def test_a_round_is_the_same_until_it_is_acknowledged() -> None:
    bench = Bench()
    assert await bench.round() == await bench.round() == [1, 2, 3, 4]
    await bench.ahead.acknowledged((await bench.ahead.round(1 << 20, 4))[:1])
    assert await bench.round() == [2, 3, 4, 5]


async def test_where_kafka_is_slow_every_round_is_marked() -> None:
    bench = Bench()
    for _ in range(2):
        await bench.round()
        await bench.clock.advance(MARK_EVERY)
        await bench.send()
    assert bench.stock.marks == [4, 8]
    assert len(bench.stock.reads) == 1


async def test_what_is_to_be_marked_at_once_is() -> None:
    bench = Bench()
    await bench.ahead.acknowledged((await bench.ahead.round(1 << 20, 4))[:1], at_once=True)
    assert bench.stock.marks == [1]


async def test_what_is_forgotten_is_read_anew_after_the_mark_of_what_was_acknowledged() -> None:
    bench = Bench()
    await bench.send()
    bench.ahead.forget()
    assert await bench.round() == [5, 6, 7, 8]
    assert bench.stock.marks == [4]
    assert len(bench.stock.reads) == 2


async def test_a_mark_that_fails_is_made_later_and_nothing_is_read_before() -> None:
    bench = Bench()
    await bench.send()
    bench.stock.broken = True
    bench.ahead.forget()
    with pytest.raises(AuditError):
        await bench.round()
    assert (len(bench.stock.reads), bench.told) == (1, [])
    bench.stock.broken = False
    await bench.ahead.mark()
    assert (bench.stock.marks, bench.told) == ([4], [1, 2, 3, 4])
    await bench.ahead.mark()
    assert bench.stock.marks == [4], "nothing is left to mark"


async def test_nobody_is_asked_for_news_while_something_is_left() -> None:
    bench = Bench()
    await bench.ahead.news()
    assert await bench.send() == [1, 2, 3, 4]
    await bench.ahead.news()
    assert bench.stock.asked == 1
    assert bench.ahead.more


@pytest.mark.parametrize(
    ("size", "count", "more"),
    [
        pytest.param(1, AHEAD_ROWS, True, id="as many rows as were asked for"),
        pytest.param(AHEAD_BYTES // 20, 12, True, id="few large ones"),
        pytest.param(1000, 10, False, id="all there is"),
    ],
)
async def test_more_may_wait_when_a_read_was_full(size: int, count: int, *, more: bool) -> None:
    bench = Bench()
    bench.stock.records = [record(number, body=b"x" * size) for number in range(1, count + 1)]
    await bench.send(AHEAD_ROWS)
    assert bench.ahead.more is more
