"""How many scale writes may be made: so many a second in all, and so many in one namespace.

A fault that makes every target want another size at once (an outage that ends, a bad sample everywhere) then reaches
the API server and the scheduler as a slope, not as a wall, and one namespace cannot use up what is there for all. What
is over the limit is not queued: it is decided anew, from what is then, at the next evaluation.
"""

from __future__ import annotations

from msgspec import Struct

from autoscaler.clock import Clock

BURST_SECONDS = 10.0
"""What was not used within this time may be used at once."""
_NAMESPACES = 1024


class WriteRates(Struct, frozen=True, kw_only=True):
    """Writes a second."""

    cluster: float = 100.0
    namespace: float = 50.0


class _Bucket:
    """Full at first; fills at `rate` up to what `BURST_SECONDS` bring, at least one."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._size = max(1.0, rate * BURST_SECONDS)
        self._left, self._at = self._size, now

    def fill(self, now: float) -> float:
        """What is there now."""
        self._left = min(self._size, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left

    def full(self, now: float) -> bool:
        """Whether it is as if it had never been used."""
        return self.fill(now) >= self._size

    def take(self) -> None:
        """One less."""
        self._left -= 1.0


class Allowance:
    """Counts what was taken, whatever comes of it."""

    def __init__(self, rates: WriteRates, clock: Clock) -> None:
        self._rates = rates
        self._clock = clock
        self._cluster = _Bucket(rates.cluster, clock.monotonic())
        self._namespaces: dict[str, _Bucket] = {}

    def take(self, namespace: str) -> str:
        """Take one write; "" when it may be made, else which limit forbids it and how to raise it."""
        now = self._clock.monotonic()
        if len(self._namespaces) >= _NAMESPACES:
            self._namespaces = {name: each for name, each in self._namespaces.items() if not each.full(now)}
        own = self._namespaces.setdefault(namespace, _Bucket(self._rates.namespace, now))
        if own.fill(now) < 1.0:
            return (
                f"more than {self._rates.namespace:g} scale writes a second in namespace {namespace}: "
                "decided anew at the next evaluation (--scale-writes-per-second-per-namespace)"
            )
        if self._cluster.fill(now) < 1.0:
            return (
                f"more than {self._rates.cluster:g} scale writes a second: "
                "decided anew at the next evaluation (--scale-writes-per-second)"
            )
        own.take()
        self._cluster.take()
        return ""
