"""The JSON of metrics.k8s.io: items cached per sample, joined into objects and lists.

v1 and v1beta1 differ in the version string alone, which an item in a list does not carry; so one item serves both.
`creationTimestamp` is the time of the request, as upstream; an item is therefore kept in two halves, around that stamp.
Protobuf, Table and YAML are further renderings of the same items: they go beside `Item.head` and `Item.tail`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

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
        if kept is not None and kept.pod is pod and (kept.usage is usage or kept.usage == usage):
            return kept.item
        item = pod_item(pod, usage)
        self._read[key] = _Kept(pod, usage, item)
        return item


def pod_item(pod: Pod, usage: PodUsage) -> Item:
    """PodMetrics of one pod."""
    head = b'{"metadata":{"name":%b,"namespace":%b,"creationTimestamp":"' % (
        document.fragment(pod.name),
        document.fragment(pod.namespace),
    )
    containers = b",".join(
        b'{"name":%b,"usage":%b}' % (document.fragment(name), _usage(each)) for name, each in usage.containers
    )
    measured = _measured(usage.at_ns, usage.window_ns)
    tail = b'"%b},%b,"containers":[%b]}' % (_labels(pod.labels), measured, containers)
    return Item(f"{pod.namespace}\0{pod.name}", head, tail, usage.at_ns)


def node_item(node: Node, usage: NodeUsage) -> Item:
    """NodeMetrics of one node."""
    head = b'{"metadata":{"name":%b,"creationTimestamp":"' % document.fragment(node.name)
    measured = _measured(usage.usage.at_ns, usage.usage.window_ns)
    tail = b'"%b},%b,"usage":%b}' % (_labels(node.labels), measured, _usage(usage.usage))
    return Item(node.name, head, tail, usage.usage.at_ns)


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


def _labels(labels: Labels) -> bytes:
    return b',"labels":%b' % document.sorted_fragment(labels) if labels else b""


def _measured(at_ns: int, window_ns: int) -> bytes:
    at = f'"{_instant(at_ns // 1_000_000_000)}"' if at_ns else "null"
    return f'"timestamp":{at},"window":"{duration_text(window_ns)}"'.encode()


def _usage(usage: Usage) -> bytes:
    return f'{{"cpu":"{nano_cores_text(usage.cpu)}","memory":"{bytes_text(usage.memory)}"}}'.encode()


def _instant(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _decimal(amount: int, unit: int) -> str:
    whole, fraction = divmod(amount, unit)
    if not fraction:
        return str(whole)
    return f"{whole}.{str(fraction).rjust(len(str(unit)) - 1, '0').rstrip('0')}"
