"""The bounds of our histograms, in seconds."""

from __future__ import annotations

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
FRESHNESS_BUCKETS = tuple(1.364**k for k in range(20))
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 20)
LEAD_BUCKETS = (-60, -30, -15, -5, 0, 5, 15, 30, 60)
WRITE_BUCKETS = tuple(round(0.005 * 1.15**k, 4) for k in range(56))
"""To 11 s, each a seventh above the one before: a few percent more are to be seen."""
DECISION_BUCKETS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1)


def tick_buckets(resolution: float) -> tuple[float, ...]:
    """metrics-server's buckets of a tick: the usual ones, and some around the resolution.

    A bucket within 5 ms of another is left out.
    """
    longest = REQUEST_BUCKETS[-1]
    if resolution > longest:
        return (*REQUEST_BUCKETS, (longest + resolution) / 2, resolution, resolution * 1.5, resolution * 2)
    if min(abs(resolution - bucket) for bucket in REQUEST_BUCKETS) < REQUEST_BUCKETS[0]:
        return REQUEST_BUCKETS
    return tuple(sorted((*REQUEST_BUCKETS, resolution)))
