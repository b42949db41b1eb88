"""Two replicas on one real API server: one decides, and another goes on, however the first one ends."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.processes import Process, free_port
from tests.e2e.release import NAME, Release
from tests.e2e.workloads import Namespace

SOON = 30.0
DEFAULTS = (
    "--leader-elect-lease-duration=15s",
    "--leader-elect-renew-deadline=10s",
    "--leader-elect-retry-period=2s",
)
AFTER_CRASH = 17.0
AFTER_TERM = 3.0
AFTER_CONT = 1.0

Follow = Callable[..., Process]


@pytest.fixture
def follow(release: Release) -> Iterator[Follow]:
    """Starts a second replica that is warm and does not lead when this returns."""
    made: list[Process] = []

    def start(*flags: str) -> Process:
        port = free_port()
        one = release.start_another(port, *flags)
        made.append(one)
        probe = release.direct("", server=f"https://127.0.0.1:{port}")

        def ready() -> bool:
            one.must_run()
            try:
                return probe.raw("GET", "/readyz")[0] == 200
            except OSError:
                return False

        eventually(SOON, ready, "the second replica is ready")
        return one

    yield start
    for each in made:
        each.kill()


def leadership(here: Namespace) -> int:
    """Who decided last."""
    found = here.cluster.admin.get(f"{here.scalers}/web").get("status", {})
    return int(found.get("leadership", 0))


def leader(cluster: Cluster, release: Release) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{release.namespace}/leases/{NAME}"
    return str(cluster.admin.get(path)["spec"].get("holderIdentity", ""))


@pytest.mark.timeout(180)
def test_l01_a_leader_that_was_stopped_writes_nothing_and_ends(
    cluster: Cluster, release: Release, here: Namespace, follow: Follow
) -> None:
    first = eventually(SOON, lambda: leadership(here), "a decision")
    other, before = follow(), leader(cluster, release)
    release.program.signal(signal.SIGSTOP)
    eventually(SOON, lambda: leadership(here) > first, "the other one decides")
    here.ask_for("web", 3)
    eventually(SOON, lambda: here.replicas("web") == 3, "by the other one")
    generation = cluster.admin.get(f"{here.deployments}/web")["metadata"]["generation"]
    release.program.signal(signal.SIGCONT)
    eventually(AFTER_CONT, lambda: not release.program.running(), "the first one ends")
    assert cluster.admin.get(f"{here.deployments}/web")["metadata"]["generation"] == generation
    assert leader(cluster, release) != before
    other.must_run()


@pytest.mark.timeout(180)
def test_l02_a_crash_is_followed_within_seventeen_seconds(release: Release, here: Namespace, follow: Follow) -> None:
    release.stop()
    release.start(*DEFAULTS)
    eventually(SOON, release.serving)
    first = eventually(SOON, lambda: leadership(here), "a decision")
    follow(*DEFAULTS)
    begun = time.monotonic()
    release.program.kill()
    eventually(SOON, lambda: leadership(here) > first, "the next decision")
    assert time.monotonic() - begun <= AFTER_CRASH


@pytest.mark.timeout(180)
def test_l10_sigterm_is_followed_within_three_seconds(release: Release, here: Namespace, follow: Follow) -> None:
    first = eventually(SOON, lambda: leadership(here), "a decision")
    follow()
    begun = time.monotonic()
    release.program.signal(signal.SIGTERM)
    eventually(SOON, lambda: leadership(here) > first, "the next decision")
    assert time.monotonic() - begun <= AFTER_TERM
    try:
        release.program.terminate()
    except subprocess.TimeoutExpired:
        pytest.fail("it does not end")
