"""Two processes of the whole program in a simulated world of their own: one leads, the other is ready to."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from autoscaler.clock import SystemClock
from autoscaler.sim.curves import Curve, Polyline
from autoscaler.sim.refusals import RefusedError
from autoscaler.sim.resources import DEPLOYMENTS, LEASES, POD_SCALERS
from autoscaler.sim.workloads import Workload
from autoscaler.sim.world import Shape, World
from tests.e2e.processes import free_port

START = 40.0
LOOK_SECONDS = 0.02
NAMESPACE, NAME = "shop", "web"
STEADY = Polyline((0.0, 0.2), (1.0, 0.2))
HPS: dict[str, Any] = {
    "apiVersion": "hpa-companion.dev/v1alpha1",
    "kind": "HorizontalPodScaler",
    "metadata": {"name": NAME, "namespace": NAMESPACE},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
        "minReplicas": 2,
        "maxReplicas": 10,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {
            "type": "Utilization", "averageUtilization": 60}}}],
    },
}  # fmt: skip


class Pair:
    """`leader` decides, `follower` is ready to; `timings` are the flags of the election."""

    leader: Process
    follower: Process

    def __init__(self, world: World, folder: Path, timings: Mapping[str, str]) -> None:
        self.world = world
        self._folder = folder
        self._timings = timings
        self._kubeconfig = world.kubeconfig(folder / "kubeconfig")
        self._started = 0
        self._logs: dict[Process, Path] = {}

    async def start(self) -> Process:
        """One more process, which listens and is ready when this returns."""
        self._started += 1
        place, port = self._folder / str(self._started), free_port()
        flags = {
            "kubeconfig": str(self._kubeconfig), "metric-resolution": "1s", "sync-period": "1s",
            "evaluation-interval": "0.5s", "kubelet-allow-loopback": "true", "kubelet-use-node-status-port": "true",
            "bind-address": "127.0.0.1", "secure-port": str(port), "cert-dir": str(place / "certificates"),
            "audit-spool-dir": str(place / "spool"), "log-format": "json",
            "leader-elect": "true", "leader-elect-resource-namespace": "kube-system", **self._timings,
        }  # fmt: skip
        place.mkdir()
        with (place / "log").open("wb") as log:
            made = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "autoscaler", "run", *(f"--{flag}={value}" for flag, value in flags.items()),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._logs[made] = place / "log"
        async with asyncio.timeout(START), aiohttp.ClientSession() as session:
            while not await _ready(session, port):
                await asyncio.sleep(LOOK_SECONDS)
        return made

    async def replace(self) -> None:
        """The follower leads now: give it a follower of its own, and collect who led before."""
        await self.leader.wait()
        self.leader, self.follower = self.follower, await self.start()

    def said(self, process: Process, what: str) -> bool:
        """Whether its log has these words."""
        return what in self._logs[process].read_text()

    async def end(self) -> None:
        """Kill what still runs."""
        for process in self._logs:
            if process.returncode is None:
                process.kill()
            await process.wait()

    @property
    def decided(self) -> int:
        """The leadership that wrote the policy's status last, 0: none yet."""
        status = self.world.store.get(POD_SCALERS, NAMESPACE, NAME).get("status", {})
        return int(status.get("leadership", 0))

    @property
    def holder(self) -> str:
        """Who the Lease names."""
        try:
            return str(self.world.store.get(LEASES, "kube-system", "hpa-companion")["spec"]["holderIdentity"])
        except RefusedError:
            return ""

    @property
    def replicas(self) -> int:
        """What the target is asked to have."""
        return int(self.world.store.get(DEPLOYMENTS, NAMESPACE, NAME)["spec"]["replicas"])

    @property
    def generation(self) -> int:
        """How often the target's spec was changed."""
        return int(self.world.store.get(DEPLOYMENTS, NAMESPACE, NAME)["metadata"]["generation"])

    def ask_for(self, least: int) -> None:
        """Have the policy want at least so many."""
        self.world.store.merge(POD_SCALERS, NAMESPACE, NAME, {"spec": {"minReplicas": least}})


async def _ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"https://127.0.0.1:{port}/readyz", ssl=False) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False  # it does not listen yet


async def until(predicate: Callable[[], object], seconds: float = START) -> float:
    """How many seconds it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(seconds):
        while not predicate():
            await asyncio.sleep(LOOK_SECONDS)
    return loop.time() - begun


@asynccontextmanager
async def paired(
    folder: Path, timings: Mapping[str, str], load: Curve = STEADY, stabilization: int = 0
) -> AsyncIterator[Pair]:
    """A world with one target, by default at its least size, and both processes.

    `stabilization` is that of going down, in seconds.
    """
    web = Workload(namespace=NAMESPACE, name=NAME, replicas=2, cpu=load)
    rules = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": stabilization}}}
    async with World(SystemClock(), Shape(nodes=1, sample_period=0.5), [web]) as world:
        world.store.create(POD_SCALERS, NAMESPACE, {**HPS, "spec": {**HPS["spec"], **rules}})
        pair = Pair(world, folder, timings)
        try:
            pair.leader = await pair.start()
            await until(lambda: pair.decided)
            pair.follower = await pair.start()
            yield pair
        finally:
            await pair.end()
