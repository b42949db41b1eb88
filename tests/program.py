"""A running program in a simulated world, for tests of the whole."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from autoscaler.app import Application
from autoscaler.clock import Clock, SystemClock
from autoscaler.config.load import load
from autoscaler.config.settings import Settings
from autoscaler.model.decision import Decision
from autoscaler.sim.curves import Polyline
from autoscaler.sim.resources import LEASES, POD_SCALERS
from autoscaler.sim.workloads import Workload
from autoscaler.sim.world import ADMIN_TOKEN, Shape, World

LOAD_STEPS_AT = 6.0
HPS = {
    "apiVersion": "hpa-companion.dev/v1alpha1",
    "kind": "HorizontalPodScaler",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "maxReplicas": 10,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {
            "type": "Utilization", "averageUtilization": 60}}}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    },
}  # fmt: skip


class Run:
    """A running application in a world; decisions as they become durable."""

    def __init__(self, world: World, settings: Settings, clock: Clock | None = None) -> None:
        self.world = world
        self.decisions: list[Decision] = []
        self._news = asyncio.Event()
        self.stop, self.ended = asyncio.Event(), asyncio.Event()
        self.app = Application(settings, clock=clock, witness=self._saw)

    async def live(self) -> None:
        await self.app.run(self.stop)
        self.ended.set()

    def _saw(self, decision: Decision) -> None:
        self.decisions.append(decision)
        self._news.set()

    async def until(self, wanted: Callable[[Decision], bool]) -> Decision:
        """The next decision that is wanted; the test's own timeout is the limit."""
        seen = len(self.decisions)
        while True:
            for decision in self.decisions[seen:]:
                if wanted(decision):
                    return decision
            seen = len(self.decisions)
            self._news.clear()
            await self._news.wait()

    async def serving(self) -> None:
        while not hasattr(self.app, "server"):  # it is not built yet
            await asyncio.sleep(0.05)
        await self.app.server.started.wait()

    async def get(self, path: str, token: str = ADMIN_TOKEN) -> tuple[int, dict[str, object]]:
        await self.serving()
        context = ssl.create_default_context(cafile=str(self.app.server.certificate.certificate))
        url = f"https://127.0.0.1:{self.app.server.port}{path}"
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
            session.get(url, ssl=context) as response,
        ):
            return response.status, await response.json(content_type=None) if "json" in response.content_type else {}


def settings(folder: Path, kubeconfig: Path, **more: str) -> Settings:
    flags = {
        "kubeconfig": str(kubeconfig), "metric-resolution": "1s", "sync-period": "1s", "evaluation-interval": "0.5s",
        "kubelet-allow-loopback": "true", "kubelet-use-node-status-port": "true", "bind-address": "127.0.0.1",
        "secure-port": "0", "cert-dir": str(folder / "certificates"), "audit-spool-dir": str(folder / "spool"),
    }  # fmt: skip
    return load({**flags, **more}, {})


@asynccontextmanager
async def living(run: Run) -> AsyncIterator[Run]:
    """It lives in a task, and is told to stop when the block ends."""
    async with asyncio.TaskGroup() as group:
        group.create_task(run.live())
        try:
            yield run
        finally:
            run.stop.set()


@asynccontextmanager
async def running(folder: Path, holder: str = "", **more: str) -> AsyncIterator[Run]:
    """`holder`: who has the Lease when it begins."""
    web = Workload(namespace="shop", name="web", replicas=2, cpu=Polyline((LOAD_STEPS_AT, 0.2), (LOAD_STEPS_AT, 0.8)))
    async with World(SystemClock(), Shape(nodes=2, sample_period=0.5), [web]) as world:
        world.store.create(POD_SCALERS, "shop", HPS)
        if holder:
            spec = {"holderIdentity": holder, "leaseDurationSeconds": 3, "leaseTransitions": 7}
            lease = {"metadata": {"name": "hpa-companion", "namespace": "kube-system"}, "spec": spec}
            world.store.create(LEASES, "kube-system", lease)
        run = Run(world, settings(folder, world.kubeconfig(folder / "kubeconfig"), **more))
        async with living(run):
            yield run
