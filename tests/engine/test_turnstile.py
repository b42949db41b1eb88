import asyncio

from autoscaler.engine.turnstile import Turnstile


async def test_so_many_pass_before_others_have_their_turn() -> None:
    turnstile, told = Turnstile(at_once=2), []

    async def passing(name: str) -> None:
        await turnstile.passed()
        told.append(name)

    async def other() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            told.append("other")

    async with asyncio.TaskGroup() as group:
        group.create_task(other())
        for name in "abcde":
            group.create_task(passing(name))
    assert told == ["a", "b", "other", "c", "d", "other", "e", "other"]


async def test_one_that_comes_later_does_not_wait() -> None:
    turnstile = Turnstile(at_once=1)
    for _ in range(3):
        await turnstile.passed()
        await asyncio.sleep(0)
    assert turnstile._passed == 0


async def test_one_that_is_cancelled_takes_no_place() -> None:
    turnstile = Turnstile(at_once=1)
    async with asyncio.TaskGroup() as group:
        first, second = (group.create_task(turnstile.passed()) for _ in range(2))
        await asyncio.sleep(0)
        second.cancel()
    await turnstile.passed()
    assert (first.done(), second.cancelled()) == (True, True)
