"""How often a node is scraped: at the resolution, or faster where somebody waits for its numbers.

Faster are nodes with pods of a target (`hot`), and nodes with a pod that just began to run and has no number yet. A
kubelet samples a container every 10 to 15 s, each in a phase of its own: more scrapes meet a new sample sooner, and a
sample that was met before costs nothing (core/rates.py, REPEATED). Three things bound it: nothing is scraped faster
than it is worth, no kubelet is kept busy with us for more than a share of its time, and the more of a core this process
needs, the less of it goes into haste.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from autoscaler.clock import Clock, ticks

EAGER_SECONDS = 2.5
"""Between two scrapes of a node with a new pod: its first sample is found at most this late."""
EAGER_FOR = 30.0
"""Seconds for which a new pod is waited for; then something else is wrong."""
NEW_AFTER = 5.0
"""Seconds from a pod's start to the first scrape that can give a number (core/rates.py, YOUNGEST_NS)."""
RELAX = 0.25


class Limits(Struct, frozen=True, kw_only=True):
    """Resolutions in seconds (hot 0 = no node is hot); budgets as shares: of one core, of a kubelet's time."""

    resolution: float
    hot_resolution: float = 0.0
    cpu_budget: float = 0.3
    kubelet_budget: float = 0.05


class Pace:
    """`cpu_seconds` is what this process has used so far; `run` looks at it."""

    def __init__(self, limits: Limits, clock: Clock, cpu_seconds: Callable[[], float]) -> None:
        self.resolution = limits.resolution
        self.hot = 0 < limits.hot_resolution < limits.resolution
        """Whether there is such a thing as a hot node."""
        self._limits = limits
        self._clock = clock
        self._cpu_seconds = cpu_seconds
        self.stretch = 1.0

    async def run(self) -> None:
        """Adapt to what the process uses, once a resolution, for ever: twice as slow at once, a little faster again."""
        used, looked = self._cpu_seconds(), self._clock.monotonic()
        async for _ in ticks(self._clock, self.resolution, phase=self.resolution):
            now_used, now = self._cpu_seconds(), self._clock.monotonic()
            share = (now_used - used) / max(now - looked, 1e-9)
            used, looked = now_used, now
            if share > self._limits.cpu_budget:
                self.stretch = max(1.0, min(2 * self.stretch, self.resolution / EAGER_SECONDS))
            else:
                self.stretch = max(1.0, self.stretch - RELAX)

    def interval(self, *, hot: bool, awaited: bool, took: float) -> float:
        """Seconds between two scrapes of a node whose last one took `took` seconds."""
        if awaited and self.resolution > EAGER_SECONDS:
            wanted = EAGER_SECONDS
        elif hot and self.hot:
            wanted = self._limits.hot_resolution
        else:
            return self.resolution
        return min(self.resolution, max(wanted * self.stretch, took / self._limits.kubelet_budget))
