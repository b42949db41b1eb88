"""Lists of the pods of 5,000 nodes, in process: what they cost, and for how long they keep the loop from others.

Both in processor time of this thread, in which what others do on the machine does not count.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence

from bench.catalogue import Say
from bench.figure import Figure
from bench.lists import ALL, PROTOBUF, Cluster, in_process

PODS, QUICK_PODS = 150_000, 800
PATIENT_TURNS = 700
"""Of the loop: by then all pods are read, and some are written."""


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """JSON, then protobuf."""
    return asyncio.run(_cases(QUICK_PODS if quick else PODS, say))


async def _cases(pods: int, say: Say) -> list[Figure]:
    """The first list, and one when every sample is new."""
    cluster, found = Cluster(pods), []
    gc.collect()
    gc.freeze()  # as the program does once it is warm
    for name, accept in (("JSON", ""), ("protobuf", PROTOBUF)):
        once = await in_process(cluster, ALL, accept)
        for when in ("the first list", "every sample new"):
            turns: list[float] = []
            watching = asyncio.get_running_loop().create_task(_turns(turns))
            await asyncio.sleep(0)
            begun = time.thread_time()
            size = await once()
            spent = time.thread_time() - begun
            watching.cancel()
            say(f"{pods} pods, {name}, {when}: {size / 1e6:.0f} MB in {len(turns)} turns of the loop")
            found += [
                Figure(what=f"{pods} pods, {name}, {when}, CPU", ours=spent * 1000, unit="ms"),
                Figure(what="the same: longest turn, CPU", ours=max(turns) * 1000, unit="ms", goal=50),
            ]
            cluster.sample(1_795_427_666_000_000_000)
        freed = await _superseded(cluster, once)
        found.append(
            Figure(what=f"{name}, samples replaced twice meanwhile: longest turn, CPU", ours=freed, unit="ms", goal=50)
        )
    gc.unfreeze()
    return found


async def _superseded(cluster: Cluster, once: Callable[[], Awaitable[int]]) -> float:
    """Milliseconds of the longest turn while the last list is under way that has the samples of before.

    Whoever lets go of it frees them all. To make the new ones is not counted: they come page by page.
    """
    turns: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        listing = tasks.create_task(once())
        for _ in range(PATIENT_TURNS):
            await asyncio.sleep(0)
        for at in (1, 2):
            cluster.sample(1_795_427_666_000_000_000 + at * 15_000_000_000)
        await asyncio.sleep(0)
        watching = tasks.create_task(_turns(turns))
        await listing
        del listing
        for _ in range(3):
            await asyncio.sleep(0)
        watching.cancel()
    return max(turns) * 1000


async def _turns(found: list[float]) -> None:
    """Processor time of each turn of the loop."""
    last = time.thread_time()
    while True:
        await asyncio.sleep(0)
        now = time.thread_time()
        found.append(now - last)
        last = now
