"""What one node's kubelet knows: its pods, each container sampled at its own phase like cAdvisor does.

Instants are whole milliseconds since 1970, as a kubelet prints them; a sample is exact for the instant it names.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from autoscaler.sim.workloads import RunningPod

_MEMORY_OF_NODE = 600 * 2**20
_KEPT_AFTER_END = 60.0
"""Seconds for which an ended pod is still counted by name, so that no earlier node sample changes afterwards."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample: core-nanoseconds since the start, bytes at the instant."""

    at_ms: int
    cpu_ns: int
    memory: int


@dataclass(frozen=True, slots=True)
class Series:
    """A container (or, with an empty name, a whole pod) and when it is sampled."""

    pod: RunningPod
    container: str
    part: float
    phase_ms: int
    labels: str
    started_ms: int


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Accounts of one node. `epoch` is the instant the world began, `period` the seconds between two samples."""

    node: str
    epoch: float
    period: float = 10.0
    system: float = 0.05
    """Cores that the node uses beside its pods."""
    booted: float = -3600.0
    """Seconds since the world began."""
    pods: dict[str, RunningPod] = field(default_factory=dict)
    _retired: float = 0.0
    _series: tuple[list[Series], list[Series]] | None = None

    def add(self, pod: RunningPod) -> None:
        """A pod started here."""
        self.pods[pod.uid] = pod
        self._series = None

    def end(self, pod: RunningPod, at: float) -> None:
        """A pod is gone: its series disappear at once, the node's counter keeps what it used."""
        pod.left = min(pod.left, at)
        pod.ended = at
        self._series = None
        for uid, each in list(self.pods.items()):
            if each.ended < at - _KEPT_AFTER_END:
                self._retired += each.cpu(each.ended)
                del self.pods[uid]

    @property
    def containers(self) -> list[Series]:
        """Of the pods that run, in the order of a page: container, namespace, pod."""
        return self._sorted()[0]

    @property
    def whole_pods(self) -> list[Series]:
        """Of the pods that run: namespace, pod."""
        return self._sorted()[1]

    def read(self, series: Series, now_ms: int) -> Reading | None:
        """The last sample; None when the container has not been sampled yet."""
        at_ms = self._sampled(now_ms, series.phase_ms)
        at = self._since_epoch(at_ms)
        if at < series.pod.started:
            return None
        cpu = series.pod.cpu(at, series.part)
        return Reading(at_ms, round(cpu * 1e9), series.pod.memory(at, series.part))

    def read_node(self, now_ms: int) -> Reading:
        """The node's own last sample: everything that ran here, and the system."""
        at_ms = self._sampled(now_ms, self._phase(self.node))
        at = self._since_epoch(at_ms)
        cpu = self._retired + sum(pod.cpu(at) for pod in self.pods.values()) + self.system * (at - self.booted)
        memory = sum(pod.memory(at) for pod in self.pods.values() if pod.started <= at < pod.ended)
        return Reading(at_ms, round(cpu * 1e9), _MEMORY_OF_NODE + memory)

    def started_ms(self, pod: RunningPod) -> int:
        """When the pod's containers started."""
        return round((self.epoch + pod.started) * 1000)

    def _since_epoch(self, at_ms: int) -> float:
        return (at_ms - round(self.epoch * 1000)) / 1000  # in whole milliseconds: a float of 1.8e9 s is too coarse

    def _sampled(self, now_ms: int, phase_ms: int) -> int:
        """The last instant of this phase that is not in the future."""
        return now_ms - (now_ms - phase_ms) % round(self.period * 1000)

    def _phase(self, name: str) -> int:
        """A phase that is anybody's guess but the same in every run."""
        return zlib.crc32(name.encode()) % round(self.period * 1000)

    def _sorted(self) -> tuple[list[Series], list[Series]]:
        if self._series is None:
            running = [pod for pod in self.pods.values() if pod.ended == float("inf")]
            containers = sorted(
                (series for pod in running for series in self._of_pod(pod)),
                key=lambda each: (each.container, each.pod.namespace, each.pod.name),
            )
            pods = [self._one(pod, "", 1.0) for pod in sorted(running, key=lambda each: (each.namespace, each.name))]
            self._series = (containers, pods)
        return self._series

    def _of_pod(self, pod: RunningPod) -> Iterator[Series]:
        for container in pod.containers:
            yield self._one(pod, container.name, container.part)

    def _one(self, pod: RunningPod, container: str, part: float) -> Series:
        labels = f'namespace="{pod.namespace}",pod="{pod.name}"'
        if container:
            labels = f'container="{container}",{labels}'
        return Series(
            pod, container, part, self._phase(f"{pod.uid}/{container}"), f"{{{labels}}} ", self.started_ms(pod)
        )
