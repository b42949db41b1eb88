"""Electors on one Lease and one clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from autoscaler.control.elector import Elector, Timings
from autoscaler.errors import ConflictError, UnreachableError
from autoscaler.model.lease import Claim, Lease
from autoscaler.telemetry import ControlTelemetry
from tests.clock import FakeClock, settle

STEP = 0.25


FIRST = 1_800_000_000 // 60
"""The epoch of the first leader, in minutes since 1970."""


class Shelf:
    """The Lease, as an API server keeps it."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self.version = 0
        self.writes: list[str] = []

    def put(self, claim: Claim) -> Lease:
        self.version += 1
        self.lease = Lease(claim=claim, uid="u", resource_version=str(self.version))
        self.writes.append(claim.holder)
        return self.lease

    @property
    def claim(self) -> Claim:
        assert self.lease is not None
        return self.lease.claim


class Line:
    """What one elector reaches it by; `cut`: not at all, `deaf`: writes arrive, their answers do not.

    `slow` is how long an answer takes, in seconds: half of them before what is asked is done.
    """

    def __init__(self, shelf: Shelf, clock: FakeClock) -> None:
        self.shelf, self.clock = shelf, clock
        self.cut = self.deaf = False
        self.slow = 0.0

    async def read(self) -> Lease | None:
        if self.slow:
            await self.clock.sleep(self.slow)
        if self.cut:
            raise UnreachableError("cannot connect")
        return self.shelf.lease

    async def write(self, over: Lease | None, claim: Claim) -> Lease:
        if self.slow:
            await self.clock.sleep(self.slow / 2)
        if self.cut:
            raise UnreachableError("cannot connect")
        if over != self.shelf.lease:
            raise ConflictError("modified", status=409)
        made = self.shelf.put(claim)
        if self.slow:
            await self.clock.sleep(self.slow / 2)
        if self.deaf:
            raise UnreachableError("no answer")
        return made


class One:
    """An elector with everything around it; `ended` are the reasons for which its process would have ended."""

    def __init__(self, shelf: Shelf, clock: FakeClock, name: str) -> None:
        self.clock = clock
        self.line = Line(shelf, clock)
        self.living = True
        self.ended: list[str] = []
        self.elector = Elector(
            self.line,
            identity=name,
            timings=Timings(),
            clock=clock,
            alive=lambda: self.living,
            end=self.ended.append,
            telemetry=ControlTelemetry(CollectorRegistry()),
        )
        self.task: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        return self.elector.epoch is not None

    def stop(self) -> None:
        """As SIGSTOP or SIGKILL does: nothing of it runs any more."""
        assert self.task is not None
        self.task.cancel()


class House:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.shelf = Shelf()
        self.a, self.b = (One(self.shelf, self.clock, name) for name in "ab")

    async def pass_(self, seconds: float) -> None:
        """Let time pass; there are never two that may write."""
        for _ in range(round(seconds / STEP)):
            await self.clock.advance(STEP)
            assert [each.leads for each in (self.a, self.b)].count(True) < 2

    async def until(self, predicate: Callable[[], bool]) -> float:
        """Seconds until it holds."""
        for step in range(400):
            if predicate():
                return step * STEP
            await self.pass_(STEP)
        raise AssertionError("never")


@asynccontextmanager
async def housed() -> AsyncIterator[House]:
    """`a` leads already, `b` looks on."""
    house = House()
    async with asyncio.TaskGroup() as group:
        for one in (house.a, house.b):
            one.task = group.create_task(one.elector.run())
            await settle()
        await house.pass_(5)
        assert (house.a.leads, house.b.leads) == (True, False)
        yield house
        for one in (house.a, house.b):
            one.stop()
