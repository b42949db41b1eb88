"""Many targets before everything that decides, with an API server that is a table in this process and counts."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from autoscaler.app.scaling import Scaling
from autoscaler.audit.delivery import Delivery
from autoscaler.audit.entry import Entry
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.spool import Spool
from autoscaler.clock import Clock
from autoscaler.config.load import load
from autoscaler.control.elector import Alone
from autoscaler.errors import ConflictError, NotFoundError
from autoscaler.kube.client import KubeClient, Params
from autoscaler.kube.cluster import Cluster
from autoscaler.kube.questions import MAX_BODY
from autoscaler.model.decision import Decision
from autoscaler.model.instant import seconds_text
from autoscaler.model.metrics import PodMetrics
from autoscaler.model.objects import Milli, Pod
from autoscaler.telemetry import Telemetry
from tests.clock import FakeClock, settle

HPS, DEPLOYMENTS = "/apis/hpa-companion.dev/v1alpha1/horizontalpodscalers", "/apis/apps/v1/deployments"
PODS, NODES, HPAS = "/api/v1/pods", "/api/v1/nodes", "/apis/autoscaling/v2/horizontalpodautoscalers"
LONG_AGO = 3600.0
NAMESPACES = 50
INTERVAL = 6.0
"""A little over the shortest time between two evaluations of a target."""


class _Nobody:
    """Credentials of a client that has no connection."""

    async def current(self) -> Any:
        raise NotFoundError("nobody is asked", status=404)

    async def renew(self, refused: Any) -> Any:
        raise NotFoundError("nobody is asked", status=404)


class Table(KubeClient):
    """Objects by path; `asked` counts requests by verb and kind, watches apart. `most_begun`: how many targets at most
    had a decision in their status whose size was not written yet.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        super().__init__(_Nobody(), telemetry.kube)
        self.asked: Counter[str] = Counter()
        self.most_begun = 0
        self._begun: set[str] = set()
        self._objects: dict[str, dict[str, dict[str, Any]]] = {
            each: {} for each in (HPS, DEPLOYMENTS, PODS, NODES, HPAS)
        }
        self._watchers: dict[str, list[asyncio.Queue[bytes]]] = {each: [] for each in self._objects}
        self._version = 0

    def put_there(self, kind: str, document: dict[str, Any]) -> dict[str, Any]:
        """Create or replace, and tell who watches."""
        self._version += 1
        meta = document["metadata"]
        document = {**document, "metadata": {**meta, "resourceVersion": str(self._version)}}
        name = f"{meta.get('namespace', '')}/{meta['name']}"
        known = name in self._objects[kind]
        self._objects[kind][name] = document
        if self._watchers[kind]:
            line = json.dumps({"type": "MODIFIED" if known else "ADDED", "object": document}).encode()
            for watcher in self._watchers[kind]:
                watcher.put_nowait(line)
        return document

    @property
    def watched(self) -> set[str]:
        """Kinds that somebody watches: whoever does has listed them."""
        return {kind for kind, watchers in self._watchers.items() if watchers}

    def object(self, kind: str, name: str) -> dict[str, Any]:
        """As it stands."""
        return self._objects[kind][name]

    async def get(self, path: str, params: Params = (), *, within: float = 0.0, limit: int = MAX_BODY) -> bytes:
        if path in self._objects:
            self.asked[f"list {path.rsplit('/', 1)[1]}"] += 1
            items = list(self._objects[path].values())
            return json.dumps({"metadata": {"resourceVersion": str(self._version)}, "items": items}).encode()
        self.asked[f"get {path}"] += 1
        raise NotFoundError(f"{path} is not there", status=404)

    async def post(self, path: str, body: bytes, params: Params = (), *, within: float = 0.0) -> bytes:
        self.asked[f"create {path.rsplit('/', 1)[1]}"] += 1
        return body

    async def put(self, path: str, body: bytes, params: Params = (), *, within: float = 0.0) -> bytes:
        head, _, rest = path.partition("/namespaces/")
        namespace, plural, name, part = rest.split("/")
        kind = f"{head}/{plural}"
        self.asked[f"update {plural}/{part}"] += 1
        await asyncio.sleep(0)
        sent, held = json.loads(body), self._objects[kind][f"{namespace}/{name}"]
        if sent["metadata"]["resourceVersion"] != held["metadata"]["resourceVersion"]:
            raise ConflictError(f"{path} was changed", status=409)
        if part == "status":
            self._begin(f"{namespace}/{name}", sent["status"])
            return json.dumps(self.put_there(kind, {**held, "status": sent["status"]})).encode()
        self._begun.discard(f"{namespace}/{name}")
        made = self.put_there(kind, {**held, "spec": {**held["spec"], "replicas": sent["spec"]["replicas"]}})
        return json.dumps({"metadata": made["metadata"], "spec": {"replicas": made["spec"]["replicas"]},
                           "status": {"replicas": 0, "selector": f"app={name}"}}).encode()  # fmt: skip

    def _begin(self, name: str, status: dict[str, Any]) -> None:
        if "pendingDecision" in status:
            self._begun.add(name)
            self.most_begun = max(self.most_begun, len(self._begun))

    @asynccontextmanager
    async def lines(self, path: str, params: Params, *, silence: float) -> AsyncIterator[AsyncIterator[bytes]]:
        news: asyncio.Queue[bytes] = asyncio.Queue()
        self._watchers[path].append(news)
        self.asked[f"watch {path.rsplit('/', 1)[1]}"] += 1
        try:
            yield _all(news)
        finally:
            self._watchers[path].remove(news)


async def _all(news: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    while True:
        yield await news.get()


class CountedSpool(Spool):
    """Counts transactions, the records that went in, and the rows that joined one."""

    def __init__(self, directory: Path, *, now: float) -> None:
        super().__init__(directory, now=now, forwarding=False)
        self.commits, self.records, self.rows = 0, 0, 0

    def append(self, entries: Sequence[Entry]) -> Sequence[bool]:
        rows = sum(entry.joins is not None for entry in entries)
        self.commits, self.records, self.rows = self.commits + 1, self.records + len(entries) - rows, self.rows + rows
        return super().append(entries)


class Crowd:
    """`targets` Deployments of `pods` pods each, with a policy each; `load` is the CPU of each pod in percent of what
    it requested, 50 are wanted.
    """

    def __init__(self, folder: Path, clock: Clock, *, targets: int, pods: int) -> None:
        self.targets, self.load = targets, 50
        self.clock = clock
        self.telemetry = Telemetry()
        self.api = Table(self.telemetry)
        self.decisions: list[Decision] = []
        self.news = asyncio.Event()
        self._fill(targets, pods)
        settings = load({"audit-spool-dir": str(folder)}, {})
        self.spool = CountedSpool(folder, now=clock.now())
        self.outbox = Outbox(self.spool, clock, self.telemetry.audit)
        self.cluster = Cluster(self.api, clock=clock, telemetry=self.telemetry.kube)
        self.scaling = Scaling(
            self.api,
            settings=settings.control,
            cluster=self.cluster,
            usage=self,
            outbox=self.outbox,
            delivery=Delivery(self.outbox, None, clock),
            witness=self._saw,
            gate=Alone(self.telemetry.control),
            clock=clock,
            telemetry=self.telemetry,
        )

    def _fill(self, targets: int, pods: int) -> None:
        since = seconds_text(self.clock.now() - LONG_AGO)
        for target in range(targets):
            name, namespace = f"app-{target}", f"team-{target % NAMESPACES}"
            labels = {"app": name}
            self.api.put_there(DEPLOYMENTS, {
                "metadata": {"name": name, "namespace": namespace, "uid": f"d{target}", "generation": 1},
                "spec": {"replicas": pods, "selector": {"matchLabels": labels}}, "status": {"replicas": pods},
            })  # fmt: skip
            self.api.put_there(HPS, {
                "apiVersion": "hpa-companion.dev/v1alpha1", "kind": "HorizontalPodScaler",
                "metadata": {"name": name, "namespace": namespace, "uid": f"p{target}", "generation": 1},
                "spec": {
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                    "minReplicas": 1, "maxReplicas": 100,
                    "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {
                        "type": "Utilization", "averageUtilization": 50}}}],
                },
            })  # fmt: skip
            for pod in range(pods):
                self.api.put_there(PODS, {
                    "metadata": {
                        "name": f"{name}-{pod}", "namespace": namespace, "uid": f"{target}.{pod}", "labels": labels,
                    },
                    "spec": {"nodeName": "n", "containers": [
                        {"name": each, "resources": {"requests": {"cpu": "100m"}}} for each in ("main", "proxy")]},
                    "status": {"phase": "Running", "startTime": since, "conditions": [
                        {"type": "Ready", "status": "True", "lastTransitionTime": since}]},
                })  # fmt: skip

    def pod_metrics(self, namespace: str, pods: Sequence[Pod], window: float = 0.0) -> tuple[PodMetrics, ...]:
        """Samples of four seconds ago."""
        at, usage = self.clock.now() - 4.0, {"cpu": Milli(self.load)}
        return tuple(PodMetrics(pod.name, at, 15.0, (("main", usage), ("proxy", usage))) for pod in pods)

    def _saw(self, decision: Decision) -> None:
        self.decisions.append(decision)
        self.news.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything known, nothing decided yet."""
        async with self.outbox, asyncio.TaskGroup() as group:
            parts = {**self.scaling.parts(), "cluster": self.cluster.run}
            tasks = [group.create_task(part(), name=name) for name, part in parts.items()]
            await self.cluster.wait_synced()
            await self.scaling.policies.wait_synced()
            while self.api.watched < {HPS, DEPLOYMENTS, PODS, NODES, HPAS}:
                await asyncio.sleep(0)
            yield
            for task in tasks:
                task.cancel()

    async def passed(self) -> Counter[str]:
        """What is asked of the API server until every target has one decision more and all statuses are written."""
        before, count = Counter(self.api.asked), len(self.decisions) + self.targets
        while len(self.decisions) < count:
            self.news.clear()
            await self.news.wait()
        while self.telemetry.registry.get_sample_value("autoscaler_statuses_waiting"):
            await asyncio.sleep(0)
        await settle()
        return self.api.asked - before

    def freshen(self) -> None:
        """New samples of every pod."""
        self.scaling.fresh(pod.key for pod in self.cluster.pods_in(None))

    async def freshened(self, clock: FakeClock) -> Counter[str]:
        """The pass that new samples bring, six seconds later: what it asks of the API server."""
        await clock.advance(INTERVAL)
        self.freshen()
        return await self.passed()

    def size_of(self, name: str) -> int:
        """Of a target."""
        document = self.api.object(DEPLOYMENTS, f"team-{int(name.removeprefix('app-')) % NAMESPACES}/{name}")
        return int(document["spec"]["replicas"])
