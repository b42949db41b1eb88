"""Beside the real metrics-server: both scrape the same kubelets at the same time, and are asked the same in turn.

metrics-server's certificate and ours are verified alike, each is one kept-alive connection. A list is taken again and
again, each contender after the other, so that what the machine does meanwhile meets both. The client (bench/line.py)
is the same for both; its 0.04 ms, loopback and TLS included, stand in the figures of both.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.catalogue import Say
from bench.contenders import ALL_NODES, ALL_PODS, Contender, Crowd, metrics_server, ours, simulated
from bench.figure import Figure

CROWDS, QUICK_CROWDS = (Crowd(nodes=100), Crowd(nodes=1000)), (Crowd(nodes=2, pods=2, resolution=10.0),)
WINDOW, QUICK_WINDOW = 90.0, 1.0
ROUNDS, QUICK_ROUNDS = 9, 1
SELECTED = "/apis/metrics.k8s.io/v1beta1/namespaces/team-0/pods?labelSelector=app%3Dapp-0"
"""As an HPA asks: 20 pods of one Deployment."""
PROTOBUF = "application/vnd.kubernetes.protobuf"
BESIDE = "metrics-server"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request both are measured on."""

    what: str
    path: str
    accept: str
    goal: float
    times: int = 1
    """In a row: a short answer is less than a tick of the processor's clock."""


ASKED = (
    Asked("all pods, JSON", ALL_PODS, "application/json", 0.3),
    Asked("all pods, protobuf", ALL_PODS, PROTOBUF, 0.3),
    Asked("20 pods by label, protobuf", SELECTED, PROTOBUF, 0.5, times=300),
)


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """A table for each size of a cluster."""
    found: list[Figure] = []
    for crowd in QUICK_CROWDS if quick else CROWDS:
        found += _beside(crowd, QUICK_WINDOW if quick else WINDOW, QUICK_ROUNDS if quick else ROUNDS, say)
    return found


def _beside(crowd: Crowd, window: float, rounds: int, say: Say) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as name,
        simulated(Path(name), crowd) as world,
        metrics_server(world) as theirs,
        ours(world) as us,
    ):
        for contender in (us, theirs):
            passed = contender.wait(partial(complete, contender, crowd), "complete")
            say(f"{crowd}: {contender.process.name} complete after {passed:.0f} s more")
        time.sleep(min(crowd.resolution, window))
        cores = steady((us, theirs), window)
        scrapes = crowd.nodes / crowd.resolution * window
        size = f"{crowd.nodes} nodes"
        found = [
            Figure(
                what=f"{size}: CPU per scrape", ours=cores[us] / scrapes * 1e3, unit="ms",
                theirs=cores[theirs] / scrapes * 1e3, beside=BESIDE, goal=0.25,
            ),
            Figure(
                what=f"{size}: RSS", ours=us.process.memory_mib(), unit="MiB",
                theirs=theirs.process.memory_mib(), beside=BESIDE, goal=0.3,
            ),
        ]  # fmt: skip
        for asked in ASKED:
            found += in_turn(f"{size}: {asked.what}", asked, us, theirs, rounds)
        found.append(
            Figure(
                what=f"{size}: RSS after lists, highest",
                ours=us.process.memory_mib("VmHWM"),
                unit="MiB",
                theirs=theirs.process.memory_mib("VmHWM"),
                beside=BESIDE,
            )
        )
        return found


def complete(contender: Contender, crowd: Crowd, part: float = 0.99) -> bool:
    """Whether this part of the nodes has a number; a list of the pods would weigh on what is to be measured."""
    return contender.get(ALL_NODES).count(b'"window"') >= part * crowd.nodes


def steady(contenders: Sequence[Contender], seconds: float) -> dict[Contender, float]:
    """CPU seconds of each while nobody asks them anything."""
    before = {each: each.process.cpu_seconds() for each in contenders}
    time.sleep(seconds)
    return {each: each.process.cpu_seconds() - before[each] for each in contenders}


def in_turn(what: str, asked: Asked, us: Contender, theirs: Contender, rounds: int) -> list[Figure]:
    """Median time, and processor time of the server, of both, asked one after the other so many times."""
    times: dict[Contender, list[float]] = {us: [], theirs: []}
    work = {us: 0.0, theirs: 0.0}
    for _ in range(rounds):
        for each in times:
            busy = each.process.cpu_seconds()
            times[each] += each.seconds(asked.path, asked.times, asked.accept)
            work[each] += each.process.cpu_seconds() - busy
    mine, other = (statistics.median(times[each]) * 1e3 for each in (us, theirs))
    spent, others = (work[each] / rounds / asked.times * 1e3 for each in (us, theirs))
    return [
        Figure(what=f"{what}, p50", ours=mine, unit="ms", theirs=other, beside=BESIDE, goal=asked.goal),
        Figure(what=f"{what}, CPU", ours=spent, unit="ms", theirs=others, beside=BESIDE),
    ]
