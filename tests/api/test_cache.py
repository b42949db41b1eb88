import asyncio

import pytest

from autoscaler.api import cache
from autoscaler.api.cache import ReviewCache
from autoscaler.errors import UnreachableError
from tests.clock import FakeClock, settle


class Source:
    """Counts what it is asked; answers when `gate` opens."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> str:
        self.asked += 1
        await self.gate.wait()
        if self.error:
            raise self.error
        return f"answer {self.asked}"


async def test_an_answer_holds_for_its_time_and_not_longer() -> None:
    clock, source = FakeClock(), Source()
    answers: ReviewCache[str] = ReviewCache(clock, 10)
    assert [await answers.get(b"k", source) for _ in range(2)] == ["answer 1", "answer 1"]
    await clock.advance(9.9)
    assert await answers.get(b"k", source) == "answer 1"
    await clock.advance(0.2)
    assert await answers.get(b"k", source) == "answer 2"


async def test_many_who_ask_at_once_share_one_call() -> None:
    source = Source()
    source.gate.clear()
    answers: ReviewCache[str] = ReviewCache(FakeClock(), 10)
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(answers.get(b"k", source)) for _ in range(50)]
        await settle()
        source.gate.set()
    assert {task.result() for task in asking} == {"answer 1"}
    assert source.asked == 1


async def test_an_error_reaches_those_who_waited_and_is_not_kept() -> None:
    source = Source()
    source.gate.clear()
    source.error = UnreachableError("down")
    answers: ReviewCache[str] = ReviewCache(FakeClock(), 10)
    asking = asyncio.gather(*(answers.get(b"k", source) for _ in range(5)), return_exceptions=True)
    await settle()
    source.gate.set()
    assert [type(each) for each in await asking] == [UnreachableError] * 5
    assert source.asked == 1
    source.error = None
    assert await answers.get(b"k", source) == "answer 2"


async def test_when_the_one_who_asks_leaves_another_takes_over() -> None:
    source = Source()
    source.gate.clear()
    answers: ReviewCache[str] = ReviewCache(FakeClock(), 10)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(answers.get(b"k", source))
        await settle()
        second = tasks.create_task(answers.get(b"k", source))
        leaves_too = tasks.create_task(answers.get(b"k", source))
        await settle()
        leaves_too.cancel()
        first.cancel()
        await settle()
        source.gate.set()
    assert second.result() == "answer 2"


async def test_the_oldest_go_first_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRIES", 2)
    source = Source()
    answers: ReviewCache[str] = ReviewCache(FakeClock(), 10)
    for key in (b"a", b"b", b"c", b"c", b"a"):
        await answers.get(key, source)
    assert source.asked == 4


def test_a_key_does_not_show_what_it_stands_for_and_differs_between_processes() -> None:
    one: ReviewCache[str] = ReviewCache(FakeClock(), 10)
    two: ReviewCache[str] = ReviewCache(FakeClock(), 10)
    assert one.key("token") == one.key("token") != two.key("token")
    assert one.key("a", "b") != one.key("ab", "")
    assert b"token" not in one.key("token")
