"""Lists of the pods of 5,000 nodes: what they cost, and for how long they keep the loop from others.

Both in processor time of this thread, in which what others do on the machine does not count. One list at a time in
process; then fifty at once through TLS, to clients in a process of their own, of which the memory counts, too (A16).
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import resource
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from bench.catalogue import Say
from bench.figure import Figure
from bench.lists import ALL, PROTOBUF, Cluster, in_process, served

PODS, QUICK_PODS = 150_000, 800
CLIENTS, QUICK_CLIENTS = 50, 3
MEMORY_EVERY = 20
"""Turns of the loop between two looks at the memory of this process."""
PATIENT_TURNS = 700
"""Of the loop: by then all pods are read, and some are written."""


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """JSON, then protobuf; then many at once."""
    pods, clients = (QUICK_PODS, QUICK_CLIENTS) if quick else (PODS, CLIENTS)
    return [*asyncio.run(_crowded(pods, clients, say)), *asyncio.run(_cases(pods, say))]


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


async def _crowded(pods: int, clients: int, say: Say) -> list[Figure]:
    """So many list all pods at once, of which nothing was written before."""
    cluster, what = Cluster(pods), f"{clients} lists of {pods} pods at once, JSON, TLS"
    gc.collect()
    gc.freeze()
    context = multiprocessing.get_context("spawn")
    async with served(cluster) as server:
        ours, theirs = context.Pipe()
        ca_pem = server.certificate.ca_bundle().decode()
        asking = context.Process(target=crowd, args=(server.port, ca_pem, clients, theirs))
        asking.start()
        await asyncio.to_thread(ours.recv)
        found = []
        for when in ("nothing written yet", "again"):
            turns, memory = list[float](), [_resident()]
            watching = asyncio.get_running_loop().create_task(_turns(turns, memory))
            await asyncio.sleep(0)
            begun = time.perf_counter()
            ours.send(True)
            sizes = await asyncio.to_thread(ours.recv)
            spent = time.perf_counter() - begun
            watching.cancel()
            grown = max(memory) - memory[0]
            say(f"{what}, {when}: {max(sizes) / 1e6:.0f} MB each, {grown / 1e6:.0f} MB of memory for all of them")
            found += [
                Figure(what=f"{what}, {when}: without an answer", ours=sizes.count(0), unit="", goal=0),
                Figure(what="the same: until the last has its own", ours=spent, unit="s"),
                Figure(what="the same: longest turn, CPU", ours=max(turns) * 1000, unit="ms", goal=50),
                Figure(
                    what="the same: memory", ours=grown / 2**20, unit="MiB", theirs=max(sizes) / 2**20,
                    beside="one list", goal=2,
                ),
            ]  # fmt: skip
        ours.send(False)
        asking.join()
    gc.unfreeze()
    return found


def crowd(port: int, ca_pem: str, clients: int, pipe: Connection) -> None:
    """Connect so many, and have each list all pods as often as told to; their sizes, 0 of one that broke off."""

    async def listed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write(f"GET {ALL} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        size = 0
        try:
            await reader.readuntil(b"\r\n\r\n")
            while chunk := int(await reader.readuntil(b"\r\n"), 16):
                size += len(await reader.readexactly(chunk))
                await reader.readexactly(2)
            await reader.readexactly(2)
        except (OSError, asyncio.IncompleteReadError):
            return 0
        return size

    async def run() -> None:
        tls = ssl.create_default_context(cadata=ca_pem)
        held = [await asyncio.open_connection("127.0.0.1", port, ssl=tls, limit=1 << 20) for _ in range(clients)]
        pipe.send(True)
        while await asyncio.to_thread(pipe.recv):
            pipe.send(await asyncio.gather(*(listed(*each) for each in held)))
        for _, writer in held:
            writer.close()

    asyncio.run(run())


def _resident() -> int:
    """Bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def _turns(found: list[float], memory: list[int] | None = None) -> None:
    """Processor time of each turn of the loop; and now and then the memory this process has."""
    last = time.thread_time()
    while True:
        await asyncio.sleep(0)
        now = time.thread_time()
        found.append(now - last)
        last = now
        if memory is not None and len(found) % MEMORY_EVERY == 0:
            memory.append(_resident())
            last = time.thread_time()
