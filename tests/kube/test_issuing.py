"""Replicas that share a Secret, through renewals, crashes and an API server that refuses."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from autoscaler.errors import ConflictError, ForbiddenError, KubeError, NotFoundError
from autoscaler.kube.issuing import LOOKS, Issuing
from autoscaler.kube.servingsecret import Stored
from autoscaler.model.certificate import Keyring, Pair
from tests.clock import FakeClock, settle

LIFE, OVERLAP = 3600.0, 60.0


class Shelf:
    """The Secret and what clients trust."""

    def __init__(self) -> None:
        self.ring, self.version = Keyring(), 1
        self.bundle = ""
        self.fault: KubeError | None = None
        self.trust_fault: KubeError | None = None

    async def read(self) -> Stored:
        if self.fault:
            raise self.fault
        return Stored(self.ring, str(self.version))

    async def write(self, over: Stored, ring: Keyring) -> Stored:
        if over.resource_version != str(self.version):
            raise ConflictError("modified", status=409)
        self.ring, self.version = ring, self.version + 1
        return await self.read()

    async def keep(self, pem: str) -> bool:
        if self.trust_fault:
            raise self.trust_fault
        there, self.bundle = self.bundle == pem, pem
        return there


class Replica:
    def __init__(self, shelf: Shelf, clock: FakeClock, *, leads: bool = True) -> None:
        self.leads, self.shown, self.shelf = leads, list[Pair](), shelf
        self.issuing = Issuing(
            shelf, shelf, names=("web.ours.svc",), lifetime=LIFE, overlap=OVERLAP,
            leads=lambda: self.leads, serve=self._serve, clock=clock,
        )  # fmt: skip

    def _serve(self, pair: Pair) -> None:
        assert pair.ca in self.shelf.bundle, "what is shown is trusted"
        self.shown.append(pair)


async def pass_(clock: FakeClock, seconds: float, *replicas: Replica) -> None:
    """Looks at their beat, for so long."""
    for _ in range(int(seconds * LOOKS / OVERLAP)):
        for each in replicas:
            await each.issuing.look()
        clock._elapsed += OVERLAP / LOOKS


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_who_leads_issues_and_all_show_the_same(shelf: Shelf, clock: FakeClock) -> None:
    one, other = Replica(shelf, clock), Replica(shelf, clock, leads=False)
    await pass_(clock, 20, other, one)
    assert one.shown == other.shown == [shelf.ring.serving]


async def test_who_follows_writes_nothing(shelf: Shelf, clock: FakeClock) -> None:
    other = Replica(shelf, clock, leads=False)
    await pass_(clock, LIFE, other)
    assert (shelf.ring, shelf.bundle, other.shown) == (Keyring(), "", [])


async def test_a26_old_and_new_are_trusted_from_before_to_after_the_change(shelf: Shelf, clock: FakeClock) -> None:
    one, other = Replica(shelf, clock), Replica(shelf, clock, leads=False)
    await pass_(clock, LIFE * 2 / 3, one, other)
    first = shelf.ring.serving
    assert first is not None
    await pass_(clock, OVERLAP * 2 / LOOKS, one, other)
    following = shelf.ring.following
    assert following is not None
    assert (first.ca in shelf.bundle, following.ca in shelf.bundle) == (True, True)
    assert one.shown == [first], "not shown before all have heard of its CA"
    await pass_(clock, OVERLAP + 20, one, other)
    assert one.shown == other.shown == [first, following]
    assert first.ca in shelf.bundle
    await pass_(clock, LIFE / 3, one, other)
    assert first.ca not in shelf.bundle
    assert one.shown == [first, following]


async def test_whoever_leads_next_goes_on_and_waits_a_whole_overlap_of_its_own(shelf: Shelf, clock: FakeClock) -> None:
    one = Replica(shelf, clock)
    await pass_(clock, LIFE * 2 / 3 + OVERLAP / 2, one)
    following, next_ = shelf.ring.following, Replica(shelf, clock)
    assert following is not None
    await pass_(clock, OVERLAP - 10, next_)
    assert shelf.ring.following == following
    await pass_(clock, 30, next_)
    assert shelf.ring.serving == following


async def test_a_ca_that_could_not_be_told_is_not_shown(shelf: Shelf, clock: FakeClock) -> None:
    one = Replica(shelf, clock)
    await pass_(clock, LIFE / 2, one)
    first = shelf.ring.serving
    shelf.trust_fault = ForbiddenError("no", status=403)
    await pass_(clock, LIFE / 3, one)
    assert one.shown == [first]
    assert one.issuing.problem == "no"
    shelf.trust_fault = None
    await pass_(clock, OVERLAP * 2, one)
    assert len(one.shown) == 2
    assert one.issuing.problem == ""


async def test_a_bundle_that_somebody_changed_is_put_right(shelf: Shelf, clock: FakeClock) -> None:
    one = Replica(shelf, clock)
    await pass_(clock, 20, one)
    wanted, shelf.bundle = shelf.bundle, "another"
    await pass_(clock, 10, one)
    assert shelf.bundle == wanted


async def test_two_that_believe_to_lead_end_with_one_certificate(shelf: Shelf, clock: FakeClock) -> None:
    one, other = Replica(shelf, clock), Replica(shelf, clock)
    async with asyncio.TaskGroup() as group:
        for each in (one, other):
            group.create_task(each.issuing.look())
    await pass_(clock, 20, one, other)
    assert one.shown[-1] == other.shown[-1] == shelf.ring.serving


@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        pytest.param(NotFoundError("not found", status=404), "the chart makes the Secret", id="there is none"),
        pytest.param(ForbiddenError("no", status=403), "get and patch on the Secret", id="it may not be read"),
        pytest.param(KubeError("gone"), "what was taken last is served", id="nobody answers"),
    ],
)
async def test_what_fails_is_told_once_with_what_to_do(
    shelf: Shelf, clock: FakeClock, fault: KubeError, hint: str
) -> None:
    one, shelf.fault = Replica(shelf, clock), fault
    with capture_logs() as logs:
        await pass_(clock, 60, one)
    [told] = logs
    assert told["hint"].startswith(hint)


async def test_it_looks_several_times_in_an_overlap(shelf: Shelf, clock: FakeClock) -> None:
    one = Replica(shelf, clock)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(one.issuing.run())
        await settle()
        assert len(one.shown) == 1
        shelf.bundle = ""
        await clock.advance(OVERLAP / LOOKS)
        assert shelf.bundle != ""
        running.cancel()
