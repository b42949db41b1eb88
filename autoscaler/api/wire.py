"""The JSON of one item: the numbers are written once per sample and kept with it, the metadata once per pod or node.

The whole object is `{"metadata":` + metadata + numbers; in between, inside the metadata, stands the stamp: what depends
on the request. An item in a list carries no kind and no version, so one text serves v1 and v1beta1.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache

from autoscaler.api import document
from autoscaler.api.items import Item, Subject
from autoscaler.model.quantity import bytes_text, nano_cores_text

_OPENING = b'{"metadata":'


def stamp(now: float, resource_version: str = "") -> bytes:
    """The fields of the metadata that the request decides: the version when there is one, and the time."""
    version = f'"resourceVersion":{document.fragment(resource_version).decode()},' if resource_version else ""
    return f'{version}"creationTimestamp":"{instant_text(int(now))}"'.encode()


def bare(item: Item, stamp: bytes) -> bytes:
    """The object without kind and version, as an element of a list."""
    if not item.json:
        write(item)
    subject = item.subject
    return b"%b%b%b%b" % (subject.json_head, stamp, subject.json_tail, item.json)


def typed(kind: str, api_version: str, item: Item, stamp: bytes) -> bytes:
    """The object with its kind and version."""
    return b'{"kind":"%b","apiVersion":"%b",%b' % (kind.encode(), api_version.encode(), bare(item, stamp)[1:])


def metadata(subject: Subject, stamp: bytes) -> bytes:
    """The metadata alone."""
    if not subject.json_tail:
        _write_subject(subject)
    return b"%b%b%b" % (subject.json_head[len(_OPENING) :], stamp, subject.json_tail)


def write(item: Item) -> None:
    """Fill in what is not written yet; of a new sample of a known subject only the numbers are new."""
    if not item.subject.json_tail:
        _write_subject(item.subject)
    (at_ns, window_ns), *amounts = item.pairs()
    names = item.containers
    used = f'"usage":{_usage(*amounts[0])}' if names is None else f'"containers":[{_containers(names, amounts)}]'
    at = f'"{instant_text(at_ns // 1_000_000_000)}"' if at_ns else "null"
    item.json = f',"timestamp":{at},"window":"{duration_text(window_ns)}",{used}}}'.encode()


@lru_cache(maxsize=16384)
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


@lru_cache(maxsize=1024)
def instant_text(seconds: int) -> str:
    """metav1.Time of seconds since 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _write_subject(subject: Subject) -> None:
    namespace = b"" if subject.namespace is None else b'"namespace":%b,' % document.fragment(subject.namespace)
    subject.json_head = b'%b{"name":%b,%b' % (_OPENING, document.fragment(subject.name), namespace)
    subject.json_tail = _labels(tuple(subject.labels.items()))


@lru_cache(maxsize=4096)
def _labels(items: tuple[tuple[str, str], ...]) -> bytes:
    """The end of the metadata; the pods of a target have the same."""
    return b',"labels":%b}' % document.sorted_fragment(dict(items)) if items else b"}"


def _containers(names: Sequence[str], amounts: Sequence[tuple[int, int]]) -> str:
    return ",".join([f"{_named(name)}{_usage(*each)}}}" for name, each in zip(names, amounts, strict=True)])


@lru_cache(maxsize=4096)
def _named(container: str) -> str:
    """Many pods have containers of the same name."""
    return f'{{"name":{document.fragment(container).decode()},"usage":'


def _usage(cpu: int, memory: int) -> str:
    return f'{{"cpu":"{nano_cores_text(cpu)}","memory":"{bytes_text(memory)}"}}'


def _decimal(amount: int, unit: int) -> str:
    whole, fraction = divmod(amount, unit)
    if not fraction:
        return str(whole)
    return f"{whole}.{str(fraction).rjust(len(str(unit)) - 1, '0').rstrip('0')}"
