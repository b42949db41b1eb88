"""Turns are few, in order, and over when they last too long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from autoscaler.control.calm import Calm
from autoscaler.control.turns import LEAST, MOST, Turns

LONG = 3600.0


class Work:
    """What takes a turn each and lasts until it is told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.begun: list[str] = []
        self.ends = {name: asyncio.Event() for name in "abcd"}

    async def one(self, name: str) -> None:
        async with self.turns.turn():
            self.begun.append(name)
            await self.ends[name].wait()


async def looked() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_so_many_at_once_and_then_one_for_each_that_ends() -> None:
    work = Work(Turns(Calm(), 2, 2, LONG))
    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(work.one(name))
        await looked()
        assert work.begun == ["a", "b"]
        work.ends["b"].set()
        await looked()
        assert work.begun == ["a", "b", "c"]
        for end in work.ends.values():
            end.set()
    assert work.begun == ["a", "b", "c", "d"]


async def test_a_turn_that_fails_is_over() -> None:
    turns = Turns(Calm(), 1, 1, LONG)
    with pytest.raises(ValueError, match="no"):
        async with turns.turn():
            raise ValueError("no")
    async with turns.turn():
        pass


@pytest.mark.looptime
async def test_a_turn_that_lasts_too_long_keeps_nobody_waiting_and_is_given_on_once() -> None:
    work, loop = Work(Turns(Calm(), 1, 1, 0.1)), asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(work.one(name))
        await asyncio.sleep(0.15)
        assert work.begun == ["a", "b"]
        work.ends["a"].set()  # its turn was given on already
        await looked()
        assert work.begun == ["a", "b"]
        await asyncio.sleep(0.1)
        assert work.begun == ["a", "b", "c"]
        for end in work.ends.values():
            end.set()
    assert loop.time() - began < 1


async def test_it_is_not_calm_while_somebody_waits_for_a_turn() -> None:
    calm = Calm()
    work = Work(Turns(calm, 1, 1, LONG))
    async with asyncio.TaskGroup() as group:
        group.create_task(work.one("a"))
        await looked()
        await calm.calm()  # one has its turn, and nobody waits
        group.create_task(work.one("b"))
        await looked()
        waits = group.create_task(calm.calm())
        await looked()
        assert not waits.done()
        work.ends["a"].set()
        await looked()
        assert waits.done()
        work.ends["b"].set()


Write = Callable[[], Awaitable[None]]


def one_after_the_other(seconds: float) -> Write:
    """An API server whose processor takes so long over each write."""
    processor = asyncio.Semaphore()

    async def write() -> None:
        async with processor:
            await asyncio.sleep(seconds)

    return write


def side_by_side(seconds: float) -> Write:
    """One that is far away, and takes any number at once."""

    async def write() -> None:
        await asyncio.sleep(seconds)

    return write


async def written(turns: Turns, write: Write, many: int) -> list[float]:
    """How long each of so many decisions that are due at once waits for its write, from when it was made."""
    loop, waited = asyncio.get_running_loop(), list[float]()

    async def one() -> None:
        async with turns.turn():
            decided = loop.time()
            await write()
            waited.append(loop.time() - decided)
        turns.wrote(waited[-1])

    async with asyncio.TaskGroup() as group:
        for _ in range(many):
            group.create_task(one())
    return waited


@pytest.mark.looptime
@pytest.mark.parametrize("seconds", [0.001, 0.01, 0.02, 0.03])
async def test_an_api_server_with_a_queue_gets_few_at_once_and_no_decision_grows_old(seconds: float) -> None:
    loop, turns = asyncio.get_running_loop(), Turns(Calm())
    began = loop.time()
    waited = await written(turns, one_after_the_other(seconds), 400)
    assert sorted(waited)[-4] <= 0.2
    assert loop.time() - began == pytest.approx(400 * seconds), "its processor was never idle"


@pytest.mark.looptime
@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3])
async def test_an_api_server_that_is_only_far_away_gets_as_many_as_may_be(seconds: float) -> None:
    turns = Turns(Calm())
    assert max(await written(turns, side_by_side(seconds), 400)) == pytest.approx(seconds)
    assert turns.limit == MOST


@pytest.mark.looptime
async def test_one_that_becomes_slow_gets_fewer_and_as_many_again_when_it_is_not() -> None:
    turns = Turns(Calm())
    await written(turns, side_by_side(0.01), 200)
    assert turns.limit == MOST
    await written(turns, side_by_side(0.15), 60)
    assert turns.limit == LEAST
    await written(turns, side_by_side(0.01), 200)
    assert turns.limit == MOST


@pytest.mark.looptime
async def test_late_ones_that_were_decided_before_it_was_halved_halve_it_once() -> None:
    turns = Turns(Calm())
    await written(turns, side_by_side(0.01), 200)
    await written(turns, side_by_side(0.15), MOST)
    assert turns.limit == MOST // 2


@pytest.mark.looptime
async def test_who_leaves_while_waiting_leaves_no_place_behind() -> None:
    work = Work(Turns(Calm(), 1, 1, LONG))
    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(work.one(name)) for name in "abcd"}
        await looked()
        tasks["b"].cancel()
        await looked()
        work.ends["a"].set()
        await asyncio.sleep(0)
        tasks["c"].cancel()  # its turn has just been given to it, or is about to be
        await looked()
        assert work.begun[-1] == "d"
        work.ends["d"].set()
    async with work.turns.turn():
        pass
