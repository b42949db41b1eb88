"""The JSON of metrics.k8s.io: items cached per sample, joined into objects and lists.

v1 and v1beta1 differ in the version string alone, which an item in a list does not carry; so one item serves both.
`creationTimestamp` is the time of the request, as upstream; an item is therefore kept in two halves, around that stamp.
Protobuf, Table and YAML are further renderings of the same items: they go beside `Item.head` and `Item.tail`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from autoscaler.api import document
from autoscaler.api.status import GROUP
from autoscaler.clock import Clock
from autoscaler.model.metrics import NodeUsage, PodUsage, Usage
from autoscaler.model.objects import Labels, Node, Pod
from autoscaler.model.quantity import bytes_text, nano_cores_text

SLICE = 256
"""Items joined without giving way to other tasks: about 0.2 ms, 130 KB."""

_UNREAD_SECONDS = 60.0


class Item(Struct, frozen=True, gc=False):
    """One NodeMetrics or PodMetrics without kind and version; `order` sorts by namespace, then name."""

    order: str
    head: bytes
    tail: bytes
    at_ns: int

    def at(self, stamp: bytes) -> bytes:
        """The item as of a request's time."""
        return b"%b%b%b" % (self.head, stamp, self.tail)


class _Kept(Struct, frozen=True, gc=False):
    pod: Pod
    usage: PodUsage
    labels: bytes
    item: Item


class PodItems:
    """Items by pod, made anew when the pod or its sample has changed; what nobody reads for 1 to 2 minutes goes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read: dict[str, _Kept] = {}
        self._unread: dict[str, _Kept] = {}
        self._turned = clock.monotonic()

    def turn(self) -> None:
        """Let go of what was not read for a while; call it once a request."""
        if self._clock.monotonic() - self._turned >= _UNREAD_SECONDS:
            self._turned = self._clock.monotonic()
            self._unread, self._read = self._read, {}

    def item(self, pod: Pod, usage: PodUsage) -> Item:
        """The item for this pod with this sample."""
        key = pod.uid or f"{pod.namespace}/{pod.name}"
        kept = self._read.get(key)
        if kept is None and (kept := self._unread.pop(key, None)) is not None:
            self._read[key] = kept
        if kept is None or kept.pod is not pod:
            head, labels = _pod_head(pod), _labels(pod.labels)
        elif kept.usage is usage or kept.usage == usage:
            return kept.item
        else:  # a new sample of the same pod: only the numbers are written anew
            head, labels = kept.item.head, kept.labels
        item = _pod_item(pod, head, labels, usage)
        self._read[key] = _Kept(pod, usage, labels, item)
        return item


def pod_item(pod: Pod, usage: PodUsage) -> Item:
    """PodMetrics of one pod."""
    return _pod_item(pod, _pod_head(pod), _labels(pod.labels), usage)


def node_item(node: Node, usage: NodeUsage) -> Item:
    """NodeMetrics of one node."""
    head = b'{"metadata":{"name":%b,"creationTimestamp":"' % document.fragment(node.name)
    numbers = f'{_measured(usage.usage.at_ns, usage.usage.window_ns)},"usage":{_usage(usage.usage)}}}'
    return Item(node.name, head, _labels(node.labels) + numbers.encode(), usage.usage.at_ns)


def stamp_text(seconds: float) -> bytes:
    """The time of a request as `creationTimestamp` shows it."""
    return _instant(int(seconds)).encode()


def single(kind: str, version: str, item: Item, stamp: bytes) -> bytes:
    """One object."""
    return b'{"kind":"%b","apiVersion":"%b",%b\n' % (kind.encode(), _api_version(version), item.at(stamp)[1:])


def list_slices(kind: str, version: str, items: Sequence[Item], stamp: bytes, *, pretty: bool) -> Iterator[bytes]:
    """A list in pieces of `SLICE` items; joined they are the document."""
    if pretty:
        return _pretty_slices(kind, version, items, stamp)
    return _compact_slices(kind, version, items, stamp)


@lru_cache(maxsize=4096)
def duration_text(nanoseconds: int) -> str:
    """Go's `Duration.String`: `11.995s`, `1m0.5s`, `1µs`, `0s`."""
    if nanoseconds < 0:
        return "-" + duration_text(-nanoseconds)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if 0 < nanoseconds < size * 1000:
            return _decimal(nanoseconds, size) + unit
    minutes, rest = divmod(nanoseconds, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = _decimal(rest, 1_000_000_000) + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _compact_slices(kind: str, version: str, items: Sequence[Item], stamp: bytes) -> Iterator[bytes]:
    before = b'{"kind":"%b","apiVersion":"%b","metadata":{},"items":[' % (kind.encode(), _api_version(version))
    for part in _parts(items):
        yield before + b",".join([item.at(stamp) for item in part])
        before = b","
    yield b"]}\n" if before == b"," else before + b"]}\n"


def _pretty_slices(kind: str, version: str, items: Sequence[Item], stamp: bytes) -> Iterator[bytes]:
    opening = b'{\n  "kind": "%b",\n  "apiVersion": "%b",\n  "metadata": {},\n  "items": ['
    before = opening % (kind.encode(), _api_version(version))
    if not items:
        yield before + b"]\n}"
        return
    before += b"\n"
    for part in _parts(items):
        yield before + b",\n".join([document.indented_item(item.at(stamp)) for item in part])
        before = b",\n"
    yield b"\n  ]\n}"


def _parts(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    return (items[start : start + SLICE] for start in range(0, len(items), SLICE))


def _api_version(version: str) -> bytes:
    return f"{GROUP}/{version}".encode()


def _pod_head(pod: Pod) -> bytes:
    return b'{"metadata":{"name":%b,"namespace":%b,"creationTimestamp":"' % (
        document.fragment(pod.name),
        document.fragment(pod.namespace),
    )


def _pod_item(pod: Pod, head: bytes, labels: bytes, usage: PodUsage) -> Item:
    containers = ",".join([f'{_named(name)}"usage":{_usage(each)}}}' for name, each in usage.containers])
    numbers = f'{_measured(usage.at_ns, usage.window_ns)},"containers":[{containers}]}}'
    return Item(f"{pod.namespace}\0{pod.name}", head, labels + numbers.encode(), usage.at_ns)


def _labels(labels: Labels) -> bytes:
    """From the end of the time stamp to the end of the metadata."""
    return b'","labels":%b},' % document.sorted_fragment(labels) if labels else b'"},'


@lru_cache(maxsize=4096)
def _named(container: str) -> str:
    """Many pods have containers of the same name."""
    return f'{{"name":{document.fragment(container).decode()},'


def _measured(at_ns: int, window_ns: int) -> str:
    at = f'"{_instant(at_ns // 1_000_000_000)}"' if at_ns else "null"
    return f'"timestamp":{at},"window":"{duration_text(window_ns)}"'


def _usage(usage: Usage) -> str:
    return f'{{"cpu":"{nano_cores_text(usage.cpu)}","memory":"{bytes_text(usage.memory)}"}}'


@lru_cache(maxsize=1024)
def _instant(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _decimal(amount: int, unit: int) -> str:
    whole, fraction = divmod(amount, unit)
    if not fraction:
        return str(whole)
    return f"{whole}.{str(fraction).rjust(len(str(unit)) - 1, '0').rstrip('0')}"
