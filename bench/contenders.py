"""Servers of the Metrics API as whole processes over one simulated cluster, driven and measured alike."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from autoscaler.sim.orders import ANNOTATION
from autoscaler.sim.world import ADMIN_TOKEN
from bench.catalogue import UnavailableError
from bench.line import ClosedError, Line
from bench.processes import Process, free_port
from tests.e2e.tools import inventory

READY_SECONDS = 420.0
ASK_AGAIN_SECONDS = 0.2
ALL_PODS = "/apis/metrics.k8s.io/v1beta1/pods"
ALL_NODES = "/apis/metrics.k8s.io/v1beta1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many nodes, pods on each, containers in each; seconds between two samples, and between two scrapes.

    `scaled`: every 20 pods are a Deployment with a HorizontalPodScaler.
    """

    nodes: int
    pods: int = 30
    containers: int = 2
    sample_period: float = 10.0
    resolution: float = 15.0
    scaled: bool = False

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

    def authority(self) -> Path:
        """A file with the authority that signed every certificate of the cluster."""
        path = self.folder / "ca.crt"
        cluster = yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]
        path.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        return path

    def server(self) -> Contender:
        """Its API server, to be asked as an administrator."""
        port = urllib.parse.urlsplit(self._url()).port
        assert port is not None
        return Contender(self.process, port, self.authority())

    def pods_on(self, node: str) -> set[str]:
        """Namespace/name of the pods that are bound there."""
        items = json.loads(self._asked("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}"))["items"]
        return {f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in items}

    def running(self) -> list[str]:
        """Namespace/name of the pods that run."""
        items = json.loads(self._asked("GET", "/api/v1/pods?fieldSelector=status.phase%3DRunning"))["items"]
        return [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in items]

    def scale(self, namespace: str, name: str, replicas: int) -> None:
        """Give a Deployment so many pods."""
        body = json.dumps({"spec": {"replicas": replicas}}).encode()
        self._asked("PATCH", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", body)

    def hold_lease(self) -> None:
        """Somebody else leads."""
        spec = {"holderIdentity": "somebody", "leaseDurationSeconds": 3600, "leaseTransitions": 1}
        lease = {"metadata": {"name": "hpa-companion", "namespace": "kube-system"}, "spec": spec}
        self._asked("POST", LEASES, json.dumps(lease).encode())

    def release_lease(self) -> None:
        """Who led has given the Lease back, as it does when it ends."""
        body = {"spec": {"holderIdentity": "", "leaseDurationSeconds": 1}}
        self._asked("PATCH", f"{LEASES}/hpa-companion", json.dumps(body).encode())

    def order(self, node: str, fault: str | None) -> None:
        """Make the node's kubelet misbehave (a word of autoscaler.sim.kubelets.Fault), or end it."""
        body = {"metadata": {"annotations": {ANNOTATION: fault}}}
        self._asked("PATCH", f"/api/v1/nodes/{node}", json.dumps(body).encode())

    def watch(self, path: str) -> http.client.HTTPResponse:
        """The lines of a watch as they come; a context manager."""
        return self._opened("GET", path)

    def _asked(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The API server's answer to an administrator."""
        with self._opened(method, path, body) as answer:
            return bytes(answer.read())

    def _opened(self, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/merge-patch+json"}
        request = urllib.request.Request(self._url() + path, body, headers, method=method)
        context = ssl.create_default_context(cafile=str(self.authority()))
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, context=context, timeout=30)
        return answer

    def _url(self) -> str:
        return str(yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]["server"])


class Contender:
    """A running server of the Metrics API."""

    def __init__(self, process: Process, port: int, certificate: Path) -> None:
        self.process = process
        self.port = port
        self._certificate = certificate
        self._line: Line | None = None

    def another(self) -> Contender:
        """The same server over a connection of its own, for another thread."""
        return Contender(self.process, self.port, self._certificate)

    def close(self) -> None:
        """End the connection; the next question makes another one."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def get(self, path: str, accept: str = "application/json") -> bytes:
        """The body of a 200, over one kept-alive connection; OSError for anything else."""
        try:
            status, body = self._exchange(path, accept)
        except ClosedError:  # it was idle for too long
            status, body = self._exchange(path, accept)
        if status != 200:
            raise OSError(f"{path}: {status} {body[:300]!r}")
        return body

    def _exchange(self, path: str, accept: str) -> tuple[int, bytes]:
        if self._line is None:
            self._line = Line(self.port, self._certificate)
        try:
            return self._line.get(path, accept, ADMIN_TOKEN)
        except OSError:
            self.close()
            raise

    def series(self) -> dict[str, float]:
        """Our own series, by name and labels as they stand on /metrics."""
        lines = [line for line in self.get("/metrics").decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def wait_ready(self, within: float = READY_SECONDS) -> float:
        """Seconds until /readyz said yes."""
        return self.wait(lambda: bool(self.get("/readyz")), "ready", within)

    def wait(
        self,
        reached: Callable[[], bool],
        what: str,
        within: float = READY_SECONDS,
        every: float = ASK_AGAIN_SECONDS,
    ) -> float:
        """Seconds until `reached` is true; an OSError in it is a no."""
        begun = time.monotonic()
        while time.monotonic() - begun < within:
            self.process.must_run()
            try:
                if reached():
                    return time.monotonic() - begun
            except OSError:
                pass
            time.sleep(every)
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
def simulated(folder: Path, crowd: Crowd, further: Sequence[str] = ()) -> Iterator[Simulated]:
    """A simulated cluster in a process of its own; `further` are words of its command line."""
    words = [
        f"--nodes={crowd.nodes}", f"--pods-per-node={crowd.pods}", f"--containers={crowd.containers}",
        f"--sample-period={crowd.sample_period}", f"--kubeconfig={folder / 'kubeconfig'}",
        *(["--scaled"] if crowd.scaled else []), *further,
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
def metrics_server(world: Simulated) -> Iterator[Contender]:
    """The real one, built by `python -m tests.e2e.tools`; UnavailableError when it is not."""
    program = inventory.folder() / "metrics-server" if not inventory.missing_compiler() else None
    if program is None or not program.exists():
        raise UnavailableError("metrics-server is not built: run `python -m tests.e2e.tools` (about 8 minutes, once)")
    port, folder = free_port(), world.folder / "metrics-server"
    folder.mkdir()
    config = world.kubeconfig
    words = [
        f"--kubeconfig={config}", f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}",
        f"--kubelet-certificate-authority={world.authority()}", "--kubelet-use-node-status-port",
        "--kubelet-preferred-address-types=InternalIP", "--bind-address=127.0.0.1", f"--secure-port={port}",
        f"--cert-dir={folder}", f"--metric-resolution={world.crowd.resolution:g}s", "--kubelet-request-timeout=8s",
    ]  # fmt: skip
    with Process("metrics-server", [program, *words], folder / "log") as process:
        yield Contender(process, port, folder / "apiserver.crt")


@contextmanager
def ours(world: Simulated, flags: Sequence[str] = (), name: str = "ours") -> Iterator[Contender]:
    """`autoscaler run`, with what it keeps in a folder of that name."""
    port, folder = free_port(), world.folder / name
    folder.mkdir()
    words = [
        f"--kubeconfig={world.kubeconfig}", "--kubelet-allow-loopback=true", "--kubelet-use-node-status-port=true",
        "--bind-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={folder}",
        f"--audit-spool-dir={folder / 'spool'}", f"--metric-resolution={world.crowd.resolution:g}s", *flags,
    ]  # fmt: skip
    with Process("autoscaler run", [sys.executable, "-m", "autoscaler", "run", *words], folder / "log") as process:
        yield Contender(process, port, folder / "apiserver.crt")
