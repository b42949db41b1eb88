"""Two processes of the whole program in the simulated world: one decides, another goes on however that one ends."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from autoscaler.clock import SystemClock
from autoscaler.sim.curves import Polyline
from autoscaler.sim.refusals import RefusedError
from autoscaler.sim.resources import LEASES, POD_SCALERS
from autoscaler.sim.workloads import Workload
from autoscaler.sim.world import Shape, World
from tests.e2e.processes import free_port
from tests.test_app import ELECTION, HPS

LEASE_SECONDS = 4.0
RETRY_SECONDS = 0.5
TIMINGS = {
    "leader-elect-lease-duration": f"{LEASE_SECONDS:g}s",
    "leader-elect-renew-deadline": "3s",
    "leader-elect-retry-period": f"{RETRY_SECONDS:g}s",
}
START = 40.0
LOOK_SECONDS = 0.02
BUSY = 2.0
"""What a machine with other things to do may add to a process' own time, in seconds."""


class Pair:
    """`first` decides, `second` is ready to."""

    first: asyncio.subprocess.Process
    second: asyncio.subprocess.Process

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self._folder = folder
        self._ports = {name: free_port() for name in ("first", "second")}
        self._kubeconfig = world.kubeconfig(folder / "kubeconfig")

    async def start(self, name: str) -> asyncio.subprocess.Process:
        place = self._folder / name
        flags = {
            "kubeconfig": str(self._kubeconfig), "metric-resolution": "1s", "sync-period": "1s",
            "evaluation-interval": "0.5s", "kubelet-allow-loopback": "true", "kubelet-use-node-status-port": "true",
            "bind-address": "127.0.0.1", "secure-port": str(self._ports[name]), "cert-dir": str(place / "certificates"),
            "audit-spool-dir": str(place / "spool"), "log-format": "json", **ELECTION, **TIMINGS,
        }  # fmt: skip
        place.mkdir()
        with (place / "log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "autoscaler", "run", *(f"--{flag}={value}" for flag, value in flags.items()),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    async def ready(self, name: str) -> None:
        """It scrapes and serves, and stands for election."""
        async with asyncio.timeout(START), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"https://127.0.0.1:{self._ports[name]}/readyz", ssl=False) as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    pass  # it does not listen yet
                await asyncio.sleep(LOOK_SECONDS)

    def said(self, name: str, what: str) -> bool:
        return what in (self._folder / name / "log").read_text()

    @property
    def decided(self) -> int:
        """The leadership that wrote the policy's status last, 0: none yet."""
        status = self.world.store.get(POD_SCALERS, "shop", "web").get("status", {})
        return int(status.get("leadership", 0))

    @property
    def holder(self) -> str:
        try:
            return str(self.world.store.get(LEASES, "kube-system", "hpa-companion")["spec"]["holderIdentity"])
        except RefusedError:
            return ""


async def until(predicate: Callable[[], object], seconds: float = START) -> float:
    """How many seconds it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(seconds):
        while not predicate():
            await asyncio.sleep(LOOK_SECONDS)
    return loop.time() - begun


@asynccontextmanager
async def paired(folder: Path) -> AsyncIterator[Pair]:
    web = Workload(namespace="shop", name="web", replicas=2, cpu=Polyline((0.0, 0.2), (1.0, 0.2)))
    async with World(SystemClock(), Shape(nodes=1, sample_period=0.5), [web]) as world:
        world.store.create(POD_SCALERS, "shop", HPS)
        pair = Pair(world, folder)
        pair.first = await pair.start("first")
        await until(lambda: pair.decided)
        pair.second = await pair.start("second")
        await pair.ready("second")
        try:
            yield pair
        finally:
            for process in (pair.first, pair.second):
                if process.returncode is None:
                    process.kill()
                await process.wait()


@pytest.mark.timeout(120)
async def test_l01_a_leader_that_was_stopped_ends_within_a_second_of_going_on_and_writes_nothing(
    tmp_path: Path,
) -> None:
    async with paired(tmp_path) as pair:
        before = pair.decided
        pair.first.send_signal(signal.SIGSTOP)
        await until(lambda: pair.decided > before, 2 * LEASE_SECONDS + BUSY)
        after, holder = pair.decided, pair.holder
        pair.first.send_signal(signal.SIGCONT)
        async with asyncio.timeout(1 + BUSY):
            assert await pair.first.wait() == 1
        assert pair.said("first", "Ended at once")
        assert (pair.decided, pair.holder) == (after, holder)


@pytest.mark.timeout(120)
async def test_l02_a_leader_that_is_killed_is_followed_when_its_lease_is_over(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        before = pair.decided
        pair.first.kill()
        took = await until(lambda: pair.decided > before, 3 * LEASE_SECONDS)
        assert took <= LEASE_SECONDS + RETRY_SECONDS + BUSY


@pytest.mark.timeout(120)
async def test_l10_a_leader_that_is_asked_to_end_is_followed_within_three_seconds(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        before = pair.decided
        pair.first.terminate()
        assert await until(lambda: pair.decided > before) <= 3.0
        async with asyncio.timeout(5 + BUSY):
            assert await pair.first.wait() == 0
