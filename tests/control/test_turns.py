"""Turns are few, in order, and over when they last too long."""

from __future__ import annotations

import asyncio

import pytest

from autoscaler.control.calm import Calm
from autoscaler.control.turns import Turns

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
    work = Work(Turns(Calm(), 2, LONG))
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
    turns = Turns(Calm(), 1, LONG)
    with pytest.raises(ValueError, match="no"):
        async with turns.turn():
            raise ValueError("no")
    async with turns.turn():
        pass


@pytest.mark.looptime
async def test_a_turn_that_lasts_too_long_keeps_nobody_waiting_and_is_given_on_once() -> None:
    work, loop = Work(Turns(Calm(), 1, 0.1)), asyncio.get_running_loop()
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
    work = Work(Turns(calm, 1, LONG))
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
