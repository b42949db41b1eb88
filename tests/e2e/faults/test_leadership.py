"""Two replicas on one real API server: one decides, and another goes on, however the first one ends."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from autoscaler.model.decision import Decision, Outcome
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.faults.conftest import DEFAULTS
from tests.e2e.interloper import OURS, between
from tests.e2e.kubeapi import Object
from tests.e2e.processes import Process, free_port
from tests.e2e.release import NAME, Release
from tests.e2e.workloads import Namespace

SOON = 30.0
STOPPED = 60.0
AFTER_CRASH = 17.0
AFTER_TERM = 3.0
WITHOUT = 5.0
AFTER_CONT = 1.0

STATUS = ("hpa-companion.dev", "v1alpha1", "horizontalpodscalers/status")
STRANGER = "somebody-else"
ELECTION = "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/hpa-companion-leader-election"

Follow = Callable[..., Process]


@pytest.fixture
def follow(release: Release) -> Iterator[Follow]:
    """Starts a second replica that is warm and does not lead when this returns."""
    made: list[Process] = []

    def start(*flags: str, port: int = 0) -> Process:
        port = port or free_port()
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


def lease(release: Release) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{release.namespace}/leases/{NAME}"


def leader(cluster: Cluster, release: Release) -> str:
    return str(cluster.admin.get(lease(release))["spec"].get("holderIdentity", ""))


class Writers:
    """Which process changed a scale or a status, by the token it came with, since it was last `forgotten`."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {}

    def noted(self, request: Object) -> None:
        if request["userInfo"]["username"] == OURS and not request.get("dryRun"):
            [token] = request["userInfo"]["extra"]["authentication.kubernetes.io/credential-id"]
            self.seen.setdefault(token, set()).add(request["resource"]["resource"])

    def forgotten(self) -> set[str]:
        """Who wrote until now."""
        before, self.seen = set(self.seen), {}
        return before


@pytest.mark.timeout(300)
def test_l01_a_leader_that_was_stopped_for_a_minute_writes_nothing_and_ends(
    cluster: Cluster, release: Release, here: Namespace, follow: Follow, tmp_path: Path
) -> None:
    first = eventually(SOON, lambda: leadership(here), "a decision")
    writers = Writers()
    with between(here, tmp_path, writers.noted, also=[STATUS]):
        here.ask_for("web", 2)
        eventually(SOON, lambda: here.replicas("web") == 2, "by the first one")
        other, before = follow(), leader(cluster, release)
        release.program.signal(signal.SIGSTOP)
        stopped, [old] = time.monotonic(), writers.forgotten()
        eventually(SOON, lambda: leadership(here) > first, "the other one decides")
        here.ask_for("web", 3)
        eventually(SOON, lambda: here.replicas("web") == 3, "by the other one")
        eventually(STOPPED + SOON, lambda: time.monotonic() - stopped >= STOPPED, "a minute is over")
        found = cluster.admin.get(f"{here.deployments}/web")["metadata"]
        release.program.signal(signal.SIGCONT)
        eventually(AFTER_CONT, lambda: not release.program.running(), "the first one ends")
        after = cluster.admin.get(f"{here.deployments}/web")["metadata"]
        for field in ("generation", "resourceVersion", "managedFields"):
            assert after[field] == found[field]
        here.ask_for("web", 4)
        eventually(SOON, lambda: here.replicas("web") == 4, "the other one goes on")
        [new] = writers.forgotten()
    assert new != old, "the only one that wrote since"
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


@pytest.mark.timeout(240)
def test_l03_l04_whatever_is_done_to_the_lease_one_of_both_leads_again(
    cluster: Cluster, release: Release, here: Namespace, follow: Follow
) -> None:
    port, path = free_port(), lease(release)
    other = follow(port=port)

    def spoilt(**fields: object) -> None:
        cluster.admin.patch(path, {"spec": fields})

    damages: tuple[Callable[[], None], ...] = (
        lambda: cluster.admin.delete(path),
        lambda: spoilt(holderIdentity=STRANGER),
        lambda: spoilt(holderIdentity=None, leaseDurationSeconds=1_000_000, leaseTransitions=0),
    )
    for number, damage in enumerate(damages):
        first = eventually(SOON, lambda: leadership(here), "a decision")
        damage()
        eventually(SOON, lambda first=first: leadership(here) > first, f"a decision after damage {number}")
        leading = [release.series(server)["autoscaler_leading"] for server in ("", f"https://127.0.0.1:{port}")]
        assert sorted(leading) == [0, 1], number
        assert leader(cluster, release) not in ("", STRANGER)
    release.program.must_run()
    other.must_run()


@pytest.fixture
def electing(cluster: Cluster, release: Release) -> Iterator[str]:
    """The path of the Role without which nobody leads; as before afterwards."""
    path = ELECTION.format(namespace=release.namespace)
    rules = cluster.admin.get(path)["rules"]
    yield path
    cluster.admin.patch(path, {"rules": rules})


@pytest.mark.timeout(180)
def test_l02_who_may_not_renew_the_lease_any_more_serves_but_decides_nothing_until_it_may(
    cluster: Cluster, release: Release, here: Namespace, electing: str
) -> None:
    eventually(SOON, lambda: leadership(here), "a decision")
    rules = cluster.admin.get(electing)["rules"]
    cluster.admin.patch(electing, {"rules": []})
    eventually(SOON, lambda: release.series()["autoscaler_leading"] == 0, "it steps down")
    here.ask_for("web", 2)
    over = time.monotonic() + WITHOUT
    eventually(2 * WITHOUT, lambda: time.monotonic() >= over, "it could have decided several times")
    assert here.replicas("web") == 1
    assert release.serving()
    cluster.admin.patch(electing, {"rules": rules})
    eventually(SOON, lambda: here.replicas("web") == 2, "it leads again")


def newest(here: Namespace, release: Release) -> Decision:
    """The last decision about `web`."""
    with SpoolReader(release.spool) as spool:
        record = spool.newest(f"{here.name}/Deployment/web")
    assert record is not None, "no decision yet"
    return codec.decode(record.body)


@pytest.mark.timeout(180)
def test_l01_a_status_of_a_later_leadership_keeps_an_earlier_one_from_writing(
    cluster: Cluster, release: Release, here: Namespace, follow: Follow
) -> None:
    """Two that both believe to lead: the one that began earlier is refused, whatever its clock says."""
    first = eventually(SOON, lambda: leadership(here), "a decision")
    cluster.admin.patch(f"{here.scalers}/web/status", {"status": {"leadership": first + 1}})
    here.ask_for("web", 2)

    def refused() -> bool:
        found = newest(here, release)
        assert (found.outcome, found.desired) == (Outcome.CONFLICTED, 2), found
        assert f"leadership {first + 1} decides here" in found.error
        return True

    eventually(SOON, refused)
    assert here.replicas("web") == 1
    follow()
    release.program.signal(signal.SIGTERM)
    eventually(SOON, lambda: here.replicas("web") == 2, "whoever leads next writes")
    assert leadership(here) == first + 1


@pytest.mark.timeout(180)
def test_l12_a_decision_without_its_end_is_found_by_the_next_and_gets_its_record(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    """As a leader leaves it that dies between the write of the scale and the next status."""
    first = eventually(SOON, lambda: leadership(here), "a decision")
    cluster.kubectl("-n", here.name, "scale", "deployment", "web", "--replicas=2")
    left = {"decisionId": "of-before", "fromReplicas": 1, "toReplicas": 2, "leadership": first - 1}
    cluster.admin.patch(f"{here.scalers}/web/status", {"status": {"pendingDecision": left}})
    eventually(SOON, lambda: "pendingDecision" not in here.scaler("web")["status"], "its end was found")
    with SpoolReader(release.spool) as spool:
        found = [codec.decode(record.body) for record in spool.records(f"{here.name}/Deployment/web")]
    [told] = [each for each in found if each.id == "of-before"]
    assert (told.outcome, told.current, told.desired, told.leadership) == (Outcome.WRITTEN, 1, 2, first - 1)
    assert len({each.id for each in found}) == len(found)
