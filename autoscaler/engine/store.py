"""The latest usage of every container and node, in memory.

A page is taken in whole, on arrival. What it leaves out stays up to three resolutions. A pod is served when every
container that counts has a usage: a container counts while the newest page of its node has a line of it, and, in a pod
that started less than three resolutions ago, when it is in the pod's spec at all. One that has no usage and no line any
more is taken for ended. A pod whose containers have no lines is served from its `pod_*` lines: under its container's
name when it has but one, as `POD` otherwise. Samples of pods that are not bound to the node are dropped and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush

from msgspec import structs

from autoscaler.clock import Clock, Steps
from autoscaler.core.rates import CLOCK_NS, NANO
from autoscaler.engine import absences
from autoscaler.engine.freshness import Freshness
from autoscaler.engine.nodeseries import NodeSeries
from autoscaler.engine.podseries import PodSeries
from autoscaler.errors import ScrapeError
from autoscaler.model.absence import Absence
from autoscaler.model.metrics import Commit, NodeUsage, Page, PodMetrics, PodUsage
from autoscaler.model.objects import Milli, Node, NodeName, ObjectKey, Pod
from autoscaler.telemetry import EngineTelemetry

KEPT_RESOLUTIONS = 3
"""So many resolutions a usage is served after its sample; then it is better to have none."""

EXPIRED_AT_ONCE = 16
"""Nodes looked at without giving way to other tasks: 500 pods of 30 a node."""


class MemoryStorage:
    """`storages.Storage`, `UsageReader` of the API and of the control loop; used from one event loop."""

    def __init__(self, *, resolution: float, clock: Clock, telemetry: EngineTelemetry, freshness: Freshness) -> None:
        self._resolution = resolution
        self.bound_ns = int(KEPT_RESOLUTIONS * resolution * NANO)
        """How old a sample may be that is served."""
        self._clock = clock
        self._telemetry = telemetry
        self._freshness = freshness
        self._begun = clock.now()
        self._steps, self._stepped = Steps(clock), 0.0
        self._nodes: dict[NodeName, NodeSeries] = {}
        self._pods: dict[str, dict[str, PodSeries]] = {}
        self._ends: list[tuple[int, NodeName]] = []
        """A heap of when something on which node becomes too old; what is not its `until_ns` any more is void."""

    def put(self, node: Node, page: Page, pods: Iterable[Pod], now_ns: int) -> None:
        """Take in a page that came from `node` at `now_ns`, where `pods` are bound."""
        series = self._nodes.get(node.name)
        if series is None or series.uid != node.uid:
            self.forget(node.name)
            series = self._nodes[node.name] = NodeSeries(node, self._resolution)
        gone, new = series.bind(node, pods)
        unlisted = self._unlist(gone)
        for pod in new:
            unlisted += self._list(pod)
        renewed, dropped = series.take(page, now_ns)
        for reason, count in dropped.items():
            self._telemetry.skipped.labels(reason).inc(count)
        if foreign := dropped.get("foreign"):
            self._telemetry.foreign.labels(node.name).inc(foreign)
        self._told(series, series.commit(now_ns, self.bound_ns, renewed), unlisted)

    def failed(self, node: Node, error: ScrapeError) -> None:
        """The node gave no page; what it gave before stays until it is too old."""
        series = self._nodes.get(node.name)
        if series is None:
            series = self._nodes[node.name] = NodeSeries(node, self._resolution)
        series.fail(error, self._clock.now())

    def forget(self, node: NodeName) -> None:
        """The node is gone, and all it told."""
        if series := self._nodes.pop(node, None):
            self._freshness.tell(Commit(node, lost=self._unlist(series.pods()), own=False if series.told else None))

    def expire(self, most: int = EXPIRED_AT_ONCE) -> bool:
        """Tell of usages that have become too old; False when there may be more of them than on `most` nodes.

        A commit tells of its own node; this is for the nodes that send nothing. Call it every second, and until it is
        True before the feed is relied on.
        """
        self._heed_steps()
        now_ns = self._now_ns()
        for _ in range(most):
            if not self._ends or self._ends[0][0] >= now_ns:
                return True
            end, name = heappop(self._ends)
            series = self._nodes.get(name)
            if series is not None and series.until_ns == end:
                self._told(series, series.commit(now_ns, self.bound_ns))
        return False

    def _heed_steps(self) -> None:
        """Forget everything when the wall clock is set back by more than a sample is believed to be off.

        What was received before it would be of the future, and served for as long after its kubelet fell silent.
        """
        before, self._stepped = self._stepped, self._steps.look()
        if (before - self._stepped) * NANO > CLOCK_NS:
            for node in list(self._nodes):
                self.forget(node)

    def _told(self, series: NodeSeries, commit: Commit, unlisted: Sequence[ObjectKey] = ()) -> None:
        """Tell of a commit, and note when the next thing on its node becomes too old.

        `unlisted` were served until now; one whose name another pod has by now, which is served already, is not lost.
        """
        if series.until_ns:
            heappush(self._ends, (series.until_ns, series.name))
        if unlisted:
            fresh = frozenset(commit.fresh)
            commit = structs.replace(commit, lost=[*(key for key in unlisted if key not in fresh), *commit.lost])
        self._freshness.tell(commit)

    def nodes(self) -> list[NodeSeries]:
        """What is known of each node that was scraped or tried."""
        return list(self._nodes.values())

    def node(self, name: NodeName) -> NodeSeries | None:
        """What is known of this one."""
        return self._nodes.get(name)

    def node_usage(self, name: str) -> NodeUsage | None:
        """The node's usage, None when there is none to be served."""
        series = self._nodes.get(NodeName(name))
        usage = series and series.usage(self._now_ns(), self.bound_ns)
        return NodeUsage(NodeName(name), usage) if usage else None

    def pod_usage(self, namespace: str, name: str) -> PodUsage | None:
        """The pod's usage, None when there is none to be served; compare `uid` when the pod may be a new one."""
        pod = self._pods.get(namespace, {}).get(name)
        return pod.usage(self._now_ns(), self.bound_ns) if pod else None

    def absence(self, item: Pod | Node) -> tuple[Absence, ...]:
        """Why there is no usage of a node or a running pod, the most telling cause first; none when there is one."""
        moment = absences.Moment(self._now_ns(), self.bound_ns, self._begun)
        if isinstance(item, Node):
            return absences.of_node(item, self._nodes.get(item.name), moment)
        pod = self._pods.get(item.namespace, {}).get(item.name)
        found = absences.of_pod(item, pod, self._nodes.get(item.node), moment)
        if not found:
            return ()
        key = (item.namespace, item.name)
        return (*found, *absences.of_foreign(item, [each for each in self._nodes.values() if key in each.foreign]))

    def _list(self, new: PodSeries) -> list[ObjectKey]:
        """Put a series in; the pod it takes the name of, when that one was served on another node."""
        names = self._pods.setdefault(new.pod.namespace, {})
        before = names.get(new.pod.name)
        names[new.pod.name] = new
        if before is None:
            return []
        if node := self._nodes.get(before.node.name):
            node.release(before)
        return [before.pod.key] if before.told else []

    def _unlist(self, gone: Iterable[PodSeries]) -> list[ObjectKey]:
        """Take these series out, unless the pod's name already belongs to a newer one; those that were served."""
        lost = []
        for series in gone:
            names = self._pods.get(series.pod.namespace, {})
            if names.get(series.pod.name) is series:
                del names[series.pod.name]
                if not names:
                    del self._pods[series.pod.namespace]
                if series.told:
                    lost.append(series.pod.key)
        return lost

    def _now_ns(self) -> int:
        return int(self._clock.now() * NANO)


def metrics_of(usage: PodUsage) -> PodMetrics:
    """What a controller reads of it: amounts rounded up to milli as `Quantity.MilliValue` does, and `at` in whole
    seconds, as metav1.Time has.
    """
    return PodMetrics(
        pod=usage.pod,
        at=float(usage.at_ns // NANO),
        window=usage.window_ns / NANO,
        containers=tuple((name, _amounts(used.cpu, used.memory)) for name, used in usage.containers),
    )


def _amounts(cpu: int, memory: int) -> Mapping[str, Milli]:
    return {"cpu": Milli(-(-cpu // 1_000_000)), "memory": Milli(memory * 1000)}
