"""A thousand targets in the whole program: how long a pass takes, and what is asked of the API server meanwhile.

Two passes are those of a follower that knows everything and is then given the Lease. In the first, many targets need
another size and none has a status. The second is a minute later, when the first leader gives the Lease back: next to
nothing changes then, but every status is to name the new leader. A pass lasts from its first evaluation until every
target has a record, which is made when its size was acknowledged, if it needed one; and until the API server has told
of every target's first status. Its end is looked for every `LOOK_SECONDS`, so it may be found too late by as much.
Between them is a window in which nobody but us writes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from autoscaler.audit.read import SpoolReader
from autoscaler.errors import AutoscalerError
from bench.catalogue import Say
from bench.contenders import Contender, Crowd, Simulated, ours, simulated
from bench.figure import Figure
from bench.load import buckets, quantile
from bench.peer import complete
from bench.statuses import following

CROWD = Crowd(nodes=667, scaled=True)
QUICK_CROWD = Crowd(nodes=2, pods=10, sample_period=1.0, resolution=1.0, scaled=True)
WINDOW, QUICK_WINDOW = 40.0, 1.0
"""Seconds."""
WARMING, QUICK_WARMING = 25.0, 1.0
"""Seconds from the nodes' first numbers on: the pods count then, and not only as pods that have just started."""
SETTLING, QUICK_SETTLING = 25.0, 1.0
"""Seconds after the first pass: every target has been looked at again, and new pods have come."""
EVALUATIONS, RELISTS = "autoscaler_evaluations_total", "autoscaler_watch_relists_total"
WRITTEN = 'outcome="written"'
TO_WRITE = "autoscaler_decision_to_write_seconds"
LOOK_SECONDS = 0.05
FOLLOWING = (
    "--leader-elect=true", "--leader-elect-resource-namespace=kube-system", "--leader-elect-lease-duration=60s",
    "--leader-elect-retry-period=1s",
)  # fmt: skip


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """A pass that writes, a window, and a pass in which hardly anything changes."""
    crowd, window = (QUICK_CROWD, QUICK_WINDOW) if quick else (CROWD, WINDOW)
    warming, settling = (QUICK_WARMING, QUICK_SETTLING) if quick else (WARMING, SETTLING)
    with tempfile.TemporaryDirectory() as name, simulated(Path(name), crowd) as world:
        world.hold_lease()
        with ours(world, FOLLOWING, "first") as leader:
            _warm(world, leader, warming)
            found = list(_passed(world, leader, "first", "first pass", world.release_lease, say))
            time.sleep(settling)
            found += _steady(leader, window, say)
            with ours(world, FOLLOWING, "second") as follower:
                _warm(world, follower, warming)
                found += _passed(world, follower, "second", "unchanged pass", leader.process.end, say)
        return found


def _warm(world: Simulated, program: Contender, seconds: float) -> None:
    program.wait(partial(complete, program, world.crowd, part=0.9), "complete")
    time.sleep(seconds)


def _passed(
    world: Simulated, program: Contender, folder: str, what: str, lead: Callable[[], None], say: Say
) -> Iterator[Figure]:
    """Have it lead, and look when it is done."""
    targets, spool = world.crowd.nodes * world.crowd.pods // 20, world.folder / folder / "spool"
    look = partial(program.wait, what=f"through its {what}", every=LOOK_SECONDS)
    with following(world) as statuses:
        own, others = program.process.cpu_seconds(), world.process.cpu_seconds()
        lead()
        look(lambda: recorded(spool) >= targets)
        decided, own = time.time(), program.process.cpu_seconds() - own
        others, after = world.process.cpu_seconds() - others, _series(program)
        look(lambda: statuses.complete)
    begun = min(first_records(spool))
    written, late = added({}, after, EVALUATIONS, WRITTEN), buckets(after, f"{TO_WRITE}_bucket")
    say(f"{what}: {written:.0f} sizes written; CPU of ours {own:.2f} s, of the simulated cluster {others:.2f} s")
    goal = 1.0 if targets >= 1000 else None
    yield Figure(
        what=f"{what} over {targets} targets: all decided and written", ours=decided - begun, unit="s", goal=goal
    )
    yield Figure(what=f"{what}: the last target's first status", ours=max(statuses.at.values()) - begun, unit="s")
    yield Figure(what=f"{what}: CPU of ours from the handing over on, scraping included", ours=own, unit="s")
    if late[float("inf")] >= 100:  # else it is the worst of a few
        yield _to_write(what, {}, late)


def _steady(program: Contender, window: float, say: Say) -> Iterator[Figure]:
    """What goes on while nothing else happens."""
    before, cpu = _series(program), program.process.cpu_seconds()
    time.sleep(window)
    after, cpu = _series(program), program.process.cpu_seconds() - cpu
    evaluations, written = (added(before, after, EVALUATIONS, label) for label in ("", WRITTEN))
    say(f"{evaluations:.0f} evaluations in {window:g} s, {written:.0f} writes")
    yield Figure(what="steady: evaluations a second", ours=evaluations / window, unit="")
    yield Figure(what="steady: CPU with scraping and records", ours=cpu / window, unit="cores")
    yield Figure(what="steady: lists of the API server", ours=added(before, after, RELISTS), unit="", goal=0)
    if written:
        name = f"{TO_WRITE}_bucket"
        yield _to_write("steady", buckets(before, name), buckets(after, name))


def _series(program: Contender) -> dict[str, float]:
    """Its series; a busy machine may refuse to tell them at first."""
    found: dict[str, float] = {}
    program.wait(lambda: bool(found.update(program.series()) or found), "answering", every=LOOK_SECONDS)
    return found


def _to_write(what: str, before: dict[float, float], after: dict[float, float]) -> Figure:
    p99 = quantile(before, after, 0.99) * 1e3
    return Figure(what=f"{what}: decision -> accepted write, p99", ours=p99, unit="ms", goal=200)


def recorded(spool: Path) -> int:
    """How many targets have a record."""
    try:
        with SpoolReader(spool) as reader:
            return len(reader.targets())
    except AutoscalerError:  # there is none yet
        return 0


def first_records(spool: Path) -> list[float]:
    """When each target's first record was made, seconds since 1970."""
    with SpoolReader(spool) as reader:
        found = [reader.oldest(key) for key in reader.targets()]
    return [record.at for record in found if record is not None]


def added(before: Mapping[str, float], after: Mapping[str, float], name: str, label: str = "") -> float:
    """How much a counter with labels grew, over all of them or those with `label`."""
    return sum(value - before.get(key, 0.0) for key, value in after.items() if key.startswith(name) and label in key)
