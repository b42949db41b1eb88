"""What a kubelet said, what we serve of it, and what the planner reads.

`_ns` are integer nanoseconds since 1970 or integer nanosecond spans; CPU is cumulative core-nanoseconds in a sample and
nano-cores in a usage; memory is the working set in bytes. A value of 0 is a value; None is "the page had no such line".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from struct import Struct as Packed
from typing import NamedTuple

from msgspec import Struct

from autoscaler.model.objects import Milli, NodeName, ObjectKey

_SAMPLE = Packed("=4q")


class Sample(Struct, frozen=True, gc=False):
    """One reading of one container, pod or node. `at_ns` is the kubelet's, else the time of the request."""

    at_ns: int
    cpu_ns: int | None = None
    memory: int | None = None
    start_ns: int | None = None


class ContainerId(Struct, frozen=True, gc=False):
    """Labels of a container series on a page."""

    namespace: str
    pod: str
    container: str


class SampleBlock(Mapping[ContainerId, Sample]):
    """The samples of `ids` in one block of bytes, four machine integers each: time, CPU, memory, start (0: none).

    Whoever takes them in as they are reads `ids` and `block`; for others it is a mapping, made when it is first asked.
    """

    def __init__(self, ids: tuple[ContainerId, ...], block: bytes) -> None:
        self.ids, self.block = ids, block

    def __getitem__(self, cid: ContainerId) -> Sample:
        return self._samples[cid]

    def __iter__(self) -> Iterator[ContainerId]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return repr(self._samples)

    def sample(self, index: int) -> Sample:
        """That of `ids[index]`, or what stands behind them."""
        at, cpu, memory, start = _SAMPLE.unpack_from(self.block, index * _SAMPLE.size)
        return Sample(at, cpu, memory, start or None)

    @cached_property
    def _samples(self) -> Mapping[ContainerId, Sample]:
        return {cid: self.sample(index) for index, cid in enumerate(self.ids)}


class PodCounters(Struct, frozen=True):
    """CPU counters of pods, unread (core/podcounters.py): whose, a line of text each, and when they were asked for."""

    owners: tuple[ContainerId, ...]
    text: bytes
    asked_ns: int


class Page(Struct, frozen=True):
    """One decoded kubelet answer. `skipped` counts lines or entries left out because they were malformed, by reason.

    `pods` are the pod-level series by (namespace, pod), the fallback for pods whose containers have none.
    `pod_uids` is known from the Summary API only.
    """

    node: Sample | None
    containers: Mapping[ContainerId, Sample]
    pods: Mapping[tuple[str, str], Sample] = {}
    pod_uids: Mapping[tuple[str, str], str] = {}
    pod_cpu: PodCounters | None = None
    skipped: Mapping[str, int] = {}
    failed: bool = False
    """The kubelet itself said its stats are unavailable (`resource_scrape_error 1`)."""


class Usage(Struct, frozen=True, gc=False):
    """A served number: rate over `window_ns` that ended at `at_ns`."""

    cpu: int
    memory: int
    at_ns: int
    window_ns: int


class NodeUsage(Struct, frozen=True, gc=False):
    """metrics.k8s.io NodeMetrics without metadata."""

    node: NodeName
    usage: Usage


class PodUsage(Struct, frozen=True, gc=False):
    """metrics.k8s.io PodMetrics without labels; containers in the order of the pod's spec.

    `at_ns` and `window_ns` are those of the container sampled earliest.
    """

    namespace: str
    pod: str
    uid: str
    containers: tuple[tuple[str, Usage], ...]
    at_ns: int
    window_ns: int


class Commit(Struct, frozen=True):
    """What a store serves otherwise than before, in one step.

    `fresh` are pods with another usage than the last that was told, `lost` those that have none any more; `own` says
    the same of the node itself: True fresh, False lost, None as before.
    """

    node: NodeName
    fresh: Sequence[ObjectKey] = ()
    lost: Sequence[ObjectKey] = ()
    own: bool | None = None


class Reading(NamedTuple):
    """The newest counters of a container as its kubelet told them; of the node itself when the names are empty."""

    namespace: str
    pod: str
    container: str
    cpu_ns: int
    memory: int
    at_ns: int


class PodTotal(NamedTuple):
    """The newest CPU counter of a whole pod as its kubelet told it; it goes on when a container restarts."""

    namespace: str
    pod: str
    cpu_ns: int
    at_ns: int


class PodMetrics(Struct, frozen=True, gc=False):
    """What the planner reads of one pod: (container, amounts by resource), each rounded up to milli on its own."""

    pod: str
    at: float
    window: float
    containers: tuple[tuple[str, Mapping[str, Milli]], ...]


class MetricValue(Struct, frozen=True, gc=False):
    """One item of custom.metrics.k8s.io or external.metrics.k8s.io; `object` is the described object's name."""

    value: Milli
    object: str = ""
    at: float = 0.0
    window: float = 60.0


class Source(StrEnum):
    """Where a kubelet's numbers are read. AUTO is a setting only: RESOURCE, and SUMMARY where that is missing."""

    RESOURCE = "resource"
    SUMMARY = "summary"
    AUTO = "auto"


class RawPage(Struct, frozen=True):
    """A kubelet's answer as it came; `asked_ns` is the time just before the request was sent.

    `address` is the host:port that answered; `verified` says by what its certificate was: `address`, `node-name`, or ""
    for not at all.
    """

    body: bytes
    source: Source
    asked_ns: int
    address: str = ""
    verified: str = ""
