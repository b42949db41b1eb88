"""The whole program over a large simulated cluster: what it takes while nothing but scraping goes on, and then a list.

Figures are of the program's process alone, from /proc, over a window that begins when every node has a number. A
kubelet's page comes over TLS and is verified.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.catalogue import Say
from bench.contenders import ALL_PODS, Crowd, ours, simulated
from bench.figure import Figure
from bench.peer import complete

CROWD, QUICK_CROWD = Crowd(nodes=1000), Crowd(nodes=2, pods=2, sample_period=1.0, resolution=1.0)
WINDOW, QUICK_WINDOW = 120.0, 1.0
"""Seconds."""
LISTS = 7


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Start both, measure, stop both."""
    crowd, window = (QUICK_CROWD, QUICK_WINDOW) if quick else (CROWD, WINDOW)
    with tempfile.TemporaryDirectory() as name, simulated(Path(name), crowd) as world, ours(world) as program:
        begun = time.monotonic()
        ready = program.wait_ready()
        program.wait(partial(complete, program, crowd), "complete")
        time.sleep(min(crowd.resolution, window))
        say(f"{crowd}, every {crowd.resolution:g} s: ready after {ready:.1f} s, all {time.monotonic() - begun:.1f} s")
        cores = program.cores(window)
        memory = program.process.memory_mib()
        lists = program.seconds(ALL_PODS, LISTS)
        scrapes = crowd.nodes / crowd.resolution
        return [
            Figure(what=f"{crowd.nodes} nodes: CPU", ours=cores, unit="cores"),
            Figure(what=f"{crowd.nodes} nodes: CPU per scrape, all included", ours=cores / scrapes * 1e3, unit="ms"),
            Figure(what=f"{crowd.nodes} nodes: RSS", ours=memory, unit="MiB"),
            Figure(what=f"{crowd.nodes} nodes: RSS, highest", ours=program.process.memory_mib("VmHWM"), unit="MiB"),
            Figure(what="list of all pods, JSON, p50", ours=statistics.median(lists) * 1e3, unit="ms"),
        ]
