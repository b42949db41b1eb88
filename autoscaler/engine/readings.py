"""The newest samples as the kubelets told them, for whoever keeps a history of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoscaler.clock import Clock
from autoscaler.core.podcounters import counted
from autoscaler.core.rates import CLOCK_NS, NANO
from autoscaler.engine.podseries import WHOLE_POD
from autoscaler.engine.store import MemoryStorage
from autoscaler.model.metrics import PodTotal, PodUsage, Reading
from autoscaler.model.objects import NodeName


class StoredReadings:
    """Reads a store, node by node; samples that are too old to be served are left out."""

    def __init__(self, storage: MemoryStorage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def nodes(self) -> Sequence[NodeName]:
        """Those that are known now."""
        return [series.name for series in self._storage.nodes()]

    def node(self, name: NodeName) -> Reading | None:
        """The node's own."""
        series = self._storage.node(name)
        if series is None:
            return None
        row = series.own()
        fresh = row.at and self._now_ns() - min(row.at, row.received) <= self._storage.bound_ns
        return Reading("", "", "", row.total, row.memory, row.at) if fresh else None

    def containers(self, name: NodeName) -> Iterator[Reading]:
        """Those of the pods bound to the node."""
        series = self._storage.node(name)
        now_ns, bound_ns = self._now_ns(), self._storage.bound_ns
        for pod in list(series.pods()) if series else ():
            namespace, pod_name = pod.pod.namespace, pod.pod.name
            for container, (cpu_ns, memory, at_ns) in pod.counters(now_ns, bound_ns):
                if container != WHOLE_POD:
                    yield Reading(namespace, pod_name, container, cpu_ns, memory, at_ns)

    def pod_totals(self, name: NodeName) -> Iterator[PodTotal]:
        """CPU counters of the pods bound to the node, as the kubelet has them of pods."""
        series = self._storage.node(name)
        if series is None or series.pod_cpu is None:
            return
        bound = {(pod.pod.namespace, pod.pod.name) for pod in series.pods()}
        received = series.page_ns
        if self._now_ns() - received > self._storage.bound_ns:
            return
        for key, total, at_ns in counted(series.pod_cpu):
            fresh = self._now_ns() - at_ns <= self._storage.bound_ns
            if key in bound and fresh and abs(at_ns - received) <= CLOCK_NS:
                yield PodTotal(*key, total, at_ns)

    def pods(self, name: NodeName) -> Iterator[PodUsage]:
        """Usages of the pods bound to the node, as they are served."""
        series = self._storage.node(name)
        now_ns, bound_ns = self._now_ns(), self._storage.bound_ns
        for pod in list(series.pods()) if series else ():
            if (usage := pod.usage(now_ns, bound_ns)) is not None:
                yield usage

    def _now_ns(self) -> int:
        return int(self._clock.now() * NANO)
