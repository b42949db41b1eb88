"""The whole program as a process that its host treats badly: few files, no processor, no `/tmp`, a log nobody reads."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import time
from asyncio.subprocess import Process
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.requirements import need
from tests.faults.hosted import NODES, START, Program, program, scrapes, small_world, started
from tests.pair import until

PROBES = 3
"""How many in a row may fail."""
MANY = 260
"""Nodes: more than 256 files, were a connection kept to each."""

pytestmark = [pytest.mark.timeout(120)]


async def test_p02_with_256_files_every_node_is_read_and_the_probes_answer_beside_a_crowd(tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -n 256 && exec "$@"', "sh"]
    async with program(tmp_path, "--metric-resolution=5s", nodes=MANY, under=limited) as one:
        await one.ready()
        crowd = [socket.create_connection(("127.0.0.1", int(one._url.rpartition(":")[2]))) for _ in range(60)]
        try:
            async with asyncio.timeout(START):
                while await one.served() < MANY or scrapes(one.world) < 2 * MANY:
                    await asyncio.sleep(0.5)
            assert await one.probed("/livez")
            assert await one.probed("/readyz")
            said = (await one.get("/metrics"))[1].splitlines()
            assert [line for line in said if line.startswith("autoscaler_scrape_errors_total{")] == []
        finally:
            for each in crowd:
                each.close()
        await until(lambda: one.replicas > 2)


async def test_p03_without_a_tmp_that_can_be_written_it_scales_as_ever(tmp_path: Path) -> None:
    """Nothing of ours is there, so there is nothing to warn of."""
    read_only = [f"mount --bind {each} {each} && mount -o remount,bind,ro {each}" for each in ("/tmp", "/var/tmp")]
    mounted = " && ".join(['mount --bind "$1" /mnt', *read_only])
    script = f'{mounted} && ! touch /tmp/x 2>/dev/null && shift && exec "$@"'
    under = [str(need("unshare")), "--mount", "sh", "-c", script, "sh", str(tmp_path)]
    async with program(tmp_path, under=under, seen_as="/mnt") as one:
        await one.ready()
        await until(lambda: one.replicas > 2)


async def test_p12_without_uvloop_it_runs_on_the_loop_of_asyncio_and_says_so(tmp_path: Path) -> None:
    """As where its library is of another build: importing it fails."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "uvloop.py").write_text("raise ImportError('wrong ELF class')\n")
    with (tmp_path / "log").open("wb") as log:
        under = ["env", f"PYTHONPATH={broken}"]
        async with program(tmp_path, under=under, log=log.fileno()) as one:
            await one.ready()
            await until(lambda: one.replicas > 2)
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(one.get("/metrics")) for _ in range(100)]
            codes = {task.result()[0] for task in asked}
            assert codes <= {200, 429}, "told to come later, or answered"
            assert await one.probed("/livez")
    assert "wrong ELF class" in (tmp_path / "log").read_text()


async def test_p04_with_half_of_the_core_it_needs_turns_are_left_out_and_the_liveness_probe_answers(
    tmp_path: Path,
) -> None:
    """Stopped as the kernel does it by a quota, whatever the machine's pace."""
    nodes, seconds = 160, 8.0
    async with program(tmp_path, "--hot-resolution=0s", nodes=nodes) as one:
        await one.ready()
        share = await _cores_of(one.process) / 2
        missed = 0
        async with asyncio.TaskGroup() as group:
            throttling = group.create_task(_throttled(one.process, share))
            before, begun = scrapes(one.world), asyncio.get_running_loop().time()
            while (passed := asyncio.get_running_loop().time() - begun) < seconds:
                missed = 0 if await one.probed("/livez") else missed + 1
                assert missed < PROBES, "it would be restarted"
            assert scrapes(one.world) - before < 0.8 * nodes * passed
            throttling.cancel()
        one.process.send_signal(signal.SIGCONT)
        late = [line for line in (await one.get("/metrics"))[1].splitlines() if "scrape_lag_seconds_bucket" in line]
        on_time, every = (int(float(line.split()[-1])) for line in (late[0], late[-1]))
        assert on_time < every, "how late turns were is counted"


def _processor_seconds(process: Process) -> float:
    """The clock of another process: clock_getcpuclockid(3)."""
    return time.clock_gettime(~process.pid << 3 | 2)


async def _cores_of(process: Process, over: float = 3.0) -> float:
    """Processor seconds a second, while nothing holds it up."""
    before, begun = _processor_seconds(process), asyncio.get_running_loop().time()
    await asyncio.sleep(over)
    return (_processor_seconds(process) - before) / (asyncio.get_running_loop().time() - begun)


async def _throttled(process: Process, share: float) -> None:
    """Stopped whenever it had more than `share` of a core since this began."""
    clock = asyncio.get_running_loop().time
    before, begun = _processor_seconds(process), clock()
    while True:
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.005)
        process.send_signal(signal.SIGSTOP)
        due = (_processor_seconds(process) - before) / share
        await asyncio.sleep(max(0.02, due - (clock() - begun)))


async def test_p07_with_a_log_that_nobody_reads_it_serves_and_scales(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    try:
        async with program(tmp_path, "--log-level=debug", log=writer) as one:
            await one.ready()
            await until(lambda: one.replicas > 2)
            assert await one.probed("/livez")
            one.process.terminate()
            async with asyncio.timeout(START):
                assert await one.process.wait() == 0
    finally:
        os.close(reader)
        os.close(writer)


class Service:
    """Asks its pods in turn, as an API server does; of one that comes or goes it hears `LATE` seconds later."""

    def __init__(self, *pods: Program) -> None:
        self.pods = list(pods)
        self.codes: Counter[int] = Counter()

    async def ask(self) -> None:
        for number in count():
            pod = self.pods[number % len(self.pods)]
            self.codes[(await pod.get(NODES))[0]] += 1
            await asyncio.sleep(BETWEEN)


ELECTION = [
    "--leader-elect", "--leader-elect-resource-namespace=kube-system", "--leader-elect-lease-duration=6s",
    "--leader-elect-renew-deadline=4s", "--leader-elect-retry-period=0.5s", "--shutdown-delay-duration=3s",
]  # fmt: skip
LATE, BETWEEN = 1.0, 0.02


async def test_p10_a_rolling_restart_fails_no_request_and_is_over_in_time(tmp_path: Path) -> None:
    folder = str(tmp_path)
    async with (
        small_world(tmp_path) as world,
        started(world, folder, *ELECTION, name="old") as old,
        started(world, folder, *ELECTION, name="new") as new,
        asyncio.TaskGroup() as group,
    ):
        await old.ready()
        service = Service(old)
        asking = group.create_task(service.ask())
        await new.ready()
        service.pods = [old, new]
        await until(lambda: service.codes[200] > 20)
        begun = asyncio.get_running_loop().time()
        old.process.terminate()
        unready = 0
        while old.process.returncode is None and asyncio.get_running_loop().time() < begun + LATE:
            unready += (await old.get("/readyz"))[0] == 500
        service.pods = [new]
        async with asyncio.timeout(START):
            assert await old.process.wait() == 0
        assert 3.0 <= asyncio.get_running_loop().time() - begun < 3.0 + 5.0
        asking.cancel()
    assert unready, "it says that it goes, while it serves"
    assert set(service.codes) == {200}


def grown(process: Process) -> tuple[int, int, int]:
    """Memory in KiB, threads and open files of a process."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    numbers = dict(line.split(":", 1) for line in status.splitlines())
    return int(numbers["VmRSS"].split()[0]), int(numbers["Threads"]), len(os.listdir(f"/proc/{process.pid}/fd"))


HURRY, TURNS, HURRIED = "0.2s", 60, 2
"""Twice sixty turns of a node are half an hour of the default resolution."""
MAY_GROW_KIB = 6 * 1024
"""A leak of 1 KB a sample is more, and a heap that settles is less."""


async def test_p06_half_an_hour_in_a_hurry_leaves_memory_threads_and_files_as_they_were(tmp_path: Path) -> None:
    hurry = [f"--hot-resolution={HURRY}", "--hot-cpu-budget=1", "--hot-kubelet-budget=1", "--evaluation-interval=0.1s"]
    async with program(tmp_path, *hurry, nodes=HURRIED) as one:

        async def turns(number: int) -> None:
            begun = scrapes(one.world)
            await until(lambda: scrapes(one.world) - begun >= HURRIED * number)

        await one.ready()
        await until(lambda: one.replicas > 2)
        await turns(TURNS)
        memory, threads, files = grown(one.process)
        await turns(TURNS)
        after = grown(one.process)
        assert after[0] - memory < MAY_GROW_KIB
        assert abs(after[1] - threads) <= 2
        assert abs(after[2] - files) <= 5
