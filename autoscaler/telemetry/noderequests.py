"""metrics-server's two families by node: when each kubelet was asked last, and how long its answers took.

Twelve buckets for each of 5,000 nodes would be a page of 6 MB and 25 MB of memory, so a node has its own histogram only
while fewer than `MOST_NODES` have one; the others share that of a node without a name. Sums over all nodes are exact.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from autoscaler.telemetry.buckets import REQUEST_BUCKETS

MOST_NODES = 1000
OTHERS = ""
_BOUNDS = (*map(str, map(float, REQUEST_BUCKETS)), "+Inf")
_LABELS = ("node",)


class NodeRequests(Collector):
    """Collected from a registry, in any thread."""

    def __init__(self, most_nodes: int = MOST_NODES) -> None:
        self._most_nodes = most_nodes
        self._asked: dict[str, float] = {}
        self._took: dict[str, array[float]] = {}
        """By node how many answers took up to each bound and more than the one below, and the seconds of all."""

    def asked(self, node: str, at: float) -> None:
        """The kubelet is asked, at `at` (seconds since 1970)."""
        self._asked[node] = at

    def took(self, node: str, seconds: float) -> None:
        """It answered, or failed to."""
        row = self._took.get(node) or self._row(node)
        row[bisect_left(REQUEST_BUCKETS, seconds)] += 1
        row[-1] += seconds

    def forget(self, node: str) -> None:
        """The node is gone."""
        self._asked.pop(node, None)
        self._took.pop(node, None)

    def describe(self) -> Iterator[GaugeMetricFamily | HistogramMetricFamily]:
        """The families without samples."""
        yield HistogramMetricFamily(
            "metrics_server_kubelet_request_duration_seconds",
            f"Duration of requests to the kubelet, by node; all beyond {self._most_nodes} share one without a name.",
            labels=_LABELS,
        )
        yield GaugeMetricFamily(
            "metrics_server_kubelet_last_request_time_seconds",
            "Time of the last request to the kubelet, seconds since 1970.",
            labels=_LABELS,
        )

    def collect(self) -> Iterator[GaugeMetricFamily | HistogramMetricFamily]:
        """The families; copies are taken in one step, while nodes come and go."""
        for family in self.describe():
            if isinstance(family, GaugeMetricFamily):
                for node, at in tuple(self._asked.items()):
                    family.add_metric((node,), at)
            else:
                for node, row in tuple(self._took.items()):
                    counts = zip(_BOUNDS, accumulate(row[:-1]), strict=True)
                    family.add_metric((node,), list(counts), row[-1])
            yield family

    def _row(self, node: str) -> array[float]:
        """The node's own row while there is room, else the common one."""
        name = node if len(self._took) < self._most_nodes else OTHERS
        return self._took.setdefault(name, array("d", bytes(8 * (len(_BOUNDS) + 1))))
