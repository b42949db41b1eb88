"""When a node is scraped next.

Every node has its own phase of the resolution, made of its name: the load is spread evenly, the same after every start,
and no scrape waits for another; a node that is scraped faster (pace.py) has its phase of that interval. One failure is
retried early once; a node that is not ready and keeps failing is left alone for longer and longer, up to a minute.
"""

from __future__ import annotations

from zlib import crc32

from autoscaler.errors import ScrapeError, ScrapeReason

EARLY_SECONDS = 5.0
LONGEST_SECONDS = 60.0
PLACE_SECONDS, TOGETHER, FEWEST = 0.25, 20, 4
"""Nodes are scraped a few together: one after the other they find the processor's caches warm, alone they never do. So
many share a place, at most and on average: with more of them places are halved, or whoever asks for a pod would wait
for all those pages; with fewer they are doubled, as long as a resolution has the fewest.
"""
PASSING = frozenset({
    ScrapeReason.DNS, ScrapeReason.CONNECT, ScrapeReason.TIMEOUT, ScrapeReason.INTERRUPTED, ScrapeReason.STATUS,
    ScrapeReason.UNAVAILABLE,
})  # fmt: skip
"""What may be gone in a moment; the others need a person."""


def phase(node: str, resolution: float, nodes: int) -> float:
    """The node's place in every resolution, in seconds from 0 to below `resolution`, as one of so many `nodes`: the
    beginning of a place that it shares.
    """
    own = crc32(node.encode()) / 2**32 * resolution
    place = PLACE_SECONDS
    while nodes * place > TOGETHER * resolution:
        place /= 2
    while nodes * 2 * place <= TOGETHER * resolution and FEWEST * 2 * place <= resolution:
        place *= 2
    return own - own % place


def wait_after_success(node: str, resolution: float, now: float, nodes: int) -> float:
    """Seconds to the node's next regular turn; a turn less than a third of a resolution away is left out."""
    wait = (phase(node, resolution, nodes) - now) % resolution
    return wait if wait >= resolution / 3 else wait + resolution


def wait_after_failure(
    node: str, resolution: float, now: float, nodes: int, *, error: ScrapeError, failures: int, ready: bool
) -> float:
    """Seconds to wait after the `failures`-th failure in a row.

    A kubelet that asks for time (Retry-After) gets it, up to a minute (K09).
    """
    regular = wait_after_success(node, resolution, now, nodes)
    if error.retry_after is not None:
        return min(max(error.retry_after, regular), LONGEST_SECONDS)
    if failures == 1 and error.reason in PASSING:
        return min(EARLY_SECONDS, resolution / 3)
    if ready:
        return regular
    skipped = (1 << min(failures, 10) - 1) - 1
    return max(regular, min(regular + skipped * resolution, LONGEST_SECONDS))
