"""How long `autoscaler explain` takes as a whole process, in a spool of 1,000 targets; a bare interpreter beside it.

On a machine that others use, its CPU time is what to compare.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.entry import Entry
from autoscaler.audit.sharing import changed
from autoscaler.audit.spool import Spool
from autoscaler.model.instant import parse_instant
from bench.catalogue import Say
from bench.figure import Figure
from bench.startup import milliseconds
from tests.audit.samples import decision

GOAL_MS = 200
TARGETS, ROUNDS, QUICK_ROUNDS = 1000, 20, 1


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Medians of whole processes."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with tempfile.TemporaryDirectory() as name:
        key = _filled(Path(name))
        explain = [sys.executable, "-m", "autoscaler", "explain", key, f"--audit-spool-dir={name}"]
        bare, ours, used = [], [], []
        for _ in range(rounds):
            bare.append(milliseconds([sys.executable, "-c", "pass"]))
            before = _cpu_ms()
            ours.append(milliseconds(explain))
            used.append(_cpu_ms() - before)
    say(f"n = {rounds}, python -c pass {statistics.median(bare):.0f} ms")
    return [
        Figure(what="autoscaler explain", ours=statistics.median(ours), unit="ms", goal=GOAL_MS),
        Figure(what="its CPU, user and system", ours=statistics.median(used), unit="ms"),
    ]


def _cpu_ms() -> float:
    """Of all children that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e3


def _filled(folder: Path) -> str:
    """A spool with a record of each target; the key of the last one."""
    sample = decision()
    made = [replace(sample, id=f"d-{n}", target=replace(sample.target, name=f"web-{n}")) for n in range(TARGETS)]
    entries = [Entry(each.key, parse_instant(each.time), changed(each), codec.encode(each)) for each in made]
    with closing(Spool(folder, now=parse_instant(sample.time), forwarding=False)) as spool:
        spool.append(entries)
    return made[-1].key
