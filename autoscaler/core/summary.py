"""A kubelet's `/stats/summary` (Summary API v1alpha1, JSON) as a `Page`.

The older source of the same numbers: cumulative `usageCoreNanoSeconds`, times in whole seconds. An entry that cannot
be read costs itself, never the page.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from autoscaler.core.podcounters import put_by
from autoscaler.errors import MalformedError
from autoscaler.model.metrics import ContainerId, Page, Sample

MAX_ENTRIES = 50_000
_LIMIT = 2**63
_NANO, _MILLI = 10**9, 10**6

Entry = TypeVar("Entry", bound=Struct)


class Cpu(Struct, frozen=True):
    """`stats.cpu`."""

    time: datetime | None = None
    usage_core_nanoseconds: int | None = msgspec.field(default=None, name="usageCoreNanoSeconds")


class Memory(Struct, frozen=True, rename="camel"):
    """`stats.memory`."""

    time: datetime | None = None
    working_set_bytes: int | None = None


class Stats(Struct, frozen=True, rename="camel"):
    """What a node, a pod and a container have in common."""

    start_time: datetime | None = None
    cpu: Cpu = Cpu()
    memory: Memory = Memory()


class ContainerStats(Stats, frozen=True, rename="camel"):
    """One container."""

    name: str = ""


class PodRef(Struct, frozen=True):
    """Whose stats these are."""

    name: str = ""
    namespace: str = ""
    uid: str = ""


class PodStats(Stats, frozen=True, rename="camel"):
    """One pod; its containers are decoded one by one."""

    pod_ref: PodRef = PodRef()
    containers: list[Raw] = []


class Summary(Struct, frozen=True):
    """The whole answer."""

    node: Raw
    pods: list[Raw] = []


_summary = msgspec.json.Decoder(Summary)
_node = msgspec.json.Decoder(Stats)
_pod = msgspec.json.Decoder(PodStats)
_container = msgspec.json.Decoder(ContainerStats)


def summary_page(body: bytes, asked_ns: int) -> Page:
    """The samples of `body`; MalformedError when it is no summary at all. A sample without a time gets `asked_ns`."""
    try:
        summary = _summary.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedError(f"no kubelet summary: {exc}") from exc
    skipped: Counter[str] = Counter()
    node = _entry(_node, summary.node, skipped)
    containers: dict[ContainerId, Sample] = {}
    pods: dict[tuple[str, str], Sample] = {}
    uids: dict[tuple[str, str], str] = {}
    whole: dict[ContainerId, bytes] = {}
    for raw in summary.pods:
        pod = _entry(_pod, raw, skipped)
        if pod is None:
            continue
        key = (pod.pod_ref.namespace, pod.pod_ref.name)
        if key in uids or not all(key):
            skipped["labels" if not all(key) else "repeated"] += 1
            continue
        uids[key] = pod.pod_ref.uid
        if (total := _amount(pod.cpu.usage_core_nanoseconds)) is not None:
            at = _nanoseconds(pod.cpu.time) or asked_ns
            whole[ContainerId(*key, "")] = b"%d.%09d %d" % (total // _NANO, total % _NANO, at // _MILLI)
        found = _containers(pod, asked_ns, skipped)
        if len(containers) + len(found) > MAX_ENTRIES:
            skipped["limit"] += len(found)
            continue
        containers |= found
        if not found:
            pods[key] = _sample(pod, asked_ns)
    return Page(
        node=None if node is None else _sample(node, asked_ns, counted_from_boot=True),
        containers=containers,
        pods=pods,
        pod_uids=uids,
        pod_cpu=put_by(b"\n".join(whole.values()), list(whole), asked_ns),
        skipped=dict(skipped),
    )


def _containers(pod: PodStats, asked_ns: int, skipped: Counter[str]) -> dict[ContainerId, Sample]:
    """The samples of one pod's containers."""
    found: dict[ContainerId, Sample] = {}
    for raw in pod.containers:
        container = _entry(_container, raw, skipped)
        if container is None:
            continue
        cid = ContainerId(pod.pod_ref.namespace, pod.pod_ref.name, container.name)
        if not cid.container or cid in found:
            skipped["repeated" if cid in found else "labels"] += 1
            continue
        found[cid] = _sample(container, asked_ns)
    return found


def _entry(decoder: msgspec.json.Decoder[Entry], raw: Raw, skipped: Counter[str]) -> Entry | None:
    """One entry, or None and counted."""
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        skipped["syntax"] += 1
        return None


def _sample(stats: Stats, asked_ns: int, *, counted_from_boot: bool = False) -> Sample:
    """One reading; a node has no start time, its counter runs on."""
    at = _nanoseconds(stats.cpu.time) or _nanoseconds(stats.memory.time) or asked_ns
    start = None if counted_from_boot else _nanoseconds(stats.start_time)
    return Sample(at, _amount(stats.cpu.usage_core_nanoseconds), _amount(stats.memory.working_set_bytes), start)


def _amount(value: int | None) -> int | None:
    """A uint64 that fits into what we count in."""
    return value if value is not None and 0 <= value < _LIMIT else None


def _nanoseconds(at: datetime | None) -> int | None:
    """Nanoseconds since 1970; None for what Go writes for no time (year 1)."""
    if at is None or at.tzinfo is None or at.year <= 1970:
        return None
    return int(at.timestamp() * 1_000_000) * 1000
