"""What `autoscaler plan` costs: the 1,500 recorded evaluations of the conformance data, from line to line.

The verb itself runs, on the plain file, in this process; its time on the processor counts, so the figure is that of one
core whatever else the machine does.
"""

from __future__ import annotations

import gzip
import io
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from autoscaler.cli import plan
from bench.catalogue import Say
from bench.figure import Figure

DATA = Path(__file__).resolve().parent.parent / "tests" / "conformance" / "data" / "hpa_bundles.jsonl.gz"
ROUNDS, QUICK_LINES = 9, 50
MOST_US = 500.0
"""2,000 bundles a second and core."""


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Median over rounds, the first of which fills caches and does not count."""
    lines = gzip.decompress(DATA.read_bytes()).splitlines()[: QUICK_LINES if quick else None]
    say(f"{len(lines)} bundles of {sum(map(len, lines)) / len(lines):.0f} bytes on average")
    with tempfile.NamedTemporaryFile("wb", suffix=".jsonl") as file:
        file.write(b"\n".join(lines))
        file.flush()
        spent = []
        for _ in range(2 if quick else ROUNDS + 1):
            out, begin = io.StringIO(), time.process_time()
            assert plan.run(file.name, out) == 0
            spent.append((time.process_time() - begin) / len(lines) * 1e6)
            assert out.getvalue().count("\n") == len(lines)
    return [Figure(what="a bundle, from line to line", ours=statistics.median(spent[1:]), unit="us", goal=MOST_US)]
