from __future__ import annotations

import asyncio

from autoscaler.kube.changes import Changes


async def test_a_listener_hears_from_the_call_on_and_each_name_once() -> None:
    changes: Changes[str] = Changes()
    changes.told("before")
    heard = changes.listen()
    for name in ("a", "b", "a", "a"):
        changes.told(name)
    assert [await anext(heard), await anext(heard)] == ["a", "b"]
    changes.told("a")
    assert await anext(heard) == "a"


async def test_every_listener_hears_everything() -> None:
    changes: Changes[str] = Changes()
    listeners = [changes.listen(), changes.listen()]
    changes.told("a")
    assert [await anext(each) for each in listeners] == ["a", "a"]


async def test_a_listener_that_left_costs_nothing_more() -> None:
    changes: Changes[str] = Changes()

    async def follow() -> None:
        async for _ in changes.listen():
            return

    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        await asyncio.sleep(0)
        changes.told("a")
    changes.told("b")
    heard = changes.listen()
    changes.told("c")
    assert await anext(heard) == "c"
