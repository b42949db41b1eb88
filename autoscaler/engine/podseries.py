"""The series of one pod on the node it is bound to, and when they make a usage."""

from __future__ import annotations

from typing import Protocol

from autoscaler.core.rates import NANO
from autoscaler.engine.series import Row, Series, usage_of
from autoscaler.model.metrics import PodUsage, Usage
from autoscaler.model.objects import NodeName, Pod

WHOLE_POD = "POD"
"""The name under which pod-level lines are kept, and served when they cannot stand for one container: no container can
be called that."""

MOST_OTHERS = 100
"""Names beyond a pod's spec that are kept: init containers and ephemeral ones, and `WHOLE_POD`. Each is looked up among
all, and none is let go while the pod lives, so a kubelet that makes names up would have every page take longer."""


class Reporter(Protocol):
    """The node a pod is bound to, and when its newest page came in."""

    name: NodeName
    page_ns: int


class PodSeries(Series):
    """Rows of the containers in the order of the spec, sidecars behind, then whatever else the kubelet reports."""

    __slots__ = ("_most", "key", "node", "pod", "told")

    def __init__(self, pod: Pod, node: Reporter) -> None:
        super().__init__(_expected(pod))
        self._most = len(self.names) + MOST_OTHERS
        self.key = pod.key
        self.pod = pod
        self.node = node
        self.told = 0
        """How many containers were served when listeners were last told of it."""

    def admit(self, name: str) -> bool:
        """Whether a sample of this name is to be taken in: it is known, or becomes so as there is room."""
        if len(self.names) < self._most:
            self.place(name)
            return True
        return name in self.names

    def usage(self, now_ns: int, bound_ns: int) -> PodUsage | None:
        """What is served; None unless every container that counts has a usage (see store.py)."""
        served = self._served(now_ns, bound_ns)
        if not served:
            return None
        earliest = served[0][1]
        for _, usage in served:
            if usage.at_ns < earliest.at_ns:
                earliest = usage
        pod = self.pod
        return PodUsage(pod.namespace, pod.name, pod.uid, tuple(served), earliest.at_ns, earliest.window_ns)

    def points(self, now_ns: int, bound_ns: int) -> int:
        """How many containers have a usage; the pod's own counts when none has."""
        count = sum(told := self.servable(now_ns, bound_ns))
        if WHOLE_POD in self.names and told[self.names.index(WHOLE_POD)]:
            return max(1, count - 1)
        return count

    def outlook(self, now_ns: int, bound_ns: int) -> tuple[int, int]:
        """How many containers are served, and until when if no further sample comes (0: none is)."""
        served = self._served(now_ns, bound_ns)
        ends = [end for end in self.ends(bound_ns) if end >= now_ns]
        return len(served), min(ends) if served and ends else 0

    def renewed(self, samples: int) -> int:
        """How many containers are served when `samples` series had a new usage in one page; 0: ask `outlook`."""
        if samples < len(self.names):
            return 0
        return max(1, samples - (WHOLE_POD in self.names))

    def blocking(self, now_ns: int, bound_ns: int) -> list[tuple[str, Row]]:
        """The containers that hold the pod back, with their rows."""
        return self._standing(now_ns, bound_ns)[1]

    def _served(self, now_ns: int, bound_ns: int) -> list[tuple[str, Usage]]:
        """Name and usage of each container to be served: nearly always of all."""
        return self.usages(now_ns, bound_ns, but=WHOLE_POD) or self._standing(now_ns, bound_ns)[0]

    def _standing(self, now_ns: int, bound_ns: int) -> tuple[list[tuple[str, Usage]], list[tuple[str, Row]]]:
        """Name and usage of each container to be served; when that is none, the rows that stand in the way."""
        served = []
        blocked = []
        silent = True
        young = self.pod.started is not None and now_ns - self.pod.started * NANO < bound_ns
        for index, name in enumerate(self.names):
            row = self.row(index)
            if name == WHOLE_POD:
                continue
            silent = silent and not row.seen
            usage = usage_of(row, now_ns, bound_ns)
            if usage is not None:
                served.append((name, usage))
            elif row.seen == self.node.page_ns or (young and not row.seen):
                blocked.append((name, row))
        if blocked and not silent:
            return [], blocked
        if served:
            return served, []
        whole = self._whole(now_ns, bound_ns)
        return whole, [] if whole else blocked

    def _whole(self, now_ns: int, bound_ns: int) -> list[tuple[str, Usage]]:
        """The pod-level usage, under the name it is served by."""
        if WHOLE_POD not in self.names:
            return []
        usage = usage_of(self.row(self.names.index(WHOLE_POD)), now_ns, bound_ns)
        expected = _expected(self.pod)
        return [(expected[0] if len(expected) == 1 else WHOLE_POD, usage)] if usage else []


def _expected(pod: Pod) -> list[str]:
    """Containers that run as long as the pod does."""
    sidecars = [container.name for container in pod.init_containers if container.sidecar]
    return [container.name for container in pod.containers] + sidecars
