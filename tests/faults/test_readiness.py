"""A replica that begins with nothing, among kubelets of which some hang: when the whole program is ready (A27)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from autoscaler.clock import SystemClock
from autoscaler.sim.kubelets import Fault
from autoscaler.sim.world import ADMIN_TOKEN, Shape, World
from tests.program import Run, living, settings

HANGING = ("node-2", "node-5", "node-9")
GROUP = "/apis/metrics.k8s.io/v1"
BETWEEN = 0.05


class Ahead(SystemClock):
    """Measures intervals of which the test lets some pass at once."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.passed


@asynccontextmanager
async def beginning(folder: Path, clock: Ahead) -> AsyncIterator[Run]:
    """A program that was just started beside ten kubelets, three of which take connections and say nothing."""
    async with World(SystemClock(), Shape(nodes=10, sample_period=0.5)) as world:
        for name in HANGING:
            await world.kubelets[name].set_fault(Fault.HANG)
        async with living(Run(world, settings(folder, world.kubeconfig(folder / "kubeconfig")), clock)) as run:
            yield run


async def asked(run: Run, path: str) -> tuple[int, str]:
    """What the program answers, as one hears it who may read everything."""
    await run.serving()
    tls = ssl.create_default_context(cafile=str(run.app.server.certificate.certificate))
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}) as session,
        session.get(f"https://127.0.0.1:{run.app.server.port}{path}", ssl=tls) as response,
    ):
        return response.status, await response.text()


async def until_it_waits_for(run: Run, served: int) -> None:
    """Not ready, for want of usage of the other nodes and of nothing else."""
    told = f"usage of nodes: {served} of 10 ready ones have one"
    while told not in (await asked(run, "/readyz/metric-storage-ready"))[1]:
        assert (await asked(run, "/readyz"))[0] == 500
        await asyncio.sleep(BETWEEN)
    status, checks = await asked(run, "/readyz")
    assert status == 500
    assert "[-]metric-storage-ready failed" in checks
    assert checks.count("[-]") == 1


@pytest.mark.timeout(60)
async def test_a27_not_ready_before_nine_of_ten_nodes_were_read_and_then_at_once(tmp_path: Path) -> None:
    async with beginning(tmp_path, Ahead()) as run:
        await until_it_waits_for(run, 7)
        assert (await asked(run, "/livez"))[0] == 200
        assert (await asked(run, GROUP))[0] == 200, "who waits for us to begin is no reason to be taken for broken"
        await run.world.kubelets[HANGING[0]].set_fault(Fault.NONE)
        await until_it_waits_for(run, 8)
        await run.world.kubelets[HANGING[1]].set_fault(Fault.NONE)
        while (await asked(run, "/readyz"))[0] != 200:
            await asyncio.sleep(BETWEEN)
        assert run.world.kubelets[HANGING[2]].requests == {}, "one hangs still"


@pytest.mark.timeout(60)
async def test_a27_kubelets_that_go_on_hanging_keep_it_from_being_ready_for_a_minute_and_no_longer(
    tmp_path: Path,
) -> None:
    clock = Ahead()
    async with beginning(tmp_path, clock) as run:
        await until_it_waits_for(run, 7)
        for _ in range(2):
            clock.passed += 15  # half of a minute in all; the program itself needs a second or some
            await until_it_waits_for(run, 7)
        clock.passed += 30
        assert (await asked(run, "/readyz"))[0] == 200
        assert run.world.kubelets[HANGING[0]].requests == {}, "they hang still"
