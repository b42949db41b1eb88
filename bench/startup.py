"""How long `autoscaler --help` takes, as a whole process: `python -m bench.startup`.

The bare interpreter is measured in turn with it, so that a busy machine shows in both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

ROUNDS = 20
GOAL_MS = 150


def milliseconds(command: Sequence[str]) -> float:
    """Wall time of one process, its output discarded."""
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begin) * 1000


def main() -> int:
    """Print the medians; 1 when the goal is missed."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "autoscaler --help": [sys.executable, "-m", "autoscaler", "--help"],
        "autoscaler run --help": [sys.executable, "-m", "autoscaler", "run", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(milliseconds(command))
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        print(f"{name:<24} median {median:5.0f} ms   fastest {min(times[name]):5.0f} ms   n = {ROUNDS}")
    print(f"goal: --help in {GOAL_MS} ms")
    return int(medians["autoscaler --help"] > GOAL_MS)


if __name__ == "__main__":
    sys.exit(main())
