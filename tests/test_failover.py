"""Two processes of the whole program in the simulated world: one decides, another goes on however that one ends."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from autoscaler.sim.curves import Polyline
from tests.pair import paired, until

LEASE_SECONDS = 4.0
RETRY_SECONDS = 0.5
TIMINGS = {
    "leader-elect-lease-duration": f"{LEASE_SECONDS:g}s",
    "leader-elect-renew-deadline": "3s",
    "leader-elect-retry-period": f"{RETRY_SECONDS:g}s",
}
FALLS_AT, WINDOW = 20.0, 15
"""When the load falls, and how long going down is stabilized; in seconds."""
BUSY = 2.0
"""What a machine with other things to do may add to a process' own time, in seconds."""


@pytest.mark.timeout(120)
async def test_l01_a_leader_that_was_stopped_ends_within_a_second_of_going_on_and_writes_nothing(
    tmp_path: Path,
) -> None:
    async with paired(tmp_path, TIMINGS) as pair:
        before = pair.decided
        pair.leader.send_signal(signal.SIGSTOP)
        await until(lambda: pair.decided > before, 2 * LEASE_SECONDS + BUSY)
        after, holder = pair.decided, pair.holder
        pair.leader.send_signal(signal.SIGCONT)
        async with asyncio.timeout(1 + BUSY):
            assert await pair.leader.wait() == 1
        assert pair.said(pair.leader, "Ended at once")
        assert (pair.decided, pair.holder) == (after, holder)


@pytest.mark.timeout(120)
async def test_l02_a_leader_that_is_killed_is_followed_when_its_lease_is_over(tmp_path: Path) -> None:
    async with paired(tmp_path, TIMINGS) as pair:
        before = pair.decided
        pair.leader.kill()
        took = await until(lambda: pair.decided > before, 3 * LEASE_SECONDS)
        assert took <= LEASE_SECONDS + RETRY_SECONDS + BUSY


@pytest.mark.timeout(120)
async def test_l10_a_leader_that_is_asked_to_end_is_followed_within_three_seconds(tmp_path: Path) -> None:
    async with paired(tmp_path, TIMINGS) as pair:
        before = pair.decided
        pair.leader.terminate()
        assert await until(lambda: pair.decided > before) <= 3.0
        async with asyncio.timeout(5 + BUSY):
            assert await pair.leader.wait() == 0


@pytest.mark.timeout(180)
async def test_l08_leaders_that_are_killed_one_after_the_other_take_nothing_away_before_its_time(
    tmp_path: Path,
) -> None:
    load = Polyline((0.0, 0.6), (FALLS_AT, 0.6), (FALLS_AT, 0.2))
    async with paired(tmp_path, TIMINGS, load, WINDOW) as pair:
        await until(lambda: pair.replicas == 5)
        await until(lambda: pair.world.elapsed() > FALLS_AT + 1)
        for _ in range(2):
            before = pair.decided
            pair.leader.kill()
            await until(lambda before=before: pair.decided > before)
            await pair.replace()
        await until(lambda: pair.replicas < 5)
        assert pair.world.elapsed() >= FALLS_AT + WINDOW
