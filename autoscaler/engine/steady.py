"""What is the same for page after page of a node, while the same containers run there.

A page of a known layout names the same containers in the same order, so which row each sample goes to is looked up
once, and when everything has a new usage, as nearly always, so is what there is to tell. Ordinary successors are taken
in by compiled code (core/_native.pyi), the rest by `Series.take`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from struct import Struct

from autoscaler.core.compiled import native
from autoscaler.core.rates import Bounds, Gap
from autoscaler.engine.podseries import PodSeries
from autoscaler.model.metrics import ContainerId, SampleBlock
from autoscaler.model.objects import ObjectKey

PodName = tuple[str, str]


class Steady:
    """`counts` says how many containers each pod has on the page, `keys` who they are, `others` which pods have none.

    `settled`: what listeners were told of the pods in `counts` is what a page in which every sample counts tells.
    """

    __slots__ = ("_offsets", "_pods", "_rows", "counts", "ids", "keys", "others", "settled")

    def __init__(self, ids: tuple[ContainerId, ...], pods: Mapping[PodName, PodSeries]) -> None:
        self.ids = ids
        self._pods = [pods[cid.namespace, cid.pod] for cid in ids]
        places = [pod.place(cid.container) for pod, cid in zip(self._pods, ids, strict=True)]
        self._rows = tuple([rows for rows, _ in places])
        self._offsets = Struct(f"={len(places)}i").pack(*[offset for _, offset in places])
        self.counts: Mapping[PodName, int] = Counter((cid.namespace, cid.pod) for cid in ids)
        self.keys: Sequence[ObjectKey] = tuple([pods[name].key for name in self.counts])
        self.others = [name for name in pods if name not in self.counts]
        self.settled = False

    def take(self, page: SampleBlock, now_ns: int, bounds: Bounds) -> tuple[Mapping[PodName, int], int, Sequence[Gap]]:
        """Take a page in: how many series of which pod have a new usage (`counts` itself when all have), when the
        oldest of these samples was taken, and what the others lacked.
        """
        oldest, left = native.take(page.block, self._rows, self._offsets, now_ns, bounds.cpu, bounds.memory)
        if not left:
            return self.counts, oldest, ()
        renewed, gaps = dict(self.counts), []
        for index in left:
            cid, sample = self.ids[index], page.sample(index)
            gap = self._pods[index].take(cid.container, sample, now_ns, bounds)
            if gap is None:
                oldest = min(oldest, sample.at_ns)
            else:
                gaps.append(gap)
                renewed[cid.namespace, cid.pod] -= 1
        return {name: count for name, count in renewed.items() if count}, oldest, gaps
