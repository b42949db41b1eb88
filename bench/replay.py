"""How fast a record is decided again: `autoscaler replay` over a week of targets, every evaluation every 15 s.

One target's week is decided by the planner first, and stands for all of them under their own names.
"""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from autoscaler.audit import codec, event
from autoscaler.audit.event import Event
from autoscaler.audit.verify import Number
from bench import week
from bench.catalogue import Say
from bench.figure import Figure

DAYS, TARGETS = 7, 100
QUICK_DAYS, QUICK_TARGETS = 0.02, 3
GOAL = 60.0
"""Seconds, on two cores."""
POLICY = """\
apiVersion: hpa-companion.dev/v1alpha1
kind: HorizontalPodScaler
metadata: {namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: "web-*"}
  minReplicas: 2
  maxReplicas: 50
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
"""


class Timed(NamedTuple):
    """Seconds of the clock, and of all processors."""

    evaluations: int
    wall: float
    cpu: float


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """The record alone, and with a candidate beside it."""
    days, targets = (QUICK_DAYS, QUICK_TARGETS) if quick else (DAYS, TARGETS)
    with tempfile.TemporaryDirectory() as folder:
        record, policy = Path(folder) / "decisions.jsonl.gz", Path(folder) / "new.yaml"
        policy.write_text(POLICY)
        say(f"writing the record of {targets} targets over {days} days")
        _write(record, days, targets)
        say("deciding it again")
        own = _timed(record)
        say("and beside it by another policy")
        other = _timed(record, "--policy", str(policy))
    return [*_figures("its own policy", own), *_figures("with another policy beside", other)]


def _figures(what: str, timed: Timed) -> list[Figure]:
    return [
        Figure(what=f"{what}: {timed.evaluations:,} evaluations", ours=timed.wall, unit="s", goal=GOAL),
        Figure(what=f"{what}: an evaluation, of all cores", ours=timed.cpu / timed.evaluations * 1e6, unit="us"),
    ]


def _write(path: Path, days: float, targets: int) -> None:
    made = week.records(week.decisions(week.daily(), days * week.DAY))
    with gzip.open(path, "wb", compresslevel=1) as file:
        for seq, each in enumerate(made, 1):
            body = codec.encode(each)
            for number in range(targets):
                name = f"web-{number:03}"
                mine = body.replace(b'"name":"web"', b'"name":"%s"' % name.encode())
                numbered = Number(f"shop/Deployment/{name}", 1, seq)
                told = Event(number=numbered, id=f"{name}-{seq}", time=each.time, type=codec.DECISION_TYPE, body=mine)
                file.write(event.line(told) + b"\n")


def _timed(record: Path, *words: str) -> Timed:
    before, begun = _spent(), time.monotonic()
    command = [sys.executable, "-m", "autoscaler", "replay", "--from", str(record), "-o", "json", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    wall, cpu = time.monotonic() - begun, _spent() - before
    return Timed(json.loads(done.stdout)["evaluations"], wall, cpu)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
