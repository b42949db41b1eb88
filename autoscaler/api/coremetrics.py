"""/metrics/core: CPU and memory of nodes, containers and pods in Prometheus' text format.

What the monitoring pipeline would scrape from every kubelet's /metrics/resource, from one place: the kubelets' own
counters under the kubelets' names, each line with the kubelet's sample time, so that `rate()` is exact. A pod has the
kubelet's counter where it tells one, and gauges that are what `kubectl top pods` shows: its containers' counters added
up would fall whenever one of them restarts. What is too old to be served is not here either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from msgspec import Struct
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from autoscaler.api.answer import Answer
from autoscaler.api.call import Call
from autoscaler.model.metrics import PodTotal, PodUsage, Reading
from autoscaler.model.objects import NodeName

NODES_AT_ONCE = 16
"""Nodes written without giving way to other tasks: about 1,000 containers, 2 ms, 100 KB."""

_NANO = 1_000_000_000
_MILLI_NS = 1_000_000
_SPECIAL = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Readings(Protocol):
    """What kubelets told and is fresh enough to be served, node by node; unknown nodes have nothing."""

    def nodes(self) -> Sequence[NodeName]: ...
    def node(self, name: NodeName) -> Reading | None: ...
    def containers(self, name: NodeName) -> Iterable[Reading]: ...
    def pod_totals(self, name: NodeName) -> Iterable[PodTotal]: ...
    def pods(self, name: NodeName) -> Iterable[PodUsage]: ...


class _Family(Struct, frozen=True):
    name: str
    type: str
    help: str
    lines: Callable[[Readings, NodeName], Iterable[str]]

    def page(self, readings: Readings, nodes: Sequence[NodeName]) -> Iterator[bytes]:
        """The family in slices; a family stands together on a page."""
        yield f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.type}\n".encode()
        left = iter(nodes)
        while batch := tuple(islice(left, NODES_AT_ONCE)):
            yield "".join([f"{self.name}{line}\n" for node in batch for line in self.lines(readings, node)]).encode()


class CoreMetrics:
    """Answers the path."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def answer(self, _call: Call) -> Answer:
        """The page, made while it is sent: each slice says what holds when it is written."""
        nodes = self._readings.nodes()
        pieces = (piece for family in FAMILIES for piece in family.page(self._readings, nodes) if piece)
        return Answer(pieces, CONTENT_TYPE_PLAIN_0_0_4)


def _of_node(value: Callable[[Reading], str]) -> Callable[[Readings, NodeName], Iterable[str]]:
    def lines(readings: Readings, node: NodeName) -> Iterable[str]:
        found = readings.node(node)
        return (f'{{node="{_text(node)}"}} {value(found)} {found.at_ns // _MILLI_NS}',) if found else ()

    return lines


def _of_containers(value: Callable[[Reading], str]) -> Callable[[Readings, NodeName], Iterable[str]]:
    def lines(readings: Readings, node: NodeName) -> Iterable[str]:
        where = _text(node)
        for each in readings.containers(node):
            yield (
                f'{{container="{_text(each.container)}",namespace="{_text(each.namespace)}",node="{where}",'
                f'pod="{_text(each.pod)}"}} {value(each)} {each.at_ns // _MILLI_NS}'
            )

    return lines


def _of_pods(value: Callable[[PodUsage], str]) -> Callable[[Readings, NodeName], Iterable[str]]:
    def lines(readings: Readings, node: NodeName) -> Iterable[str]:
        where = _text(node)
        for each in readings.pods(node):
            yield (
                f'{{namespace="{_text(each.namespace)}",node="{where}",pod="{_text(each.pod)}"}} {value(each)} '
                f"{each.at_ns // _MILLI_NS}"
            )

    return lines


def _pod_totals(readings: Readings, node: NodeName) -> Iterable[str]:
    where = _text(node)
    for each in readings.pod_totals(node):
        labels = f'namespace="{_text(each.namespace)}",node="{where}",pod="{_text(each.pod)}"'
        yield f"{{{labels}}} {_cpu_seconds(each)} {each.at_ns // _MILLI_NS}"


def _cpu_seconds(reading: Reading | PodTotal) -> str:
    return f"{reading.cpu_ns // _NANO}.{reading.cpu_ns % _NANO:09d}"


def _memory(reading: Reading) -> str:
    return str(reading.memory)


def _pod_cores(pod: PodUsage) -> str:
    nano = sum(usage.cpu for _, usage in pod.containers)
    return f"{nano // _NANO}.{nano % _NANO:09d}"


def _pod_memory(pod: PodUsage) -> str:
    return str(sum(usage.memory for _, usage in pod.containers))


def _text(label: str) -> str:
    """A label's value as the format wants it."""
    return label.translate(_SPECIAL) if "\\" in label or '"' in label or "\n" in label else label


FAMILIES = (
    _Family(
        "node_cpu_usage_seconds_total", "counter", "Cumulative CPU time of the node in core-seconds.",
        _of_node(_cpu_seconds),
    ),
    _Family("node_memory_working_set_bytes", "gauge", "Working set of the node in bytes.", _of_node(_memory)),
    _Family(
        "container_cpu_usage_seconds_total", "counter", "Cumulative CPU time of the container in core-seconds.",
        _of_containers(_cpu_seconds),
    ),
    _Family(
        "container_memory_working_set_bytes", "gauge", "Working set of the container in bytes.",
        _of_containers(_memory),
    ),
    _Family(
        "pod_cpu_usage_seconds_total", "counter", "Cumulative CPU time of the pod in core-seconds.", _pod_totals
    ),
    _Family(
        "pod_cpu_usage_cores", "gauge", "CPU usage of the pod in cores, averaged over the window of its samples.",
        _of_pods(_pod_cores),
    ),
    _Family("pod_memory_working_set_bytes", "gauge", "Working set of the pod in bytes.", _of_pods(_pod_memory)),
)  # fmt: skip
"""In the order of the page."""
