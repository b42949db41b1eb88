"""How long nobody decides when the leader goes: killed, asked to end, stopped; and what a stopped one writes: nothing.

Several pairs of the whole program at once, each in a simulated world of its own, so that waiting for one Lease to
expire is waiting for all; the timings of the election are the defaults. A decision counts when the policy's status
names the new leadership. A leader that was stopped goes on once its follower has written the target's size, which it
had every reason to write too.
"""

from __future__ import annotations

import asyncio
import signal
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from bench.catalogue import Say
from bench.figure import Figure
from tests.pair import Pair, paired, until

PAIRS, QUICK_PAIRS = 4, 1
ROUNDS, QUICK_ROUNDS = 6, 1
DEFAULTS = {
    "leader-elect-lease-duration": "15s",
    "leader-elect-renew-deadline": "10s",
    "leader-elect-retry-period": "2s",
}
SHORT = {
    "leader-elect-lease-duration": "3s",
    "leader-elect-renew-deadline": "2s",
    "leader-elect-retry-period": "0.3s",
}
AFTER_CRASH, AFTER_TERM, AFTER_CONT = 17.0, 3.0, 1.0
"""The goals of docs/faults.md L01, L02, L10, in seconds."""
PATIENCE = 60.0

Trial = Callable[[Pair], Awaitable[float]]


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Worst and mean of each way to go."""
    return asyncio.run(_measured(quick=quick, say=say))


async def _measured(*, quick: bool, say: Say) -> list[Figure]:
    pairs, rounds = (QUICK_PAIRS, QUICK_ROUNDS) if quick else (PAIRS, ROUNDS)
    timings = SHORT if quick else DEFAULTS
    written: list[int] = []

    async def stopped(pair: Pair) -> float:
        seconds, writes = await _stopped(pair)
        written.append(writes)
        return seconds

    ways: tuple[tuple[str, Trial, float], ...] = (
        ("leader killed -> next decision", _killed, AFTER_CRASH),
        ("leader asked to end (SIGTERM) -> next decision", _asked, AFTER_TERM),
        ("stopped leader goes on (SIGCONT) -> it has ended", stopped, AFTER_CONT),
    )
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(pairs)]
        for folder in folders:
            folder.mkdir()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_series(folder, timings, ways, rounds, say)) for folder in folders]
    figures = []
    for way, _, goal in ways:
        times = [seconds for task in tasks for seconds in task.result()[way]]
        say(f"{way}: {min(times):.2f} / {statistics.mean(times):.2f} / {max(times):.2f} s (least, mean, worst)")
        figures += [
            Figure(what=f"{way}, worst of {len(times)}", ours=max(times), unit="s", goal=goal),
            Figure(what=f"{way}, mean", ours=statistics.mean(times), unit="s"),
        ]
    return [
        *figures,
        Figure(
            what=f"changes by a stopped leader that goes on, {len(written)} times", ours=sum(written), unit="", goal=0
        ),
    ]


async def _series(
    folder: Path, timings: Mapping[str, str], ways: Sequence[tuple[str, Trial, float]], rounds: int, say: Say
) -> dict[str, list[float]]:
    """Seconds by way to go, of one pair after the other in one world."""
    found: dict[str, list[float]] = {way: [] for way, _, _ in ways}
    async with paired(folder, timings) as pair:
        for number in range(rounds):
            for way, trial, _ in ways:
                found[way].append(await trial(pair))
                await pair.replace()
            say(f"world {folder.name}: round {number + 1} of {rounds}")
    return found


async def _killed(pair: Pair) -> float:
    before = pair.decided
    pair.leader.kill()
    return await until(lambda: pair.decided > before, PATIENCE)


async def _asked(pair: Pair) -> float:
    before = pair.decided
    pair.leader.terminate()
    return await until(lambda: pair.decided > before, PATIENCE)


async def _stopped(pair: Pair) -> tuple[float, int]:
    """Seconds from SIGCONT to its end, and how many changes there were of what the follower had done."""
    before = pair.decided
    pair.leader.send_signal(signal.SIGSTOP)
    await until(lambda: pair.decided > before, PATIENCE)
    wanted = 3 if pair.replicas == 2 else 2
    pair.ask_for(wanted)
    await until(lambda: pair.replicas == wanted, PATIENCE)
    stands = _standing(pair)
    pair.leader.send_signal(signal.SIGCONT)
    seconds = await until(lambda: pair.leader.returncode is not None, PATIENCE)
    return seconds, sum(one != other for one, other in zip(stands, _standing(pair), strict=True))


def _standing(pair: Pair) -> tuple[int, str, int]:
    return pair.decided, pair.holder, pair.generation
