from __future__ import annotations

import pytest
from msgspec.structs import replace

from autoscaler.cli import leasecheck
from autoscaler.cli.finding import Finding, State
from autoscaler.clock import Clock
from autoscaler.config.load import load
from autoscaler.config.settings import LeaseSettings
from autoscaler.errors import ForbiddenError, UnreachableError
from autoscaler.model.instant import micro_text
from autoscaler.model.lease import Claim, Lease
from tests.cli.test_clusterchecks import Cluster
from tests.clock import FakeClock

CLOCK: Clock = FakeClock()
NOW = CLOCK.now()
HELD = Claim(holder="pod-1", duration=15, transitions=3, acquired=micro_text(NOW - 600), renewed=micro_text(NOW - 1))
FLAGS = {"leader-elect": "true", "leader-elect-resource-namespace": "ours"}


def settings() -> LeaseSettings:
    return load(FLAGS, {}).lease


async def examined(answer: Lease | Exception | None, cluster: Cluster | None = None) -> list[Finding]:
    async def read() -> Lease | None:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return await leasecheck.examine(cluster or Cluster(), read, settings(), CLOCK)


def held(claim: Claim) -> Lease:
    return Lease(claim=claim, uid="u", resource_version="7")


async def test_who_leads_is_told_and_since_when() -> None:
    rights, leader = await examined(held(HELD))
    assert (rights.check, rights.state) == ("may elect a leader", State.OK)
    assert leader == Finding("Lease", State.OK, "ours/hpa-companion: pod-1 leads since 600 s, renewed 1 s ago")


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        pytest.param(None, State.WARN, "nobody leads", id="no Lease"),
        pytest.param(held(replace(HELD, holder="")), State.WARN, "nobody leads", id="given up"),
        pytest.param(held(replace(HELD, renewed="soon")), State.WARN, "its times are none", id="junk"),
        pytest.param(
            held(replace(HELD, renewed=micro_text(NOW - 16))), State.BAD, "renewed 16 s ago", id="nobody followed"
        ),
        pytest.param(ForbiddenError("no", status=403), State.WARN, "could not be read: no", id="it may not be read"),
    ],
)
async def test_what_is_wrong_with_it_is_told_with_what_to_do(
    answer: Lease | Exception | None, state: State, said: str
) -> None:
    [_, leader] = await examined(answer)
    assert (leader.state, said in leader.detail, bool(leader.todo)) == (state, True, True)


async def test_rights_are_asked_for_by_name_and_what_is_missing_is_named() -> None:
    cluster = Cluster(denied=[("update", "leases")])
    [rights, _] = await examined(held(HELD), cluster)
    assert (rights.state, rights.detail) == (State.BAD, "not allowed: update leases.coordination.k8s.io")
    assert [(each["verb"], each["namespace"], each["name"]) for each in cluster.asked] == [
        ("create", "ours", ""),
        ("get", "ours", "hpa-companion"),
        ("update", "ours", "hpa-companion"),
    ]


async def test_where_nobody_tells_rights_only_the_leader_is_asked_for() -> None:
    async def read() -> Lease:
        return held(HELD)

    cluster = Cluster()
    [leader] = await leasecheck.examine(cluster, read, settings(), CLOCK, reviews=False)
    assert (leader.check, cluster.asked) == ("Lease", [])


async def test_without_election_there_is_nothing_to_ask() -> None:
    async def read() -> Lease | None:
        raise AssertionError("not asked")

    [only] = await leasecheck.examine(Cluster(), read, load({}, {}).lease, CLOCK)
    assert (only.state, "run one only" in only.detail) == (State.OK, True)


@pytest.mark.parametrize(
    ("ahead", "state", "said"),
    [
        pytest.param(0.6, State.OK, "agree", id="they agree"),
        pytest.param(-6.0, State.WARN, "6 s behind ours", id="some seconds"),
        pytest.param(600.0, State.BAD, "600 s ahead of ours: kubelets", id="ten minutes"),
        pytest.param(None, State.WARN, "does not say", id="no date"),
        pytest.param(UnreachableError("away"), State.WARN, "could not be asked: away", id="nobody answers"),
    ],
)
async def test_s23_clocks_that_differ_are_told(ahead: float | Exception | None, state: State, said: str) -> None:
    async def asked() -> float | None:
        if isinstance(ahead, Exception):
            raise ahead
        return ahead

    found = await leasecheck.clocks(asked)
    assert (found.state, said in found.detail, bool(found.todo)) == (state, True, state is not State.OK)
