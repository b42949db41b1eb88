"""What keeping the record costs: 333 decisions a second, encoded, made durable and sent to a real broker.

The same loop runs with a journal that does nothing, with the outbox, and with what delivers to a broker beside it; each
with evaluations that are all changes, and with unchanged ones that share records or do not. CPU is that of this process
alone, without what the first loop needs. What changes nothing may wait for others to be made durable, so the time to
that is a change's. Lateness is measured in runs of its own, for the clock that measures it needs CPU too.

At the beginning every target has a standing record, and their ages are spread over the time for which these may be
joined: so as many become too old in each second, and are sent, as in a program that has run for long.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.kafka import Forwarder
from autoscaler.audit.outbox import HEARTBEAT, Outbox
from autoscaler.audit.producer import KafkaProducer
from autoscaler.audit.spool import Spool
from autoscaler.clock import SystemClock
from autoscaler.core import planner
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import micro_text
from autoscaler.model.policy import TargetRef
from autoscaler.telemetry import Telemetry
from bench.broker import broker
from bench.catalogue import Say, UnavailableError
from bench.decision import NOW, evaluation, record
from bench.figure import Figure

SECONDS, QUICK_SECONDS = 30.0, 0.5
PER_TICK, TICK = 5, 0.015
TARGETS = 1000
LAG_TICK = 0.002
DELIVERED_WITHIN = 120.0

Journal = Callable[[Decision], Awaitable[object]]
Delivered = Callable[[], Awaitable[None]]


class Run(Struct, frozen=True):
    """Shares of a core; milliseconds, p99."""

    cpu: float
    commit: float
    lag: float


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Each way twice, with and without the clock that watches the loop."""
    seconds = QUICK_SECONDS if quick else SECONDS
    given = evaluation()
    held = replace(record(given, planner.plan(given)), outcome=Outcome.HELD)
    change = replace(held, outcome=Outcome.WRITTEN)
    idle = asyncio.run(_paced(held, seconds, _nothing))
    say(f"{PER_TICK / TICK:.0f} a second for {seconds:g} s: idle {idle.cpu:.1%} of a core")

    def cpu(what: str, found: Run, goal: float) -> Figure:
        return Figure(what=f"CPU, {what}", ours=100 * (found.cpu - idle.cpu), unit="% of a core", goal=goal)

    def lag(what: str, found: Run) -> Figure:
        return Figure(
            what=f"lateness of the event loop{what}, p99", ours=found.lag, unit="ms", theirs=idle.lag, beside="idle"
        )

    changes = asyncio.run(_kept(change, seconds))
    own = asyncio.run(_kept(held, seconds, heartbeat=0.0))
    shared = asyncio.run(_kept(held, seconds))
    figures = [
        cpu("each a change", changes, 8),
        cpu("unchanged, each a record of its own", own, 8),
        cpu("unchanged ones share", shared, 3),
        Figure(what="a change from handing over to durable, p99", ours=changes.commit, unit="ms", goal=20),
        Figure(what="one that changes nothing, p99", ours=shared.commit, unit="ms"),
        lag("", changes),
    ]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            kafka = stack.enter_context(broker(folder))
        except UnavailableError as exc:
            say(f"sending is not measured: {exc}")
            return figures
        topics = [asyncio.run(kafka.create(name)) for name in ("changes", "shared")]
        changes = asyncio.run(_sent(change, seconds, kafka.bootstrap, topics[0]))
        shared = asyncio.run(_sent(held, seconds, kafka.bootstrap, topics[1]))
    return [
        *figures,
        cpu("each a change, sent to a broker", changes, 8),
        cpu("unchanged ones share, sent to a broker", shared, 3),
        Figure(what="a change until durable while others are sent, p99", ours=changes.commit, unit="ms", goal=20),
        lag(" with sending", changes),
    ]


async def _kept(decision: Decision, seconds: float, *, heartbeat: float = HEARTBEAT) -> Run:
    """With an outbox, and nobody who delivers."""
    with tempfile.TemporaryDirectory() as name:
        spool = Spool(Path(name), now=NOW, forwarding=True)
        async with Outbox(spool, SystemClock(), Telemetry().audit, patience=60.0, heartbeat=heartbeat) as outbox:
            await _standing(decision, outbox.record)
            return await _paced(decision, seconds, outbox.record)


async def _sent(decision: Decision, seconds: float, bootstrap: str, topic: str) -> Run:
    """With all of it delivered, which is waited for."""
    settings = KafkaSettings(bootstrap_servers=(bootstrap,), topic=topic)
    clock, telemetry = SystemClock(), Telemetry()
    with tempfile.TemporaryDirectory() as name:
        spool = Spool(Path(name), now=NOW, forwarding=True)
        async with Outbox(spool, clock, telemetry.audit, patience=60.0) as outbox, asyncio.TaskGroup() as group:
            marked = asyncio.Event()
            forwarder = Forwarder(
                outbox, lambda: KafkaProducer(settings), topic, clock, telemetry.audit, told=[lambda _: marked.set()]
            )
            delivering = group.create_task(forwarder.run())

            async def delivered() -> None:
                async with asyncio.timeout(DELIVERED_WITHIN):
                    while outbox.oldest is not None:
                        marked.clear()
                        await marked.wait()
                if forwarder.problem:
                    raise RuntimeError(forwarder.problem)

            await outbox.record(replace(decision, outcome=Outcome.WRITTEN))
            await delivered()  # it is connected
            await _standing(decision, outbox.record)
            found = await _paced(decision, seconds, outbox.record, delivered)
            delivering.cancel()
            await forwarder.finish()
            return found


async def _nothing(_decision: Decision) -> None:
    pass


async def _at_once() -> None:
    pass


async def _standing(decision: Decision, journal: Journal) -> None:
    """Give each target a record to join, if this is to be joined, their ages spread over the heartbeat."""
    if decision.outcome is not Outcome.HELD:
        return
    async with asyncio.TaskGroup() as group:
        for number in range(TARGETS):
            at = NOW - HEARTBEAT * (1 - number / TARGETS)
            group.create_task(_handed(journal, _of(decision, f"standing-{number}", number, at)))


async def _paced(decision: Decision, seconds: float, journal: Journal, delivered: Delivered = _at_once) -> Run:
    commits: list[float] = []
    begun = time.process_time()
    await _decided(decision, seconds, journal, commits)
    await delivered()
    cpu = (time.process_time() - begun) / seconds
    lags: list[float] = []
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_watched(lags))
        await _decided(decision, seconds / 3, journal, [], after=seconds)
        watching.cancel()
    return Run(cpu, 1e3 * _p99(commits), 1e3 * _p99(lags))


async def _handed(journal: Journal, decision: Decision) -> None:
    await journal(decision)


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
                made = _of(decision, f"{after:g}-{number}", number, NOW + after + tick * TICK)
                group.create_task(timed(made))


def _of(decision: Decision, record_id: str, number: int, at: float) -> Decision:
    target = TargetRef("apps/v1", "Deployment", f"web-{number % TARGETS}")
    return replace(decision, id=record_id, target=target, time=micro_text(at))


async def _watched(lags: list[float]) -> None:
    while True:
        due = time.monotonic() + LAG_TICK
        await asyncio.sleep(LAG_TICK)
        lags.append(time.monotonic() - due)


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]
