"""What kubelets tell, kept outside: every page as records of Kafka topic `autoscaler.usage`, the seed of a history.

A further store beside the one in memory (docs/stores.md). It keeps the kubelets' own cumulative counters with their own
times, from which a rate over any window can be worked out later. Records are CloudEvents like those of decisions: the
key is the node, `epoch` and `seq` number the records of a node. What the spool has taken is delivered, whatever
happens; nobody waits for the spool, so what it cannot take is dropped, and `missed` of the next record tells how many.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct

from autoscaler.audit.entry import Entry
from autoscaler.clock import Clock
from autoscaler.errors import AuditError, ScrapeError, SlowError
from autoscaler.model.instant import micro_text
from autoscaler.model.metrics import Page, Sample
from autoscaler.model.objects import Node, NodeName, Pod
from autoscaler.telemetry import UsageTelemetry

log = structlog.get_logger(__name__)

USAGE_TYPE = "dev.hpa-companion.usage.v1"
PART = 100
"""Pods of one record: of two containers each, about 35 KB."""
WAITING = 2000
"""Records in memory before a disk that hangs makes us drop the oldest: a few seconds of 5,000 nodes, 20 MB."""
TOGETHER = 64
FINISH_WITHIN = 1.0

_encoder = msgspec.json.Encoder()


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A kubelet's numbers: `cpu_ns` and `start_ns` in nanoseconds, `at_ns` since 1970, `memory` in bytes."""

    at_ns: int
    cpu_ns: int | None = None
    memory: int | None = None
    start_ns: int | None = None


class PodReadings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Those of a pod that is bound to the node; `whole` are its pod-level lines."""

    namespace: str
    name: str
    uid: str = ""
    containers: dict[str, Reading] = {}
    whole: Reading | None = None


class UsageRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a record: a page, or the `part`th (from 1) of the `parts` it was cut into; the first has `own`.

    `time` is when the page came in; `missed` how many pages of the node were dropped since the record before.
    """

    id: str
    time: str
    node: str
    node_uid: str
    part: int = 1
    parts: int = 1
    missed: int = 0
    own: Reading | None = None
    pods: Sequence[PodReadings] = ()


class _Waiting(Struct, frozen=True):
    """An entry, and how many dropped ones it tells of."""

    entry: Entry
    missed: int


class Journal(Protocol):
    """Makes an entry durable, or says why not; `audit.outbox.Outbox`."""

    async def keep(self, entry: Entry) -> None: ...


class UsageStore:
    """`engine.storages.Storage`; `run` hands what was put to the journal, until it is cancelled."""

    def __init__(self, journal: Journal, clock: Clock, telemetry: UsageTelemetry, new_id: Callable[[], str]) -> None:
        self._journal = journal
        self._clock = clock
        self._telemetry = telemetry
        self._new_id = new_id
        self._waiting: deque[_Waiting] = deque()
        self._news = asyncio.Event()
        self._missed: Counter[str] = Counter()
        self._failing = False

    def put(self, node: Node, page: Page, pods: Iterable[Pod], now_ns: int) -> None:
        """Queue the page's records."""
        at = now_ns / 1e9
        for record in self._records(node, page, list(pods), at):
            entry = Entry(node.name, at, changed=False, body=_encoder.encode(record))
            self._waiting.append(_Waiting(entry, record.missed))
        while len(self._waiting) > WAITING:
            self._drop(self._waiting.popleft())
        self._news.set()

    def failed(self, node: Node, error: ScrapeError) -> None:
        """Nothing to keep: the gap shows in the times."""

    def forget(self, node: NodeName) -> None:
        """What was told stays told."""
        self._missed.pop(node, None)

    async def run(self) -> None:
        """Hand over, for ever; what the journal refuses is dropped and counted."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._hand_over()

    async def finish(self) -> None:
        """Hand over what is left, for a second at most."""
        try:
            async with asyncio.timeout(FINISH_WITHIN):
                await self._hand_over()
        except TimeoutError:
            log.warning("Left usage that the spool did not take", records=len(self._waiting))

    async def _hand_over(self) -> None:
        while self._waiting:
            together = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            async with asyncio.TaskGroup() as group:
                for waiting in together:
                    group.create_task(self._keep(waiting), name="keep usage")

    async def _keep(self, waiting: _Waiting) -> None:
        try:
            await self._journal.keep(waiting.entry)
        except SlowError:
            return  # it waits, and is kept when the disk answers
        except AuditError as exc:
            self._drop(waiting)
            if not self._failing:
                log.warning("Usage is not kept", node=waiting.entry.key, error=str(exc))
            self._failing = True
        else:
            self._failing = False

    def _drop(self, waiting: _Waiting) -> None:
        self._missed[waiting.entry.key] += 1 + waiting.missed
        self._telemetry.dropped.inc()

    def _records(self, node: Node, page: Page, pods: Sequence[Pod], at: float) -> Iterator[UsageRecord]:
        found = _by_pod(page, pods)
        parts = max(1, -(-len(found) // PART))
        for part in range(parts):
            yield UsageRecord(
                id=self._new_id(),
                time=micro_text(at),
                node=node.name,
                node_uid=node.uid,
                part=part + 1,
                parts=parts,
                missed=self._missed.pop(node.name, 0),
                own=_reading(page.node) if page.node and not part else None,
                pods=found[part * PART : (part + 1) * PART],
            )


def _by_pod(page: Page, pods: Iterable[Pod]) -> list[PodReadings]:
    """Those of `pods` that the page has lines of, in their order."""
    containers: dict[tuple[str, str], dict[str, Reading]] = {}
    for cid, sample in page.containers.items():
        containers.setdefault((cid.namespace, cid.pod), {})[cid.container] = _reading(sample)
    found = []
    for pod in pods:
        key = (pod.namespace, pod.name)
        whole = page.pods.get(key)
        if key in containers or whole is not None:
            found.append(
                PodReadings(
                    namespace=pod.namespace,
                    name=pod.name,
                    uid=pod.uid,
                    containers=containers.get(key, {}),
                    whole=_reading(whole) if whole else None,
                )
            )
    return found


def _reading(sample: Sample) -> Reading:
    return Reading(at_ns=sample.at_ns, cpu_ns=sample.cpu_ns, memory=sample.memory, start_ns=sample.start_ns)
