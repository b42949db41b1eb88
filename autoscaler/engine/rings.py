"""Usage over longer windows, of the pods that somebody asks it of: the mean of 30 s, 1 m or 5 m instead of one sample.

A further storage (docs/stores.md). It keeps the samples of five minutes of each container of a pod, 24 bytes each, from
the first time the pod is asked for until nobody has asked for ten minutes. A mean is of what there is: shortly after
the first question, or after a container's start, its window is shorter, and says so; with one sample it is the latest
usage. CPU is the difference of two counters, so exact; memory is the mean of the samples in the window.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import structs

from autoscaler.clock import Clock
from autoscaler.core.rates import KEPT, NANO, Bounds, Gap, bounds_of, seconds, usage_between
from autoscaler.engine.store import metrics_of
from autoscaler.errors import ScrapeError
from autoscaler.model.metrics import Page, PodMetrics, PodUsage, Sample, Usage
from autoscaler.model.objects import Node, NodeName, ObjectKey, Pod

LONGEST_SECONDS = 300.0
FORGOTTEN_SECONDS = 600.0
MOST = 250
"""Containers of a pod whose samples are kept; of others, which a kubelet may make up anew at every page, the latest
usage is served."""
_FIELDS = 3


class Latest(Protocol):
    """What is served of a pod now; `engine.store.MemoryStorage`."""

    def pod_usage(self, namespace: str, name: str) -> PodUsage | None: ...


class Ring:
    """The samples of one container that began last, oldest first; one of them is as old as the longest window."""

    __slots__ = ("_samples", "_start")

    def __init__(self) -> None:
        self._samples = array("q")
        self._start: int | None = None

    def take(self, sample: Sample, received_ns: int, bounds: Bounds) -> None:
        """Take `sample` in, if it can follow the last one; a new window begins where the latest usage has one too."""
        last = self._last()
        outcome = usage_between(last, sample, received_ns, bounds)
        if isinstance(outcome, Gap):
            if outcome in KEPT:
                return
            del self._samples[:]
        elif last is not None and sample.start_ns is not None and sample.start_ns > last.at_ns:
            del self._samples[:]
        self._samples.extend((sample.at_ns, sample.cpu_ns or 0, sample.memory or 0))
        self._start = sample.start_ns
        oldest = sample.at_ns - int(LONGEST_SECONDS * NANO)
        while len(self._samples) > _FIELDS and self._samples[_FIELDS] <= oldest:
            del self._samples[:_FIELDS]

    def over(self, window_ns: int) -> Usage | None:
        """The mean of the last `window_ns`, or of less if there is less; None of fewer than two samples."""
        times, counters, memories = (self._samples[field::_FIELDS] for field in range(_FIELDS))
        if len(times) < 2:
            return None
        first = next((at for at in range(len(times) - 2, 0, -1) if times[at] <= times[-1] - window_ns), 0)
        span = times[-1] - times[first]
        within = memories[first + 1 :]
        return Usage(int((counters[-1] - counters[first]) / seconds(span)), sum(within) // len(within), times[-1], span)

    def _last(self) -> Sample | None:
        if not self._samples:
            return None
        at, total, memory = self._samples[-_FIELDS:]
        return Sample(at, total, memory, self._start)


class _Asked:
    """A pod that somebody asks for."""

    def __init__(self, uid: str) -> None:
        self.uid = uid
        self.at = 0.0
        self.rings: dict[str, Ring] = {}


class Rings:
    """`storages.Storage`, and the control loop's `UsageReader`."""

    def __init__(self, latest: Latest, *, resolution: float, clock: Clock) -> None:
        self._latest = latest
        self._resolution = resolution
        self._clock = clock
        self._asked: dict[ObjectKey, _Asked] = {}
        self._looked = clock.monotonic()

    def put(self, node: Node, page: Page, pods: Iterable[Pod], now_ns: int) -> None:
        """Keep the samples of the pods that are asked for."""
        if not self._asked:
            return
        self._forget_the_unasked()
        asked = {(pod.namespace, pod.name): found for pod in pods if (found := self._of(pod)) is not None}
        if not asked:
            return
        bounds = bounds_of(node.capacity, self._resolution)
        for cid, sample in page.containers.items():
            pod = asked.get((cid.namespace, cid.pod))
            if pod is not None and (cid.container in pod.rings or len(pod.rings) < MOST):
                pod.rings.setdefault(cid.container, Ring()).take(sample, now_ns, bounds)

    def failed(self, node: Node, error: ScrapeError) -> None:
        """A rate goes on across the gap."""

    def forget(self, node: NodeName) -> None:
        """Its pods are not asked for any more, and forgotten then."""

    def pod_metrics(self, namespace: str, pods: Sequence[Pod], window: float = 0.0) -> tuple[PodMetrics, ...]:
        """What is served of those of `pods` that can be, in their order, in milli-units; with a window, its mean."""
        found = []
        for pod in pods:
            usage = self._latest.pod_usage(namespace, pod.name)
            if window:
                asked = self._asked.get(pod.key)
                if asked is None or asked.uid != pod.uid:
                    asked = self._asked[pod.key] = _Asked(pod.uid)
                asked.at = self._clock.monotonic()
                usage = usage and _averaged(usage, asked.rings, int(window * NANO))
            if usage is not None and usage.uid == pod.uid:
                found.append(metrics_of(usage))
        return tuple(found)

    def _of(self, pod: Pod) -> _Asked | None:
        asked = self._asked.get(pod.key)
        return asked if asked is not None and asked.uid == pod.uid else None

    def _forget_the_unasked(self) -> None:
        now = self._clock.monotonic()
        if now - self._looked >= FORGOTTEN_SECONDS / 10:
            self._looked = now
            self._asked = {key: each for key, each in self._asked.items() if now - each.at < FORGOTTEN_SECONDS}


def _averaged(usage: PodUsage, rings: dict[str, Ring], window_ns: int) -> PodUsage:
    """The same containers, each with its mean if that is as new as its latest usage."""
    means = [
        (name, latest, rings[name].over(window_ns) if name in rings else None) for name, latest in usage.containers
    ]
    containers = tuple((name, mean if mean and mean.at_ns == latest.at_ns else latest) for name, latest, mean in means)
    earliest = min((each for _, each in containers), key=lambda each: each.at_ns)
    return structs.replace(usage, containers=containers, window_ns=earliest.window_ns)
