"""A thousand targets in the whole program: how long a pass takes, and what is asked of the API server meanwhile.

The first pass is that of a follower that knows everything and is then given the Lease: from its first evaluation until
every target has its decision and, where one is needed, its scale write is acknowledged; and until all statuses are
written. Its end is read off the program's own series, so up to a look (`LOOK_SECONDS`) too late. The rest is counted
over a window in which nobody but us writes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from autoscaler.audit.read import SpoolReader
from bench.catalogue import Say
from bench.contenders import Contender, Crowd, Simulated, ours, simulated
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
WAITING = "autoscaler_statuses_waiting"
LOOK_SECONDS = 0.05
FOLLOWING = (
    "--leader-elect=true", "--leader-elect-resource-namespace=kube-system", "--leader-elect-lease-duration=60s",
    "--leader-elect-retry-period=1s",
)  # fmt: skip
TO_WRITE = "autoscaler_decision_to_write_seconds"


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """One pass, then a window."""
    crowd, window = (QUICK_CROWD, QUICK_WINDOW) if quick else (CROWD, WINDOW)
    with tempfile.TemporaryDirectory() as name, simulated(Path(name), crowd) as world:
        world.hold_lease()
        with ours(world, FOLLOWING) as program:
            return _measured(world, program, quick=quick, window=window, say=say)


def _measured(world: Simulated, program: Contender, *, quick: bool, window: float, say: Say) -> Sequence[Figure]:
    targets = world.crowd.nodes * world.crowd.pods // 20
    program.wait(partial(complete, program, world.crowd, part=0.9), "complete")
    found = list(first_pass(world, program, targets, say))
    time.sleep(QUICK_SETTLING if quick else SETTLING)
    before, cpu = program.series(), program.process.cpu_seconds()
    time.sleep(window)
    after, cpu = program.series(), program.process.cpu_seconds() - cpu
    evaluations = added(before, after, EVALUATIONS)
    say(f"{evaluations:.0f} evaluations in {window:g} s, {added(before, after, EVALUATIONS, WRITTEN):.0f} writes")
    late = buckets(after, f"{TO_WRITE}_bucket")  # of all writes since the start
    found += [
        Figure(what="evaluations a second", ours=evaluations / window, unit=""),
        Figure(what="CPU with scraping and records", ours=cpu / window, unit="cores"),
        Figure(what="lists of the API server in the window", ours=added(before, after, RELISTS), unit="", goal=0),
    ]
    if late[float("inf")]:
        p99 = quantile({}, late, 0.99) * 1e3
        found.append(Figure(what="decision -> accepted write, p99", ours=p99, unit="ms", goal=200))
    return found


def first_pass(world: Simulated, program: Contender, targets: int, say: Say) -> Iterator[Figure]:
    """Have it lead, and look when it is done."""
    own, others = program.process.cpu_seconds(), world.process.cpu_seconds()
    world.release_lease()
    look = partial(program.wait, what="through its first pass", every=LOOK_SECONDS)
    look(lambda: added({}, program.series(), EVALUATIONS) >= targets)
    decided, own = time.time(), program.process.cpu_seconds() - own
    others = world.process.cpu_seconds() - others
    look(lambda: not program.series()[WAITING])
    told, spool = time.time(), world.folder / "ours" / "spool"
    look(lambda: len(first_records(spool)) >= targets)  # the last ones may not be durable yet
    begun = min(first_records(spool))
    written = added({}, program.series(), EVALUATIONS, WRITTEN)
    say(f"{written:.0f} sizes written; CPU of ours {own:.2f} s, of the simulated API server and nodes {others:.2f} s")
    yield Figure(what=f"first pass over {targets} targets: decided and written", ours=decided - begun, unit="s", goal=1)
    yield Figure(what="the same, and all statuses written", ours=told - begun, unit="s")


def first_records(spool: Path) -> list[float]:
    """When each target's first record was made, seconds since 1970."""
    with SpoolReader(spool) as reader:
        found = [reader.oldest(key) for key in reader.targets()]
    return [record.at for record in found if record is not None]


def added(before: Mapping[str, float], after: Mapping[str, float], name: str, label: str = "") -> float:
    """How much a counter with labels grew, over all of them or those with `label`."""
    return sum(value - before.get(key, 0.0) for key, value in after.items() if key.startswith(name) and label in key)
