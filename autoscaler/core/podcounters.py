"""The CPU counters of whole pods as their kubelet wrote them, put by unread: who wants them (/metrics/core) reads them.

Nothing that is served or decided is made of them where the containers of a pod are known, so reading two lines a pod at
every scrape would be for nothing; 30 pods take some 900 bytes this way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoscaler.core.numeral import numeral
from autoscaler.model.metrics import ContainerId, PodCounters

MOST = 2000
"""Pods of a node; of a page with more nothing is put by, so that what a hostile one leaves behind is bounded."""
LONGEST = 64
"""Bytes of a number and its time."""

_NANO = 10**9


def put_by(text: bytes, owners: Sequence[ContainerId], asked_ns: int) -> PodCounters | None:
    """A line of `text` for each of the pods; None when there are none, or too many."""
    if not owners or len(owners) > MOST or len(text) > len(owners) * LONGEST:
        return None
    return PodCounters(tuple(owners), text, asked_ns)


def counted(counters: PodCounters) -> Iterator[tuple[tuple[str, str], int, int]]:
    """(namespace, name), nanoseconds of CPU and time (ns) of each pod; malformed ones are passed over."""
    for cid, text in zip(counters.owners, counters.text.split(b"\n"), strict=True):
        try:
            total, at = numeral(text, _NANO)
        except ValueError:
            continue
        if not cid.container:
            yield (cid.namespace, cid.pod), total, counters.asked_ns if at is None else at
