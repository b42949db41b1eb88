"""Servers of the Metrics API as whole processes over one simulated cluster, driven and measured alike."""

from __future__ import annotations

import http.client
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autoscaler.sim.world import ADMIN_TOKEN
from bench.processes import Process, free_port

READY_SECONDS = 180.0
ASK_AGAIN_SECONDS = 0.2
ALL_PODS = "/apis/metrics.k8s.io/v1beta1/pods"


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many nodes, pods on each, containers in each; seconds between two samples, and between two scrapes."""

    nodes: int
    pods: int = 30
    containers: int = 2
    sample_period: float = 10.0
    resolution: float = 15.0

    def __str__(self) -> str:
        return f"{self.nodes} nodes x {self.pods} pods x {self.containers} containers"


@dataclass(frozen=True, slots=True)
class Simulated:
    """A running simulated cluster; the kubeconfig is that of our ServiceAccount."""

    crowd: Crowd
    folder: Path
    process: Process

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"


class Contender:
    """A running server of the Metrics API."""

    def __init__(self, process: Process, port: int, certificate: Path) -> None:
        self.process = process
        self.port = port
        self._certificate = certificate
        self._connection: http.client.HTTPSConnection | None = None

    def get(self, path: str, accept: str = "application/json") -> bytes:
        """The body of a 200, over one kept-alive connection; OSError for anything else."""
        if self._connection is None:
            context = ssl.create_default_context(cafile=str(self._certificate))
            self._connection = http.client.HTTPSConnection("localhost", self.port, timeout=60, context=context)
        try:
            self._connection.request("GET", path, headers={"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept": accept})
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            self._connection.close()
            self._connection = None
            raise ConnectionError(f"{path}: {exc}") from exc
        if answer.status != 200:
            raise OSError(f"{path}: {answer.status} {body[:300]!r}")
        return body

    def wait_ready(self, within: float = READY_SECONDS) -> float:
        """Seconds until /readyz said yes."""
        return self.wait(lambda: bool(self.get("/readyz")), "ready", within)

    def wait(self, reached: Callable[[], bool], what: str, within: float = READY_SECONDS) -> float:
        """Seconds until `reached` is true; an OSError in it is a no."""
        begun = time.monotonic()
        while time.monotonic() - begun < within:
            self.process.must_run()
            try:
                if reached():
                    return time.monotonic() - begun
            except OSError:
                pass
            time.sleep(ASK_AGAIN_SECONDS)
        raise TimeoutError(f"{self.process.name} was not {what} within {within:.0f} s:\n{self.process.output[-2000:]}")

    def seconds(self, path: str, rounds: int, accept: str = "application/json") -> list[float]:
        """How long each of so many answers took, whole."""
        taken = []
        for _ in range(rounds):
            begun = time.perf_counter()
            self.get(path, accept)
            taken.append(time.perf_counter() - begun)
        return taken

    def cores(self, seconds: float) -> float:
        """Processors used on average, over so many seconds from now."""
        before, begun = self.process.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        return (self.process.cpu_seconds() - before) / (time.monotonic() - begun)


@contextmanager
def simulated(folder: Path, crowd: Crowd) -> Iterator[Simulated]:
    """A simulated cluster in a process of its own."""
    words = [
        f"--nodes={crowd.nodes}", f"--pods-per-node={crowd.pods}", f"--containers={crowd.containers}",
        f"--sample-period={crowd.sample_period}", f"--kubeconfig={folder / 'kubeconfig'}",
    ]  # fmt: skip
    command = [sys.executable, "-m", "autoscaler.sim", *words]
    with Process("the simulated cluster", command, folder / "simulated.log") as process:
        begun = time.monotonic()
        while not process.output.startswith("ready"):
            process.must_run()
            if time.monotonic() - begun > READY_SECONDS:
                raise TimeoutError(f"the simulated cluster did not start:\n{process.output}")
            time.sleep(ASK_AGAIN_SECONDS)
        yield Simulated(crowd, folder, process)


@contextmanager
def ours(world: Simulated, flags: Sequence[str] = ()) -> Iterator[Contender]:
    """`autoscaler run`."""
    port, folder = free_port(), world.folder / "ours"
    folder.mkdir()
    words = [
        f"--kubeconfig={world.kubeconfig}", "--kubelet-allow-loopback=true", "--kubelet-use-node-status-port=true",
        "--bind-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={folder}",
        f"--audit-spool-dir={folder / 'spool'}", f"--metric-resolution={world.crowd.resolution:g}s", *flags,
    ]  # fmt: skip
    with Process("autoscaler run", [sys.executable, "-m", "autoscaler", "run", *words], folder / "log") as process:
        yield Contender(process, port, folder / "apiserver.crt")
