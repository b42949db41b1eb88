"""The series of one node and of the pods that are bound to it, and how its last scrape went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

from autoscaler.core.rates import Bounds, Gap, bounds_of
from autoscaler.engine.podseries import WHOLE_POD, PodSeries
from autoscaler.engine.series import Row, Series, end_of, usage_of
from autoscaler.engine.steady import PodName, Steady
from autoscaler.errors import ScrapeError
from autoscaler.model.metrics import Commit, ContainerId, Page, PodCounters, SampleBlock, Usage
from autoscaler.model.objects import Node, NodeName, ObjectKey, Pod

REMEMBERED_FOREIGN = 1000
"""Pods of other nodes in the newest page, kept to explain why they have no number."""
_ORDINARY = frozenset({Gap.FIRST, Gap.YOUNG, Gap.REPEATED})
_SELF = ""


class Renewed(NamedTuple):
    """What a page renewed: how many series of which pod, and when the oldest of these samples was taken."""

    pods: Mapping[PodName, int] = {}
    own: bool = False
    oldest_ns: int = 0


_NOTHING = Renewed()


class NodeSeries:
    """Empty until the first page; `page_ns` is when the newest one came in, 0 before.

    `failure` is what the last scrape failed of, "" when it did not; `failing_since` when the first of a row of failures
    was (seconds since 1970).
    """

    def __init__(self, node: Node, resolution: float) -> None:
        self.name: NodeName = node.name
        self.uid = node.uid
        self.page_ns = 0
        self.failure = ""
        self.failing_since = 0.0
        self.foreign: frozenset[PodName] = frozenset()
        self.pod_cpu: PodCounters | None = None
        """Of the newest page, whatever pods it has them of."""
        self._resolution = resolution
        self._bounds: Bounds = bounds_of(node.capacity, resolution)
        self._self = Series([_SELF])
        self._bound: list[Pod] = []
        self.told = False
        """Whether the node's own usage was served when listeners were last told of it."""
        self._pods: dict[PodName, PodSeries] = {}
        self._steady: Steady | None = None
        self.until_ns = 0
        """From then on something of what is told to be served is too old, unless a page comes; 0: nothing is served."""

    def pods(self) -> Collection[PodSeries]:
        """The pods bound here at the newest page."""
        return self._pods.values()

    def bind(self, node: Node, pods: Iterable[Pod]) -> tuple[list[PodSeries], list[PodSeries]]:
        """These pods are bound here now: the series that went and those that came. A new uid is a new pod."""
        self._bounds = bounds_of(node.capacity, self._resolution)
        bound = list(pods)
        if bound == self._bound:  # as nearly always; the very same objects, so it takes no time
            return [], []
        before, self._pods, self._bound, self._steady = self._pods, {}, bound, None
        came = []
        for pod in bound:
            key = (pod.namespace, pod.name)
            series = before.get(key)
            if series is None or series.pod.uid != pod.uid:
                series = PodSeries(pod, self)
                came.append(series)
            else:
                series.pod = pod
                del before[key]
            self._pods[key] = series
        return list(before.values()), came

    def release(self, pod: PodSeries) -> None:
        """Another node has a pod of this name now."""
        key = (pod.pod.namespace, pod.pod.name)
        if self._pods.get(key) is pod:
            del self._pods[key]
            self._bound, self._steady = [], None

    def take(self, page: Page, now_ns: int) -> tuple[Renewed, Mapping[str, int]]:
        """Take a page in: what has a new usage, and how many samples were left out, by reason.

        The pod uids of a summary are not compared: a static pod has another one there than in the API.
        """
        self.page_ns, self.failure, self.pod_cpu = now_ns, "", page.pod_cpu
        dropped: Counter[str] = Counter(page.skipped)
        own = page.node is not None and _counted(self._self.take(_SELF, page.node, now_ns, self._bounds), dropped)
        if isinstance(page.containers, SampleBlock) and (steady := self._steady_of(page.containers.ids)):
            renewed, oldest, gaps = steady.take(page.containers, now_ns, self._bounds)
            for gap in gaps:
                _counted(gap, dropped)
            self.foreign = frozenset()
            return Renewed(renewed, own, oldest), dropped
        renewed, oldest = self._take_each(page, now_ns, dropped)
        return Renewed(renewed, own, oldest), dropped

    def _steady_of(self, ids: tuple[ContainerId, ...]) -> Steady | None:
        """What stays the same for pages with these containers; None when one of them is not to be taken in."""
        if self._steady is None or self._steady.ids is not ids:
            pods = [(self._pods.get((cid.namespace, cid.pod)), cid.container) for cid in ids]
            admitted = all(pod is not None and pod.admit(name) for pod, name in pods)
            self._steady = Steady(ids, self._pods) if admitted else None
        return self._steady

    def _take_each(self, page: Page, now_ns: int, dropped: Counter[str]) -> tuple[Mapping[PodName, int], int]:
        """The same of any page: how many series of which pod have a new usage, and when the oldest sample was taken."""
        renewed: dict[PodName, int] = {}
        foreign: set[PodName] = set()
        oldest = now_ns
        pods, bounds = self._pods, self._bounds
        wholes = ((ContainerId(*key, WHOLE_POD), sample) for key, sample in page.pods.items())
        for cid, sample in chain(page.containers.items(), wholes):
            key = (cid.namespace, cid.pod)
            pod = pods.get(key)
            if pod is None:
                foreign.add(key)
                dropped["foreign"] += 1
                continue
            if not pod.admit(cid.container):
                dropped["limit"] += 1
                continue
            gap = pod.take(cid.container, sample, now_ns, bounds)
            if gap is not None:
                _counted(gap, dropped)
            else:
                renewed[key] = renewed.get(key, 0) + 1
                oldest = min(oldest, sample.at_ns)
        self.foreign = frozenset(islice(foreign, REMEMBERED_FOREIGN))
        return renewed, oldest

    def commit(self, now_ns: int, bound_ns: int, renewed: Renewed = _NOTHING) -> Commit:
        """What is served otherwise than when this was last asked; `renewed` is what `take` gave meanwhile."""
        renewed_end = renewed.oldest_ns + bound_ns
        ends = [renewed_end]  # not later than the first of them, which is enough to look then
        fresh: list[ObjectKey] = []
        lost: list[ObjectKey] = []
        names: Iterable[PodName] = self._pods
        steady = self._steady
        whole = steady is not None and renewed.pods is steady.counts and renewed_end >= now_ns
        known: Sequence[ObjectKey] = ()
        if steady and whole and steady.settled:
            known, names = steady.keys, steady.others
        for name in names:
            samples, pod = renewed.pods.get(name, 0), self._pods[name]
            served = pod.renewed(samples) if renewed_end >= now_ns else 0
            if not served:
                served, end = pod.outlook(now_ns, bound_ns)
                if served:
                    ends.append(end)
                whole = whole and not samples
            if served:
                if samples or served != pod.told:
                    fresh.append(pod.key)
            elif pod.told:
                lost.append(pod.key)
            pod.told = served
        if steady:
            steady.settled = whole
        own = self._own(now_ns, bound_ns, ends, renewed=renewed.own)
        self.until_ns = min((end for end in ends if end >= now_ns), default=0)
        return Commit(self.name, [*known, *fresh] if known and fresh else known or fresh, lost, own)

    def _own(self, now_ns: int, bound_ns: int, ends: list[int], *, renewed: bool) -> bool | None:
        """The node's own part of a commit."""
        before, end = self.told, end_of(self._self.row(0), bound_ns)
        self.told = end >= now_ns and end > 0
        if self.told:
            ends.append(end)
            return True if renewed or not before else None
        return False if before else None

    def fail(self, error: ScrapeError, now: float) -> None:
        """The scrape of `now` gave nothing; the first one of a row of failures is remembered with its time."""
        if not self.failure:
            self.failing_since = now
        self.failure = f"{error.reason}: {error.detail}"

    def usage(self, now_ns: int, bound_ns: int) -> Usage | None:
        """The node's own usage."""
        return usage_of(self._self.row(0), now_ns, bound_ns)

    def own(self) -> Row:
        """The row of the node itself."""
        return self._self.row(0)


def _counted(gap: Gap | None, dropped: Counter[str]) -> bool:
    """Whether there is a usage; a gap that should not happen is counted."""
    if gap is not None and gap not in _ORDINARY:
        dropped[gap] += 1
    return gap is None
