"""What probes and aggregator make of a program that stands still, and of one that begins with nothing (A23, A27)."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.asking import asking, meanwhile
from tests.e2e.background import Background
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.faults.conftest import DEFAULTS
from tests.e2e.faults.nodes import ready_node, serving_context
from tests.e2e.kubeapi import Api
from tests.e2e.network import KUBELET_PORT
from tests.e2e.release import MONITOR, START, VERSIONS, Release
from tests.kubelets import ScriptedKubelet, answer, saying

SOON = 45.0
"""A hanging kubelet is given 8 s each time."""
STILL, BACK = 6.0, 30.0
"""A23: seconds for which the loop stands still, and after which the aggregator has us back."""
PROBED_EVERY = 0.2
"""A kubelet does every few seconds."""
LATE = "autoscaler_event_loop_lag_seconds_bucket"
FIRST = 150
"""Of the addresses of kubelets that hang."""


def available(release: Release) -> bool:
    return all(release.registered(version)["status"] == "True" for version in VERSIONS)


def looked_at(cluster: Cluster, version: str) -> None:
    """Have the aggregator look at a registration now, and not when half a minute is over: it does at every change."""
    path = f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.metrics.k8s.io"
    cluster.admin.patch(path, {"metadata": {"annotations": {"test/looked-at": str(time.monotonic())}}})


def late_beats(release: Release) -> float:
    """How often the loop came later than 5 s to a timer."""
    series = release.series()
    return series[f'{LATE}{{le="+Inf"}}'] - series[f'{LATE}{{le="5.0"}}']


@pytest.mark.timeout(180)
def test_a23_a_loop_that_stood_still_for_six_seconds_is_alive_measured_and_available_again(
    cluster: Cluster, release: Release
) -> None:
    release.stop()
    program = release.start(*DEFAULTS)  # who leads by the tests' own, and stands still so long, ends (L01)
    eventually(START, release.serving, "every node has a usage")
    eventually(SOON, lambda: available(release), "registered and available")
    before = late_beats(release)
    with asking(release.direct(), "/livez", PROBED_EVERY) as codes:
        eventually(SOON, lambda: codes, "it is probed")
        program.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        for version in VERSIONS:
            looked_at(cluster, version)
        eventually(2 * STILL, lambda: time.monotonic() - stopped >= STILL)
        program.signal(signal.SIGCONT)
        eventually(BACK, lambda: available(release) and release.serving(), "the aggregator has it back")
        seen = len(codes)
        eventually(SOON, lambda: len(codes) > seen + 3, "it is probed still")
    assert set(codes) == {200}, "who asked meanwhile waited for the answer"
    assert late_beats(release) > before
    program.must_run()
    release.stop()  # the next one has the short timings again


IDLE = b"node_cpu_usage_seconds_total 1\nnode_memory_working_set_bytes 7\n"


class Hanging(ScriptedKubelet):
    """Takes connections and says nothing until it is `mended`; then its node is idle."""

    mended = False

    def script(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        if self.mended:
            saying(answer(IDLE))(request, writer)


@pytest.fixture
def hanging(cluster: Cluster, release: Release, tmp_path: Path) -> Iterator[list[Hanging]]:
    """As many Ready nodes that hang as there are others; the program does not run."""
    release.stop()
    addresses = {f"hangs-{number}": cluster.network.kubelet(FIRST + number) for number in range(cluster.nodes)}
    tls = serving_context(cluster.pki.kubelets.issue("hanging", sans=list(addresses.values())), tmp_path)
    found, background, stack = [Hanging() for _ in addresses], Background("hanging"), AsyncExitStack()

    async def listen() -> None:
        for each, address in zip(found, addresses.values(), strict=True):
            each.port = KUBELET_PORT
            await stack.enter_async_context(each.serving(each.script, tls, host=address))

    background.call(listen())
    for name, address in addresses.items():
        cluster.admin.post("/api/v1/nodes", ready_node(name, address))
    yield found
    for name in addresses:
        cluster.admin.delete(f"/api/v1/nodes/{name}")
    background.call(stack.aclose())
    background.stop()


@contextmanager
def pods_as_ready_as_told(cluster: Cluster, release: Release) -> Iterator[None]:
    """What kubelets do with /readyz; kwok, which runs the pods here, asks nobody. Ready in the end, as before."""
    path = f"/api/v1/namespaces/{release.namespace}/pods"
    names = [each["metadata"]["name"] for each in cluster.admin.items(path)]
    told = True

    def tell(ready: bool) -> None:
        conditions = [{"type": kind, "status": str(ready)} for kind in ("ContainersReady", "Ready")]
        for name in names:
            cluster.admin.patch(f"{path}/{name}/status", {"status": {"conditions": conditions}})

    def probe() -> None:
        nonlocal told
        if (ready := ready_by(release.direct())) != told:
            tell(ready)
            told = ready

    try:
        with meanwhile(probe, PROBED_EVERY):
            yield
    finally:
        tell(True)


def reached(program: Api) -> bool:
    try:
        return program.raw("GET", "/livez")[0] == 200
    except OSError:
        return False


def ready_by(program: Api) -> bool:
    try:
        return program.raw("GET", "/readyz")[0] == 200
    except OSError:
        return False


@pytest.mark.timeout(180)
def test_a27_the_registration_is_not_available_before_most_ready_nodes_were_read(
    cluster: Cluster, release: Release, hanging: list[Hanging]
) -> None:
    with pods_as_ready_as_told(cluster, release):
        release.start()
        monitor = release.direct(cluster.token(release.namespace, MONITOR))

        def waits() -> bool:
            release.program.must_run()
            told = monitor.raw("GET", "/readyz/metric-storage-ready")[1].decode()
            assert f"usage of nodes: {cluster.nodes} of {2 * cluster.nodes} ready ones have one" in told
            assert [release.registered(version)["reason"] for version in VERSIONS] == ["MissingEndpoints"] * 2
            return True

        eventually(START, lambda: reached(monitor) and waits(), "it waits for the others")
        for each in hanging:
            each.mended = True
        eventually(SOON, lambda: available(release), "they were read, and it is available")
        assert ready_by(monitor)
