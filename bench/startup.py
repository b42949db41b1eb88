"""How long `autoscaler --help` takes, as a whole process; a bare interpreter beside it tells of a busy machine."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from bench.catalogue import Say
from bench.figure import Figure

GOAL_MS = 150
ROUNDS, QUICK_ROUNDS = 20, 1


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Medians of whole processes."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    commands = {
        "bare": [sys.executable, "-c", "pass"],
        "autoscaler --help": [sys.executable, "-m", "autoscaler", "--help"],
        "autoscaler run --help": [sys.executable, "-m", "autoscaler", "run", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(milliseconds(command))
    medians = {name: statistics.median(found) for name, found in times.items()}
    bare = medians.pop("bare")
    say(f"n = {rounds}, python -c pass {bare:.0f} ms")
    goals = {"autoscaler --help": GOAL_MS}
    return [Figure(what=name, ours=median, unit="ms", goal=goals.get(name)) for name, median in medians.items()]


def milliseconds(command: Sequence[str]) -> float:
    """Wall time of one process, its output discarded."""
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begin) * 1000
