"""Lives of the program that end at any write, and what outlives them."""

from __future__ import annotations

import asyncio

from autoscaler.errors import ConflictError, UnreachableError
from autoscaler.kube import journal as wire
from autoscaler.model.decision import Decision
from autoscaler.model.objects import Scale
from autoscaler.model.plan import EventNote, History
from autoscaler.model.policy import Policy, TargetRef
from autoscaler.model.status import Pending, PolicyStatus
from tests.control.shop import Shop, policy


class Crash(BaseException):
    """The process ends here."""


class Cluster:
    """What outlives a process: the scale, the policy's status, the records."""

    def __init__(self) -> None:
        self.replicas, self.version = 2, 7
        self.status: dict[str, object] = {}
        self.records: list[Decision] = []
        self.changes: list[tuple[int, int]] = []
        self.leader = 0


class Process(Shop):
    """One life of the program. `dies`: at which write, and whether that arrives; `paused`: before a scale write."""

    def __init__(self, cluster: Cluster, dies: tuple[int, bool] | None = None) -> None:
        self.cluster = cluster
        self.dies, self.writes = dies, 0
        cluster.leader += 1
        self.number = cluster.leader
        self.paused: asyncio.Event | None = None
        self.losing = False
        self.told_at_once = True
        super().__init__()
        self.reconciler._teller._journal = _Records(self)
        self.postbox._policies = _Statuses(self)

    @property
    def epoch(self) -> int:
        return self.number

    def pending(self, policy: Policy) -> Pending | None:
        return wire.pending(self.cluster.status)

    def history(self, policy: Policy) -> History | None:
        return wire.history(self.cluster.status)

    async def read(self, namespace: str, target: TargetRef, *, live: bool = False) -> Scale:
        return Scale(
            namespace=namespace, name=target.name, uid="d1", resource_version=str(self.cluster.version),
            replicas=self.cluster.replicas, observed=self.cluster.replicas, selector="app=web",
        )  # fmt: skip

    async def write(self, scale: Scale, target: TargetRef, replicas: int) -> Scale:
        if self.paused is not None:
            await self.paused.wait()
        self.before()
        if scale.resource_version != str(self.cluster.version):
            raise ConflictError("modified", status=409)
        self.cluster.changes.append((self.cluster.replicas, replicas))
        self.cluster.replicas = replicas
        self.cluster.version += 1
        self.after()
        if self.losing:
            raise UnreachableError("no answer")
        return scale

    async def evaluated(self, given: Policy | None = None) -> Decision:
        decision = await self.reconciler.reconcile(given or policy())
        if self.told_at_once:
            await self.flush()
        return decision

    async def flush(self) -> None:
        try:
            await self.postbox.flush()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group

    def before(self) -> None:
        self.writes += 1
        if self.dies == (self.writes, False):
            raise Crash

    def after(self) -> None:
        if self.dies == (self.writes, True):
            raise Crash


class _Records:
    halting = False

    def __init__(self, process: Process) -> None:
        self.process = process

    async def record(self, decision: Decision) -> str:
        self.process.before()
        self.process.cluster.records.append(decision)
        self.process.after()
        return decision.id

    async def reserve(self, decision: Decision) -> None:
        pass

    async def reserved(self, key: str) -> Decision | None:
        return None


class _Statuses:
    def __init__(self, process: Process) -> None:
        self.process = process

    async def write(self, policy: Policy, status: PolicyStatus) -> None:
        made = wire.merged(self.process.cluster.status, status)
        self.process.before()
        self.process.cluster.status = dict(made)
        self.process.after()

    async def event(self, policy: Policy, note: EventNote) -> None:
        pass


def named(process: Process) -> Process:
    """Ids that no other process gives."""
    ids = iter(range(1000))
    process.reconciler._teller._new_id = lambda: f"{process.number}-{next(ids)}"
    return process
