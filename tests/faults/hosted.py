"""The whole program as a process of its own beside a world of ours, asked as a kubelet and an administrator would."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from autoscaler.clock import SystemClock
from autoscaler.sim.curves import Polyline
from autoscaler.sim.resources import DEPLOYMENTS, POD_SCALERS
from autoscaler.sim.workloads import Workload
from autoscaler.sim.world import ADMIN_TOKEN, Shape, World
from tests.e2e.processes import free_port
from tests.pair import HPS, NAME, NAMESPACE

PROBE_SECONDS = 5.0
"""What the chart's probes wait."""
START = 40.0
BUSY = Polyline((0.0, 0.2), (2.0, 0.8))
NODES = "/apis/metrics.k8s.io/v1/nodes"


class Program:
    """A running one, asked as a kubelet and an administrator would."""

    def __init__(self, world: World, process: Process, port: int, session: aiohttp.ClientSession) -> None:
        self.world, self.process = world, process
        self._url, self._session = f"https://127.0.0.1:{port}", session

    async def get(self, path: str, within: float = PROBE_SECONDS) -> tuple[int, str]:
        """Status and text; (0, "") when there was no answer in time."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Connection": "close"}
        try:
            async with (
                asyncio.timeout(within),
                self._session.get(self._url + path, ssl=False, headers=headers) as response,
            ):
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    async def probed(self, probe: str) -> bool:
        return (await self.get(probe))[0] == 200

    async def ready(self) -> None:
        async with asyncio.timeout(START):
            while not await self.probed("/readyz"):
                assert self.process.returncode is None
                await asyncio.sleep(0.1)

    async def served(self) -> int:
        """How many nodes have a usage."""
        return (await self.get(NODES))[1].count('"usage"')

    @property
    def replicas(self) -> int:
        return int(self.world.store.get(DEPLOYMENTS, NAMESPACE, NAME)["spec"]["replicas"])


@asynccontextmanager
async def small_world(folder: Path, nodes: int = 2) -> AsyncIterator[World]:
    """In which load rises at once; its kubeconfig is in `folder`."""
    web = Workload(namespace=NAMESPACE, name=NAME, replicas=2, cpu=BUSY)
    async with World(SystemClock(), Shape(nodes=nodes, sample_period=0.5), [web]) as world:
        world.store.create(POD_SCALERS, NAMESPACE, HPS)
        world.kubeconfig(folder / "kubeconfig")
        yield world


@asynccontextmanager
async def started(
    world: World, place: str, *flags: str, under: Sequence[str] = (), log: int = DEVNULL, name: str = "one"
) -> AsyncIterator[Program]:
    """`place`: the folder as the program sees it, in which everything is that it keeps by `name`."""
    port = free_port()
    all_flags = [
        f"--kubeconfig={place}/kubeconfig", f"--cert-dir={place}/{name}", f"--audit-spool-dir={place}/{name}/spool",
        "--bind-address=127.0.0.1", f"--secure-port={port}", "--kubelet-allow-loopback",
        "--kubelet-use-node-status-port", "--metric-resolution=1s", "--evaluation-interval=0.5s",
        "--sync-period=1s", *flags,
    ]  # fmt: skip
    command = [*under, sys.executable, "-m", "autoscaler", "run", *all_flags]
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, stderr=log)
    try:
        async with aiohttp.ClientSession() as session:
            yield Program(world, process, port, session)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()


@asynccontextmanager
async def program(
    folder: Path, *flags: str, nodes: int = 2, under: Sequence[str] = (), seen_as: str = "", log: int = DEVNULL
) -> AsyncIterator[Program]:
    """One in a world of its own. `under`: what runs it; `seen_as`: where that has `folder`."""
    async with (
        small_world(folder, nodes) as world,
        started(world, seen_as or str(folder), *flags, under=under, log=log) as made,
    ):
        yield made


def scrapes(world: World) -> int:
    """How many pages its kubelets gave."""
    return sum(kubelet.requests["/metrics/resource 200"] for kubelet in world.kubelets.values())
