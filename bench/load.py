"""What we bear: 5,000 nodes, a full list every 5 s, and 200 requests for one pod a second.

The lag of the event loop is our own series, of ten beats a second, read before and after. A beat and a latency count
from the moment when they were due, so that a stall is not forgiven to those who had to wait for it.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

from bench.catalogue import Say
from bench.contenders import ALL_PODS, Contender, Crowd, ours, simulated
from bench.figure import Figure
from bench.peer import PROTOBUF, complete

CROWD, QUICK_CROWD = Crowd(nodes=5000), Crowd(nodes=2, pods=2, sample_period=1.0, resolution=1.0)
WINDOW, QUICK_WINDOW = 60.0, 1.0
"""Seconds of each part."""
LIST_EVERY = 5.0
RATE, CLIENTS = 200, 4
"""Requests a second, over so many kept-alive connections."""
LAG = "autoscaler_event_loop_lag_seconds_bucket"
AGE = 'autoscaler_node_sample_age_seconds{{quantile="{}"}}'
JSON = "application/json"


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Cost, lag and latency."""
    crowd, window = (QUICK_CROWD, QUICK_WINDOW) if quick else (CROWD, WINDOW)
    with tempfile.TemporaryDirectory() as name, simulated(Path(name), crowd) as world, ours(world) as program:
        program.wait(partial(complete, program, crowd), "complete")
        say(f"{crowd}: complete")
        cores, memory = program.cores(window), program.process.memory_mib()
        before = lag_buckets(program)
        with listing(program) as lists:
            time.sleep(window)
        series = program.series()
        lag = quantile(before, buckets(series, LAG), 0.99)
        every = [each for times in lists.values() for each in times]
        failed = every.count(math.inf)
        say(f"{len(every)} lists of all pods, {failed} without an answer, the slowest {max(every):.1f} s")
        pods = [item["metadata"] for item in json.loads(program.get(f"{ALL_PODS}?limit={RATE}"))["items"]]
        latencies = asked_at_a_rate(program, [_path(pod) for pod in pods], window / 3)
        size = f"{crowd.nodes} nodes"
        return [
            Figure(what=f"{size}: CPU", ours=cores, unit="cores", goal=0.4),
            Figure(what=f"{size}: RSS", ours=memory, unit="MiB", goal=700),
            *(
                Figure(what=f"{size}: all pods, {name}, p50", ours=statistics.median(lists[accept]) * 1e3, unit="ms")
                for name, accept in (("JSON", JSON), ("protobuf", PROTOBUF))
                if lists[accept]
            ),
            Figure(what=f"{size}: lists without an answer", ours=failed, unit="", goal=0),
            Figure(what=f"{size}, a list every 5 s: lag of the loop, p99", ours=lag * 1e3, unit="ms", goal=50),
            *(
                Figure(what=f"{size}, the same: age of a node's sample, p{part:.0f}", ours=series[age], unit="s")
                for part, age in ((50, AGE.format("0.5")), (99, AGE.format("0.99")))
            ),
            Figure(what=f"{size}: /metrics", ours=len(program.get("/metrics")) / 1e6, unit="MB"),
            Figure(
                what=f"{size}: {RATE} GET/s of one pod, p99", ours=percentile(latencies, 99) * 1e3, unit="ms", goal=25
            ),
        ]


def _path(metadata: dict[str, str]) -> str:
    return f"/apis/metrics.k8s.io/v1beta1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


@contextmanager
def listing(program: Contender) -> Iterator[Mapping[str, Sequence[float]]]:
    """List all pods every `LIST_EVERY` seconds meanwhile, as JSON and as protobuf in turn, the first that anybody asks
    for included; how long each took, infinite for a refusal, by media type."""
    taken: dict[str, list[float]] = {JSON: [], PROTOBUF: []}
    ended, client = threading.Event(), program.another()

    def ask() -> None:
        for accept in cycle(taken):
            if ended.is_set():
                return
            begun = time.monotonic()
            try:
                taken[accept] += client.seconds(ALL_PODS, 1, accept)
            except OSError:
                taken[accept].append(math.inf)
            ended.wait(max(0.0, LIST_EVERY - (time.monotonic() - begun)))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield taken
    finally:
        ended.set()
        thread.join()


def asked_at_a_rate(program: Contender, paths: Sequence[str], seconds: float) -> list[float]:
    """Latencies of `RATE` requests a second, each from when it was due; infinite for a refusal."""
    found: list[float] = []
    begun = time.perf_counter()

    def ask(client: Contender, first: int) -> None:
        for number in range(first, int(RATE * seconds), CLIENTS):
            due = begun + number / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                client.get(paths[number % len(paths)])
                found.append(time.perf_counter() - due)
            except OSError:
                found.append(math.inf)

    _together([partial(ask, program.another(), first) for first in range(CLIENTS)])
    return found


def _together(acts: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lag_buckets(program: Contender) -> dict[float, float]:
    """How often the loop was at most so late, cumulated, by bucket."""
    return buckets(program.series(), LAG)


def buckets(series: Mapping[str, float], name: str) -> dict[float, float]:
    """The buckets of a histogram without labels."""
    return {float(key.split('le="')[1].rstrip('"}')): count for key, count in series.items() if key.startswith(name)}


def quantile(before: dict[float, float], after: dict[float, float], part: float) -> float:
    """The quantile of what was added between two states of a histogram, interpolated in its bucket."""
    added = {bound: after[bound] - before.get(bound, 0.0) for bound in sorted(after)}
    wanted, below, lower = part * added[float("inf")], 0.0, 0.0
    for bound, count in added.items():
        if count >= wanted:
            return (
                lower if bound == float("inf") else lower + (bound - lower) * (wanted - below) / max(count - below, 1)
            )
        below, lower = count, bound
    return lower


def percentile(values: Sequence[float], part: int) -> float:
    """Of single values."""
    return statistics.quantiles(values, n=100)[part - 1]
