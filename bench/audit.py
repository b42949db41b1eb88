"""What keeping the record costs: 333 decisions a second, encoded and made durable, without a broker.

The same loop runs four times: with a journal that does nothing, then with the outbox, every evaluation a change, every
evaluation unchanged and a record of its own, and unchanged ones that share records. CPU is what the first of them does
not need. What changes nothing may wait for others to be made durable, so the time to that is a change's. Lateness is
measured in runs of its own, for the clock that measures it needs CPU too.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.audit.outbox import HEARTBEAT, Outbox
from autoscaler.audit.spool import Spool
from autoscaler.clock import SystemClock
from autoscaler.core import planner
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import micro_text
from autoscaler.model.policy import TargetRef
from autoscaler.telemetry import Telemetry
from bench.catalogue import Say
from bench.decision import NOW, evaluation, record
from bench.figure import Figure

SECONDS, QUICK_SECONDS = 30.0, 0.5
PER_TICK, TICK = 5, 0.015
TARGETS = 1000
LAG_TICK = 0.002

Journal = Callable[[Decision], Awaitable[object]]


class Run(Struct, frozen=True):
    """Shares of a core; milliseconds, p99."""

    cpu: float
    commit: float
    lag: float


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Each way twice, with and without the clock that watches the loop."""
    seconds = QUICK_SECONDS if quick else SECONDS
    given = evaluation()
    decision = replace(record(given, planner.plan(given)), outcome=Outcome.HELD)
    change = replace(decision, outcome=Outcome.WRITTEN)
    idle = asyncio.run(_measured(decision, seconds, heartbeat=None))
    changes = asyncio.run(_measured(change, seconds, heartbeat=HEARTBEAT))
    own = asyncio.run(_measured(decision, seconds, heartbeat=0.0))
    shared = asyncio.run(_measured(decision, seconds, heartbeat=HEARTBEAT))
    say(f"{PER_TICK / TICK:.0f} a second for {seconds:g} s: idle {idle.cpu:.1%} of a core")
    return [
        Figure(what="CPU, each a change", ours=100 * (changes.cpu - idle.cpu), unit="% of a core", goal=8),
        Figure(
            what="CPU, unchanged, each a record of its own", ours=100 * (own.cpu - idle.cpu), unit="% of a core", goal=8
        ),
        Figure(what="CPU, unchanged ones share", ours=100 * (shared.cpu - idle.cpu), unit="% of a core", goal=3),
        Figure(what="a change from handing over to durable, p99", ours=changes.commit, unit="ms", goal=20),
        Figure(what="one that changes nothing, p99", ours=shared.commit, unit="ms"),
        Figure(what="lateness of the event loop, p99", ours=changes.lag, unit="ms", theirs=idle.lag, beside="idle"),
    ]


async def _measured(decision: Decision, seconds: float, *, heartbeat: float | None) -> Run:
    with tempfile.TemporaryDirectory() as name:
        if heartbeat is None:
            return await _paced(decision, seconds, _nothing)
        spool = Spool(Path(name), now=NOW, forwarding=True)
        async with Outbox(spool, SystemClock(), Telemetry().audit, patience=60.0, heartbeat=heartbeat) as outbox:
            return await _paced(decision, seconds, outbox.record)


async def _nothing(_decision: Decision) -> None:
    pass


async def _paced(decision: Decision, seconds: float, journal: Journal) -> Run:
    commits: list[float] = []
    begun = time.process_time()
    await _decided(decision, seconds, journal, commits)
    cpu = (time.process_time() - begun) / seconds
    lags: list[float] = []
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_watched(lags))
        await _decided(decision, seconds / 3, journal, [], after=seconds)
        watching.cancel()
    return Run(cpu, 1e3 * _p99(commits), 1e3 * _p99(lags))


async def _decided(
    decision: Decision, seconds: float, journal: Journal, commits: list[float], *, after: float = 0.0
) -> None:
    """One target after the other, `PER_TICK` at once every `TICK`."""

    async def timed(made: Decision) -> None:
        begun = time.perf_counter()
        await journal(made)
        commits.append(time.perf_counter() - begun)

    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for tick in range(int(seconds / TICK)):
            await asyncio.sleep(max(0.0, begun + tick * TICK - time.monotonic()))
            for number in range(tick * PER_TICK, (tick + 1) * PER_TICK):
                target = TargetRef("apps/v1", "Deployment", f"web-{number % TARGETS}")
                at = micro_text(NOW + after + tick * TICK)
                group.create_task(timed(replace(decision, id=f"{after:g}-{number}", target=target, time=at)))


async def _watched(lags: list[float]) -> None:
    while True:
        due = time.monotonic() + LAG_TICK
        await asyncio.sleep(LAG_TICK)
        lags.append(time.monotonic() - due)


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]
