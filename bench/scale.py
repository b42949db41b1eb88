"""RSS and CPU of `autoscaler run` at scale: a simulated cluster in one process, the program in another, TLS between.

    python -m bench.scale [--nodes 1000] [--seconds 120]

Prints whole-process figures of the program alone (from /proc), over a window after the first full round of scrapes.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from autoscaler.sim.world import ADMIN_TOKEN
from bench.machine import machine

TICKS = os.sysconf("SC_CLK_TCK")
LISTS = 7


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid: int, what: str) -> float:
    """VmRSS (now) or VmHWM (highest) of the process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(what)


class Program:
    """`autoscaler run` against the cluster of `kubeconfig`, serving on a port of its own."""

    def __init__(self, folder: Path, kubeconfig: Path, port: int) -> None:
        self.port = port
        self.certificate = folder / "certificates" / "apiserver.crt"
        flags = {
            "kubeconfig": kubeconfig, "kubelet-allow-loopback": "true", "kubelet-use-node-status-port": "true",
            "bind-address": "127.0.0.1", "secure-port": port, "cert-dir": folder / "certificates",
            "audit-spool-dir": folder / "spool", "metric-resolution": "15s",
        }  # fmt: skip
        words = [f"--{name}={value}" for name, value in flags.items()]
        command = [sys.executable, "-m", "autoscaler", "run", *words]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True)

    def get(self, path: str) -> bytes:
        """The body of a 2xx answer."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
        )
        with urllib.request.urlopen(request, context=context, timeout=30) as response:
            return bytes(response.read())

    def wait_ready(self, within: float) -> float:
        """Seconds until /readyz said yes."""
        started = time.monotonic()
        while time.monotonic() - started < within:
            try:
                self.get("/readyz")
            except OSError:
                time.sleep(0.5)
            else:
                return time.monotonic() - started
        raise TimeoutError("the program did not become ready")


def measure(program: Program, seconds: float) -> None:
    """Print what the program costs while nothing but scraping goes on, then what a list takes."""
    pid = program.process.pid
    before, started = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    used, passed = cpu_seconds(pid) - before, time.monotonic() - started
    print(f"steady CPU        {used / passed:.3f} cores over {passed:.0f} s")
    print(f"RSS               {memory_mib(pid, 'VmRSS'):.0f} MiB, highest {memory_mib(pid, 'VmHWM'):.0f} MiB")
    taken, size, items = [], 0, 0
    for _ in range(LISTS):
        at = time.monotonic()
        body = program.get("/apis/metrics.k8s.io/v1beta1/pods")
        taken.append(time.monotonic() - at)
        size, items = len(body), len(json.loads(body)["items"])
    print(
        f"list of all pods  p50 {statistics.median(taken) * 1000:.0f} ms ({items} pods, {size / 1e6:.1f} MB, JSON, TLS)"
    )
    print(f"RSS after lists   {memory_mib(pid, 'VmRSS'):.0f} MiB, highest {memory_mib(pid, 'VmHWM'):.0f} MiB")


def main() -> None:
    """Start both, measure, stop both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods-per-node", type=int, default=30)
    parser.add_argument("--containers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the measured window")
    given = parser.parse_args()
    print(machine())
    print(f"{given.nodes} nodes x {given.pods_per_node} pods x {given.containers} containers, every 15 s, TLS")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kubeconfig = folder / "kubeconfig"
        words = [
            f"--nodes={given.nodes}", f"--pods-per-node={given.pods_per_node}", f"--containers={given.containers}",
            f"--kubeconfig={kubeconfig}",
        ]  # fmt: skip
        world = subprocess.Popen([sys.executable, "-m", "autoscaler.sim", *words], stdout=subprocess.PIPE, text=True)
        processes = [world]
        try:
            assert world.stdout is not None
            if world.stdout.readline().strip() != "ready":
                raise ChildProcessError("the simulated cluster did not start")
            program = Program(folder, kubeconfig, port=free_port())
            processes.append(program.process)
            print(f"ready after       {program.wait_ready(180):.1f} s")
            time.sleep(20)
            measure(program, given.seconds)
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait(20)


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
