"""From a new pod running to its first number, beside the real metrics-server.

Both scrape the same kubelets every 15 s; a kubelet samples a container every 10 s at a phase of its own, so the first
sample comes up to 10 s after the start. Deployments get one more pod each in turn, at moments that fall on everybody's
phases; both are asked for all pods four times a second.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.catalogue import Say
from bench.contenders import ALL_PODS, Contender, Crowd, Simulated, metrics_server, ours, simulated
from bench.figure import Figure
from bench.peer import BESIDE, complete

CROWD = Crowd(nodes=20, pods=5, containers=1)
QUICK_CROWD = Crowd(nodes=2, pods=2, containers=1, sample_period=1.0, resolution=5.0)
NEW, QUICK_NEW = 24, 1
APART = 2.7
"""Seconds between two new pods."""
PERIOD = 0.25
PATIENCE = 90.0
GOAL = 15.0
DEPLOYMENTS = (("team-0", "app-0"), ("team-1", "app-1"), ("team-2", "app-2"), ("team-3", "app-3"), ("team-4", "app-4"))
_SIZE = 20
"""Pods of each Deployment of the crowd, where there are so many."""

Seen = dict[str, float]
"""When a pod was first seen, by namespace and name."""


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Mean and worst of both; a quick run does not wait for metrics-server."""
    crowd, count = (QUICK_CROWD, QUICK_NEW) if quick else (CROWD, NEW)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        world = stack.enter_context(simulated(Path(name), crowd))
        us = stack.enter_context(ours(world))
        both = [us] if quick else [us, stack.enter_context(metrics_server(world))]
        for contender in both:
            contender.wait(partial(complete, contender, crowd, part=1.0), "complete")
        say(f"{crowd}: {count} new pods")
        started, first = _watched(world, both, count, min(_SIZE, crowd.nodes * crowd.pods))
    waits = [[first[each][pod] - started[pod] for pod in started] for each in both]
    found = []
    for what, of in (("mean", statistics.fmean), ("worst", max)):
        mine, *others = (of(each) for each in waits)
        found.append(Figure(what=f"new pod to first number, {what}", ours=mine, unit="s", goal=GOAL))
        found += [
            Figure(what=f"the same, {what}, beside", ours=mine, unit="s", theirs=each, beside=BESIDE) for each in others
        ]
    return found


def _watched(
    world: Simulated, both: Sequence[Contender], count: int, size: int
) -> tuple[Seen, Mapping[Contender, Seen]]:
    """When each new pod ran, and when each contender first had a number of it."""
    old = set(world.running())
    started: Seen = {}
    first: dict[Contender, Seen] = {each: {} for each in both}
    begun, made = time.monotonic(), 0
    while made < count or any(started.keys() - seen.keys() for seen in first.values()) or len(started) < count:
        now = time.monotonic()
        if now - begun > count * APART + PATIENCE:
            raise TimeoutError(f"not every new pod had a number {PATIENCE:g} s after the last one came")
        if made < count and now - begun >= made * APART:
            namespace, name = DEPLOYMENTS[made % len(DEPLOYMENTS) if size == _SIZE else 0]
            made += 1
            world.scale(namespace, name, size + -(-made // len(DEPLOYMENTS)) if size == _SIZE else size + made)
        for pod in world.running():
            if pod not in old:
                started.setdefault(pod, time.monotonic())
        for each, seen in first.items():
            for item in json.loads(each.get(ALL_PODS))["items"]:
                seen.setdefault(f"{item['metadata']['namespace']}/{item['metadata']['name']}", time.monotonic())
        time.sleep(max(0.0, PERIOD - (time.monotonic() - now)))
    return started, first
