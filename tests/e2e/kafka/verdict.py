"""What a soak found: whether a record is missing, and whether decisions waited for Kafka.

From decision to write is compared pair by pair: the quantiles of all bad windows over those of all good ones, and where
19 of 20 such runs would find them, from drawing the pairs again and again. A question of our own to the simulated API
server, asked all the while, tells what of a difference is the machine's and the server's.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

LIMIT = 1.05
"""How much longer the slowest hundredth of scale writes may take without Kafka."""
SURE = 2.6
"""Standard deviations: one run in a hundred would be judged wrongly if nothing but chance were at work."""
DRAWS = 1000


class Latency(Struct, frozen=True):
    """How many scale writes took at most so long, by the program's own histogram; infinity: how many there were."""

    counts: Mapping[float, float]

    def __add__(self, other: Latency) -> Latency:
        bounds = {*self.counts, *other.counts}
        return Latency({bound: self.counts.get(bound, 0) + other.counts.get(bound, 0) for bound in bounds})

    @property
    def writes(self) -> float:
        return self.counts.get(math.inf, 0.0)

    def quantile(self, part: float) -> float:
        """Seconds, between the bounds of its bucket as if they were spread evenly; 0 when there are none."""
        below, lower = 0.0, 0.0
        for bound, count in sorted(self.counts.items()):
            if count >= part * self.writes and count > below:
                upper = lower if math.isinf(bound) else bound
                return lower + (upper - lower) * (part * self.writes - below) / (count - below)
            below, lower = count, bound
        return 0.0

    def range(self, part: float) -> tuple[float, float]:
        """Where the quantile lies for sure: that of the ranks `SURE` deviations below and above."""
        spread = SURE * math.sqrt(part * (1 - part) / self.writes) if self.writes else 1.0
        return self.quantile(max(0.0, part - spread)), self.quantile(min(1.0, part + spread))


class Window(Struct, frozen=True):
    """Some seconds of the program's life; `asked` is how long each question to the API server took."""

    writes: Latency
    asked: Sequence[float] = ()


class Pair(Struct, frozen=True):
    """A window with Kafka, and one without."""

    good: Window
    bad: Window


class Ratio(Struct, frozen=True):
    """Bad over good, and between what 19 of 20 runs would find it."""

    found: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"x{self.found:.2f} ({self.low:.2f} to {self.high:.2f})"


def writing(part: float) -> Callable[[Sequence[Window]], float]:
    """Gives the quantile of the time from decision to write."""
    return lambda windows: sum((each.writes for each in windows), Latency({})).quantile(part)


def asking(part: float) -> Callable[[Sequence[Window]], float]:
    """The same of the questions to the API server."""

    def quantile(windows: Sequence[Window]) -> float:
        found = sorted(seconds for each in windows for seconds in each.asked)
        return found[min(len(found) - 1, int(part * len(found)))] if found else 0.0

    return quantile


def ratio(pairs: Sequence[Pair], quantile: Callable[[Sequence[Window]], float]) -> Ratio:
    """Of `quantile`; windows, not single writes, are drawn: writes of one moment are slow together."""
    chance = random.Random(0)

    def of(chosen: Sequence[Pair]) -> float:
        good = quantile([each.good for each in chosen])
        return quantile([each.bad for each in chosen]) / good if good else math.inf

    drawn = sorted(of(chance.choices(pairs, k=len(pairs))) for _ in range(DRAWS))
    return Ratio(of(pairs), drawn[DRAWS // 40], drawn[-1 - DRAWS // 40])


class Verdict(Struct, frozen=True):
    """What was found; `lost` and `late` are numbers of records."""

    records: int
    lost: int
    late: int
    duplicates: int
    strangers: int
    """Duplicates that do not bear the id of the first."""
    pairs: Sequence[Pair]
    startless: float
    """Scale writes before there was a Kafka."""

    @property
    def good(self) -> Latency:
        return sum((each.good.writes for each in self.pairs), Latency({}))

    @property
    def bad(self) -> Latency:
        return sum((each.bad.writes for each in self.pairs), Latency({}))

    @property
    def slower(self) -> bool:
        """Whether decisions waited for Kafka, beyond what chance and the machine explain."""
        beyond = self.bad.range(0.99)[0] > LIMIT * self.good.range(0.99)[1]
        return beyond and ratio(self.pairs, writing(0.99)).low > LIMIT

    @property
    def passed(self) -> bool:
        return not (self.lost or self.late or self.strangers or self.slower) and self.records > 0 and self.startless > 0

    def __str__(self) -> str:
        told = []
        for name, quantile in (
            ("decision to write, median", writing(0.5)),
            ("decision to write, p99", writing(0.99)),
            ("a question to the API server, median", asking(0.5)),
            ("a question to the API server, p99", asking(0.99)),
        ):
            good = quantile([each.good for each in self.pairs])
            told.append(f"{name}: {good * 1e3:.1f} ms with Kafka, without {ratio(self.pairs, quantile)}")
        return "\n".join(
            (
                f"{self.records} records: {self.lost} lost, {self.late} out of order, {self.duplicates} duplicates, "
                f"{self.strangers} of them under another id; {self.startless:.0f} writes before Kafka was there",
                f"{self.good.writes:.0f} writes with Kafka, {self.bad.writes:.0f} without, {len(self.pairs)} pairs",
                *told,
                "passed" if self.passed else "FAILED",
            )
        )
