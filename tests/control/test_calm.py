"""It is calm when nobody waits who comes first; who needs calm does not wait for ever."""

from __future__ import annotations

import asyncio

import pytest

from autoscaler.control.calm import LONGEST_SECONDS, Calm

pytestmark = pytest.mark.looptime


async def test_it_is_calm_as_soon_as_the_last_one_has_its_turn() -> None:
    calm, loop = Calm(), asyncio.get_running_loop()
    began = loop.time()
    await calm.calm()
    async with asyncio.TaskGroup() as group:
        with calm.waiting():
            with calm.waiting():
                waits = group.create_task(calm.calm())
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)
            assert not waits.done()
    assert loop.time() - began == pytest.approx(0.2)


async def test_who_needs_it_waits_a_second_at_most() -> None:
    calm, loop = Calm(), asyncio.get_running_loop()
    began = loop.time()
    with calm.waiting():
        await calm.calm()
    assert loop.time() - began == pytest.approx(LONGEST_SECONDS)


async def test_who_gives_up_does_not_wait_any_more() -> None:
    calm, loop = Calm(), asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(TimeoutError), calm.waiting():
        raise TimeoutError
    await calm.calm()
    assert loop.time() == began
