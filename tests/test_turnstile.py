import asyncio

from autoscaler.turnstile import Turnstile


async def test_so_many_pass_before_others_have_their_turn() -> None:
    turnstile, told = Turnstile(at_once=2), []

    async def passing(name: str) -> None:
        await turnstile.passed()
        told.append(name)

    async def other() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
            told.append(".")

    async with asyncio.TaskGroup() as group:
        group.create_task(other())
        for name in "abcde":
            group.create_task(passing(name))
    assert [len(passed) for passed in "".join(told).split(".") if passed] == [2, 2, 1]
    assert "".join(told).replace(".", "") == "abcde"


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


async def test_who_comes_again_stands_behind_those_who_wait() -> None:
    turnstile, told = Turnstile(at_once=1), []

    async def passing(name: str, often: int) -> None:
        for _ in range(often):
            await turnstile.passed()
            told.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(passing("a", 4))
        group.create_task(passing("b", 2))
        group.create_task(passing("c", 2))
    assert "".join(told) == "aabcabca", "in the order of asking"
