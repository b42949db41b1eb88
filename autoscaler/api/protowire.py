"""The protobuf of one item, written once per sample and kept with it, like its JSON (wire.py).

The length of an object stands before it and that of its metadata before that, so a kept head holds for a stamp of the
usual length: a time between 1978 and 3058, without resourceVersion, as every list has it.
"""

from __future__ import annotations

from functools import lru_cache

from autoscaler.api.items import Item, Subject
from autoscaler.api.protobuf import data, meta_head, meta_tail, number, seconds, text, varint
from autoscaler.model.metrics import NodeUsage, Usage
from autoscaler.model.quantity import bytes_text, nano_cores_text

USUAL = 14
"""Bytes of a usual stamp."""

_ITEMS = b"\x12"
_METADATA = b"\x0a"


def element(item: Item, stamp: bytes) -> bytes:
    """The object as an element of a list's `items`."""
    if not item.proto_tail:
        write(item)
    if len(stamp) == USUAL:
        return b"%b%b%b" % (item.proto_head, stamp, item.proto_tail)
    return data(2, bare(item, stamp))


def bare(item: Item, stamp: bytes) -> bytes:
    """NodeMetrics or PodMetrics; metadata, timestamp and window have the same numbers in both."""
    if not item.proto_tail:
        write(item)
    return data(1, metadata(item.subject, stamp)) + item.proto_tail[len(item.subject.proto_tail) :]


def metadata(subject: Subject, stamp: bytes) -> bytes:
    """metav1.ObjectMeta."""
    if not subject.proto_head:
        _write_subject(subject)
    return b"%b%b%b" % (subject.proto_head, stamp, subject.proto_tail)


def write(item: Item) -> None:
    """Fill in the halves of an item that has none yet; of a new sample of a known subject only the numbers are new."""
    subject, usage = item.subject, item.usage
    if not subject.proto_head:
        _write_subject(subject)
    at = data(2, seconds(item.at_ns // 1_000_000_000) if item.at_ns else b"")
    if isinstance(usage, NodeUsage):
        used = _usage(4, usage.usage)
    else:
        used = b"".join([data(4, _named(name) + _usage(2, each)) for name, each in usage.containers])
    item.proto_tail = b"%b%b%b%b" % (subject.proto_tail, at, _window(item.window_ns), used)
    meta = varint(len(subject.proto_head) + USUAL + len(subject.proto_tail))
    length = varint(1 + len(meta) + len(subject.proto_head) + USUAL + len(item.proto_tail))
    item.proto_head = b"%b%b%b%b%b" % (_ITEMS, length, _METADATA, meta, subject.proto_head)


def _write_subject(subject: Subject) -> None:
    subject.proto_head = meta_head(subject.name, subject.namespace or "")
    subject.proto_tail = meta_tail(subject.labels)


@lru_cache(maxsize=4096)
def _window(nanoseconds: int) -> bytes:
    """metav1.Duration."""
    return data(3, number(1, nanoseconds))


@lru_cache(maxsize=4096)
def _named(container: str) -> bytes:
    """Many pods have containers of the same name."""
    return text(1, container)


def _usage(field: int, usage: Usage) -> bytes:
    """The map of resources to quantities."""
    return _resource(field, b"cpu", nano_cores_text(usage.cpu)) + _resource(field, b"memory", bytes_text(usage.memory))


def _resource(field: int, name: bytes, quantity: str) -> bytes:
    """One entry; a quantity has at most 21 characters, so every length here is one byte."""
    size = len(quantity)
    return b"%c%c\x0a%c%b\x12%c\x0a%c%b" % (
        field << 3 | 2,
        size + len(name) + 6,
        len(name),
        name,
        size + 2,
        size,
        quantity.encode(),
    )
