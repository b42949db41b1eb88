"""An adapter that tells of the load by seed: what is true, half of it, something old, something wrong, or nothing."""

from __future__ import annotations

import random
from typing import NamedTuple

import msgspec

from autoscaler.errors import UnreachableError
from autoscaler.kube import decode_values
from autoscaler.model.instant import micro_text
from autoscaler.model.policy import MetricSpec
from tests.scrapes import StandingClock

JUMPS_MS = (-3_600_000, -30_000, -7_000, 7_000, 40_000, 3_600_000)
JUNK = ("NaN", "+Inf", "", "1e400", "٣", "0x1p3")
"""Quantities that cannot be read."""
ODD = ("-5", "-9e15", "9e15", "9e30", "0")
"""Those that can, and nobody would expect."""


class Faults(NamedTuple):
    """How often what goes wrong; `jump` is a time or a counter that is a lie, all else is only lost or late."""

    number: float
    line: float
    page: float
    again: float
    restart: float
    jump: float
    skew: float

    @property
    def honest(self) -> bool:
        """Whether what can be read is true; a restart whose start time got lost looks like a run that goes on."""
        return not self.jump and not (self.restart and (self.line or self.number))


class Adapter:
    """Of every custom and external metric; `load` in cores and `pods` are those of the world, `dark` while it is."""

    def __init__(self, rng: random.Random, faults: Faults, clock: StandingClock, oldest: float | None) -> None:
        self.random, self.faults, self.clock, self.oldest = rng, faults, clock, oldest
        self.load, self.pods, self.dark = 0.0, [""], False
        self.answers: dict[MetricSpec, bytes] = {}
        self.answered: set[MetricSpec] = set()
        """Metrics whose last question had a readable answer, new enough for the policy."""

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    async def values(self, _namespace, spec, _selector):
        self.answered.discard(spec)
        if self.dark or self.chance(self.faults.page):
            raise UnreachableError("the adapter does not answer")
        if spec not in self.answers or not self.chance(self.faults.again):
            self.answers[spec] = self.answer(spec)
        values = decode_values.values(self.answers[spec])
        if any(self.oldest is None or value.at >= self.clock.now() - self.oldest for value in values):
            self.answered.add(spec)
        return values

    def answer(self, spec: MetricSpec) -> bytes:
        requests = 1000 * self.load
        if spec.type == "Pods":
            truth = [(name, requests / len(self.pods)) for name in self.pods]
        else:
            total = requests if spec.target_type == "AverageValue" else requests / len(self.pods)
            truth = [("main", total)] if spec.type == "Object" else [("", total / 4), ("", total * 3 / 4)]
        items = [self.item(name, number) for name, number in truth if not self.chance(self.faults.line)]
        return msgspec.json.encode({"items": items})

    def item(self, name: str, number: float) -> dict[str, object]:
        rng, at = self.random, self.clock.now() - self.random.uniform(0, 5) + self.faults.skew
        if self.chance(self.faults.jump):
            at += rng.choice(JUMPS_MS) / 1000
        if self.chance(self.faults.jump):
            number *= rng.choice((0.0, 0.5, 2.0, 1e6))
        value = f"{round(number * 1000)}m"
        if self.chance(self.faults.number):
            value = rng.choice((*JUNK, *ODD))
        return {"value": value, "timestamp": micro_text(at), "describedObject": {"name": name}}
