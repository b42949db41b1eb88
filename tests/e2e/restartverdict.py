"""What became of targets whose leaders were killed: scale-downs before their time, changes that no record tells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import parse_instant
from autoscaler.model.plan import Chosen


class Verdict(Struct, frozen=True, kw_only=True):
    """What was found: scale-downs that came before their time, of whom, and changes that no record tells."""

    seed: int
    restarts: int
    at_writes: int
    lowered: Mapping[str, int]
    hasty: Sequence[str]
    crowded: Sequence[str]
    robbed: Sequence[str]
    """What the same rule finds where the history was taken away: something, or it is blind."""
    untold: Sequence[str]
    twice: int
    """Records of a change that were told once more, under its id."""
    unsound: Sequence[str]

    @property
    def passed(self) -> bool:
        harm = (*self.hasty, *self.crowded, *self.untold, *self.unsound)
        return not harm and bool(self.robbed) and min(self.lowered["web"], self.lowered["paced"]) > 0

    def __str__(self) -> str:
        lowered = ", ".join(f"{name} {count}" for name, count in self.lowered.items())
        return "\n".join(
            (
                f"{self.restarts} restarts by seed {self.seed}, {self.at_writes} of them at a scale write",
                f"scale-downs: {lowered}; {len(self.hasty) + len(self.crowded)} before their time, "
                f"{len(self.robbed)} where the history was taken away; {self.twice} records told twice under one id",
                *(f"  {each}" for each in (*self.hasty, *self.crowded, *self.untold, *self.unsound)),
                "passed" if self.passed else "FAILED",
            )
        )


def first_told(found: Sequence[Decision]) -> list[Decision]:
    """Each once: what a leader that died has told may be told again by the next one."""
    made: dict[str, Decision] = {}
    for each in found:
        made.setdefault(each.id, each)
    return list(made.values())


def lowered(found: Sequence[Decision]) -> list[Decision]:
    return [each for each in _written(found) if each.desired < (each.current or 0)]


def hasty(found: Sequence[Decision], window: float) -> list[str]:
    """Scale-downs within whose window more was asked for, or another leader decided: for its successor the size that is
    there counts as asked for when it takes over (docs/decisions/leadership.md).
    """
    told = []
    for each in lowered(found):
        for other in found:
            if not 0 < parse_instant(each.time) - parse_instant(other.time) < window:
                continue
            if other.leadership != each.leadership or _asked(other) > each.desired:
                told.append(
                    f"{_named(each)} by {each.leadership}; {_asked(other)} at {other.time} by {other.leadership}"
                )
                break
    return told


def crowded(found: Sequence[Decision], period: float) -> list[str]:
    """Scale-downs that follow another one within the period."""
    return [
        f"{_named(other)}, after {_named(one)}"
        for one, other in pairwise(lowered(found))
        if parse_instant(other.time) - parse_instant(one.time) < period
    ]


def untold(name: str, found: Sequence[Decision], first: int, last: int) -> list[str]:
    """Where one change does not begin with the size that the one before it left."""
    sizes = [(None, first), *((each.current, each.desired) for each in _written(found)), (last, None)]
    return [
        f"{name}: from {one} to {other} without a record" for (_, one), (other, _) in pairwise(sizes) if one != other
    ]


def unsound(spools: Sequence[Path], target: str) -> list[str]:
    """What `audit verify` says of each spool, and of all as one stream, where it is not pleased."""
    exported = b"".join(_audit("export", f"--from={each}", f"--target={target}").stdout for each in spools)
    verified = [_audit("verify", f"--from={each}", f"--target={target}") for each in spools]
    verified.append(_audit("verify", "--from=-", given=exported))
    return [f"audit verify: {(each.stdout + each.stderr).decode()}" for each in verified if each.returncode]


def _audit(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "autoscaler", "audit", *words]
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)


def _written(found: Sequence[Decision]) -> list[Decision]:
    return [each for each in found if each.outcome is Outcome.WRITTEN]


def _asked(decision: Decision) -> int:
    """By the metrics alone, 0 where that is not told."""
    return next((each.replicas for each in decision.stages if isinstance(each, Chosen)), 0)


def _named(decision: Decision) -> str:
    return f"{decision.target.name} {decision.current} -> {decision.desired} at {decision.time}"
