"""A thousand targets in the whole program: how long a pass takes, and what is asked of the API server meanwhile.

The first pass begins when enough of the cluster has a number and takes every target, so it is read off the records:
from the first one of any target to the last first one. The rest is counted over a window in which nobody but us writes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from autoscaler.audit.read import SpoolReader
from bench.catalogue import Say
from bench.contenders import Crowd, ours, simulated
from bench.figure import Figure
from bench.load import buckets, quantile
from bench.peer import complete

CROWD = Crowd(nodes=667, scaled=True)
QUICK_CROWD = Crowd(nodes=2, pods=10, sample_period=1.0, resolution=1.0, scaled=True)
WINDOW, QUICK_WINDOW = 60.0, 1.0
"""Seconds."""
SETTLING, QUICK_SETTLING = 45.0, 1.0
"""Seconds after the first pass: every target has been looked at again, and new pods have come."""
EVALUATIONS, RELISTS = "autoscaler_evaluations_total", "autoscaler_watch_relists_total"
WRITTEN = 'outcome="written"'
TO_WRITE = "autoscaler_decision_to_write_seconds"


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """One pass, then a window."""
    crowd, window = (QUICK_CROWD, QUICK_WINDOW) if quick else (CROWD, WINDOW)
    with tempfile.TemporaryDirectory() as name, simulated(Path(name), crowd) as world, ours(world) as program:
        spool = world.folder / "ours" / "spool"
        targets = crowd.nodes * crowd.pods // 20
        program.wait(partial(complete, program, crowd, part=0.9), "complete")
        program.wait(lambda: len(first_records(spool)) >= targets, "through its first pass")
        firsts = first_records(spool)
        say(f"{targets} targets: the first pass took {max(firsts) - min(firsts):.2f} s")
        time.sleep(QUICK_SETTLING if quick else SETTLING)
        before, cpu = program.series(), program.process.cpu_seconds()
        time.sleep(window)
        after, cpu = program.series(), program.process.cpu_seconds() - cpu
        evaluations = added(before, after, EVALUATIONS)
        say(f"{evaluations:.0f} evaluations in {window:g} s, {added(before, after, EVALUATIONS, WRITTEN):.0f} writes")
        late = buckets(after, f"{TO_WRITE}_bucket")  # of all writes since the start
        found = [
            Figure(what=f"first pass over {targets} targets", ours=max(firsts) - min(firsts), unit="s", goal=1),
            Figure(what="evaluations a second", ours=evaluations / window, unit=""),
            Figure(what="CPU with scraping and records", ours=cpu / window, unit="cores"),
            Figure(what="lists of the API server in the window", ours=added(before, after, RELISTS), unit="", goal=0),
        ]
        if late[float("inf")]:
            p99 = quantile({}, late, 0.99) * 1e3
            found.append(Figure(what="decision -> accepted write, p99", ours=p99, unit="ms", goal=200))
        return found


def first_records(spool: Path) -> list[float]:
    """When each target's first record was made, seconds since 1970."""
    with SpoolReader(spool) as reader:
        found = [reader.oldest(key) for key in reader.targets()]
    return [record.at for record in found if record is not None]


def added(before: Mapping[str, float], after: Mapping[str, float], name: str, label: str = "") -> float:
    """How much a counter with labels grew, over all of them or those with `label`."""
    return sum(value - before.get(key, 0.0) for key, value in after.items() if key.startswith(name) and label in key)
