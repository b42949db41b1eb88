"""How old a number is when it is served, beside the real metrics-server: in quiet, while a node hangs, after a miss.

Both scrape the same kubelets and are asked for all pods once a second. An age is the time of the answer minus the
`timestamp` of the pod, in quiet and, of the pods on the other nodes, while one kubelet accepts and never answers. Then
that kubelet answers 500 for one resolution, so that each contender misses it about once: the gap is how long a pod of
it had no number.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from bench.catalogue import Say
from bench.contenders import ALL_PODS, Contender, Crowd, Simulated, metrics_server, ours, simulated
from bench.figure import Figure
from bench.peer import BESIDE, complete

CROWD, QUICK_CROWD = Crowd(nodes=50, pods=10), Crowd(nodes=3, pods=2, resolution=10.0)
WATCHED, QUICK_WATCHED = 60.0, 1.0
"""Seconds for each of the three states."""
PERIOD = 1.0
TROUBLED = "node-1"

Ages = dict[str, float]
"""Seconds by pod, at one moment."""
Seen = dict[Contender, list[Ages]]


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Ages and gaps of both."""
    crowd = QUICK_CROWD if quick else CROWD
    with (
        tempfile.TemporaryDirectory() as name,
        simulated(Path(name), crowd) as world,
        metrics_server(world) as theirs,
        ours(world) as us,
    ):
        for contender in (us, theirs):
            contender.wait(partial(complete, contender, crowd), "complete")
        quiet, hanging, missed = _states(world, (us, theirs), QUICK_WATCHED if quick else WATCHED, say)
        troubled = world.pods_on(TROUBLED)
    others = {each: [_without(ages, troubled) for ages in moments] for each, moments in hanging.items()}
    found = []
    for what, seen in (("age in quiet", quiet), ("age elsewhere while a node hangs", others)):
        for part in (50, 99):
            mine, other = (percentile(seen[each], part) for each in (us, theirs))
            found.append(Figure(what=f"{what}, p{part}", ours=mine, unit="s", theirs=other, beside=BESIDE))
    mine, other = (gap(missed[each], troubled) for each in (us, theirs))
    found.append(Figure(what="gap after a miss", ours=mine, unit="s", theirs=other, beside=BESIDE, goal=0))
    return found


def _states(world: Simulated, both: Sequence[Contender], seconds: float, say: Say) -> tuple[Seen, Seen, Seen]:
    """What was served in quiet, while a node hung, and around the time when it answered 500."""
    say(f"{world.crowd}: quiet for {seconds:g} s")
    quiet = watch(both, seconds)
    say(f"{TROUBLED} hangs for {seconds:g} s")
    world.order(TROUBLED, "hang")
    hanging = watch(both, seconds)
    world.order(TROUBLED, None)
    for each in both:
        each.wait(partial(complete, each, world.crowd, part=1.0), "complete again")
    once = min(world.crowd.resolution, seconds)
    watch(both, 2 * once)
    say(f"{TROUBLED} answers 500 for {once:g} s")
    world.order(TROUBLED, "error")
    missed = watch(both, once)
    world.order(TROUBLED, None)
    afterwards = watch(both, seconds)
    return quiet, hanging, {each: missed[each] + afterwards[each] for each in both}


def watch(both: Sequence[Contender], seconds: float) -> Seen:
    """The ages of all pods, asked of each once a period."""
    seen: Seen = {each: [] for each in both}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        for each in both:
            items = json.loads(each.get(ALL_PODS))["items"]
            now = time.time()
            seen[each].append(
                {
                    f"{item['metadata']['namespace']}/{item['metadata']['name']}": now
                    - datetime.fromisoformat(item["timestamp"]).timestamp()
                    for item in items
                }
            )
        time.sleep(max(0.0, PERIOD - (time.monotonic() - begun)))
    return seen


def percentile(moments: Sequence[Ages], part: int) -> float:
    """Of all ages of all moments."""
    return statistics.quantiles([age for ages in moments for age in ages.values()], n=100)[part - 1]


def gap(moments: Sequence[Ages], pods: Collection[str]) -> float:
    """Seconds during which the pod of `pods` that was missing longest had no number."""
    return PERIOD * max(sum(pod not in ages for ages in moments) for pod in pods)


def _without(ages: Ages, pods: Collection[str]) -> Ages:
    return {pod: age for pod, age in ages.items() if pod not in pods}
