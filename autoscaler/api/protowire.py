"""The protobuf of one item, written once and kept like its JSON (wire.py).

The length of an object stands before it and that of its metadata before that, so what is kept of an element's opening
holds for a stamp of the usual length: a time between 1978 and 3058, without resourceVersion, as every list has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from autoscaler.api.items import Item, Subject
from autoscaler.api.protobuf import data, meta_head, meta_tail, number, seconds, text, varint
from autoscaler.model.quantity import bytes_text, nano_cores_text

USUAL = 14
"""Bytes of a usual stamp."""

_ITEMS = b"\x12"
_METADATA = b"\x0a"
_CONTAINERS = '"'
_LONGEST_QUANTITY = 21
_BYTES = "latin-1"
"""Pieces are put together as text of one character a byte, which is quicker than as bytes."""


def element(item: Item, stamp: bytes) -> bytes:
    """The object as an element of a list's `items`."""
    if not item.proto:
        write(item)
    if len(stamp) == USUAL:
        subject = item.subject
        return b"%b%b%b%b%b" % (item.proto_opening, subject.proto_head, stamp, subject.proto_tail, item.proto)
    return data(2, bare(item, stamp))


def bare(item: Item, stamp: bytes) -> bytes:
    """NodeMetrics or PodMetrics; metadata, timestamp and window have the same numbers in both."""
    if not item.proto:
        write(item)
    return data(1, metadata(item.subject, stamp)) + item.proto


def metadata(subject: Subject, stamp: bytes) -> bytes:
    """metav1.ObjectMeta."""
    if not subject.proto_head:
        _write_subject(subject)
    return b"%b%b%b" % (subject.proto_head, stamp, subject.proto_tail)


def write(item: Item) -> None:
    """Fill in what is not written yet; of a new sample of a known subject only the numbers are new."""
    subject, names = item.subject, item.containers
    if not subject.proto_head:
        _write_subject(subject)
    (at_ns, window_ns), *amounts = item.pairs()
    used = _usage(_OF_NODE, *amounts[0]) if names is None else _containers(names, amounts)
    numbers = f"{_timestamp(at_ns // 1_000_000_000 if at_ns else None)}{_window(window_ns)}{used}"
    item.proto = numbers.encode(_BYTES)
    item.proto_opening = _opening(len(subject.proto_head) + USUAL + len(subject.proto_tail), len(item.proto))


def _write_subject(subject: Subject) -> None:
    subject.proto_head = meta_head(subject.name, subject.namespace or "")
    subject.proto_tail = _labels(tuple(subject.labels.items()))


@lru_cache(maxsize=4096)
def _labels(items: tuple[tuple[str, str], ...]) -> bytes:
    """The end of the metadata; the pods of a target have the same."""
    return meta_tail(dict(items))


@lru_cache(maxsize=16384)
def _opening(meta: int, numbers: int) -> bytes:
    """What stands before the metadata of an element, by the lengths of metadata and numbers: few of them differ."""
    length = varint(meta)
    return b"%b%b%b%b" % (_ITEMS, varint(1 + len(length) + meta + numbers), _METADATA, length)


@lru_cache(maxsize=1024)
def _timestamp(at: int | None) -> str:
    """Samples are taken in the same seconds."""
    return data(2, b"" if at is None else seconds(at)).decode(_BYTES)


@lru_cache(maxsize=16384)
def _window(nanoseconds: int) -> str:
    """metav1.Duration."""
    return data(3, number(1, nanoseconds)).decode(_BYTES)


@lru_cache(maxsize=4096)
def _named(container: str) -> str:
    """Many pods have containers of the same name."""
    return text(1, container).decode(_BYTES)


@lru_cache(maxsize=1024)
def _length(size: int) -> str:
    return varint(size).decode(_BYTES)


def _containers(names: Sequence[str], amounts: Sequence[tuple[int, int]]) -> str:
    written = []
    for name, (cpu, memory) in zip(names, amounts, strict=True):
        container = _named(name) + _usage(_OF_CONTAINER, cpu, memory)
        written.append(f"{_CONTAINERS}{_length(len(container))}{container}")
    return "".join(written)


def _usage(heads: tuple[Sequence[str], Sequence[str]], nano_cores: int, used: int) -> str:
    """The map of resources to quantities."""
    cpu, memory = nano_cores_text(nano_cores), bytes_text(used)
    return f"{heads[0][len(cpu)]}{cpu}{heads[1][len(memory)]}{memory}"


def _heads(field: int, resource: str) -> Sequence[str]:
    """What stands before a quantity in an entry of the map, by the quantity's length; every length in it is short."""
    name = data(1, resource.encode())
    return [
        (b"%c%c%b\x12%c\x0a%c" % (field << 3 | 2, len(name) + size + 4, name, size + 2, size)).decode(_BYTES)
        for size in range(_LONGEST_QUANTITY + 1)
    ]


_OF_NODE = (_heads(4, "cpu"), _heads(4, "memory"))
_OF_CONTAINER = (_heads(2, "cpu"), _heads(2, "memory"))
