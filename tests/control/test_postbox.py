"""Statuses go their way behind the decisions: the latest of each policy, one at a time, never an older one after it."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from autoscaler.control.calm import Calm
from autoscaler.control.memory import identity
from autoscaler.control.postbox import LANES, Postbox, over
from autoscaler.errors import ConflictError, UnreachableError
from autoscaler.model.policy import Condition, Policy
from autoscaler.model.status import Pending, PolicyStatus
from autoscaler.telemetry import ControlTelemetry
from tests.control.shop import policy

WEB, API = policy(name="web"), policy(name="api")
DONE = PolicyStatus(observed_generation=1, current_replicas=2, last_scale=5.0, last_decision="d-1", settles="d-1")
PENDING = Pending(decision="d-2", current=2, desired=4, resource_version="7", reason="AboveTarget")
PROMISE = PolicyStatus(observed_generation=1, desired_replicas=4, pending=PENDING, settles="d-1")


def status(size: int) -> PolicyStatus:
    return PolicyStatus(observed_generation=1, current_replicas=size)


class Peer:
    """Takes statuses, one after the other once `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.calm = Calm()
        self.written: list[tuple[str, PolicyStatus]] = []
        self.fault: Exception | None = None
        self.busy = self.most_busy = 0
        self.registry = CollectorRegistry()
        self.box = Postbox(self, ControlTelemetry(self.registry), self.calm)

    async def write(self, policy: Policy, status: PolicyStatus) -> None:
        self.busy += 1
        self.most_busy = max(self.busy, self.most_busy)
        try:
            await self.open.wait()
            if self.fault:
                raise self.fault
            self.written.append((policy.name, status))
        finally:
            self.busy -= 1

    @property
    def waiting(self) -> float | None:
        return self.registry.get_sample_value("autoscaler_statuses_waiting")


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_posted_is_written_behind_the_back_of_who_posted_it() -> None:
    peer = Peer()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(peer.box.run())
        await turns()
        peer.box.post(WEB, status(2))
        assert (peer.written, peer.waiting) == ([], 1)
        await turns()
        assert (peer.written, peer.waiting) == ([("web", status(2))], 0)
        running.cancel()


async def test_statuses_wait_while_others_come_first_and_promises_do_not() -> None:
    peer = Peer()
    async with asyncio.TaskGroup() as group:
        with peer.calm.waiting():
            running = group.create_task(peer.box.run())
            peer.box.post(WEB, status(2))
            await peer.box.promise(API, PROMISE)
            await turns()
            assert (peer.written, peer.waiting) == ([("api", PROMISE)], 1)
            peer.box.post(WEB, status(3))
        await turns()
        assert peer.written[1:] == [("web", status(3))]
        running.cancel()


async def test_of_one_policy_only_the_latest_is_written_and_one_at_a_time() -> None:
    peer = Peer()
    peer.open.clear()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(peer.box.run())
        for size in (1, 2, 3):
            peer.box.post(WEB, status(size))
            await turns()
        assert peer.most_busy == 1
        peer.open.set()
        await turns()
        running.cancel()
    assert [told.current_replicas for _, told in peer.written] == [1, 3]


async def test_a_few_are_written_at_once_however_many_there_are() -> None:
    peer = Peer()
    peer.open.clear()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(peer.box.run())
        for number in range(5 * LANES):
            peer.box.post(policy(name=f"p-{number}", uid=f"u-{number}"), status(2))
        await turns()
        assert peer.busy == LANES
        peer.open.set()
        await turns()
        running.cancel()
    assert len(peer.written) == 5 * LANES
    assert peer.most_busy == LANES


async def test_what_is_held_goes_with_the_next_and_loses_nothing() -> None:
    peer = Peer()
    peer.box.hold(WEB, DONE)
    assert peer.waiting == 0
    peer.box.post(WEB, status(4))
    await peer.box.flush()
    [(_, told)] = peer.written
    assert (told.current_replicas, told.last_scale, told.last_decision, told.settles) == (4, 5.0, "d-1", "d-1")


async def test_a_promise_takes_along_what_waits_and_nothing_older_comes_after_it() -> None:
    peer = Peer()
    peer.open.clear()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(peer.box.run())
        peer.box.post(WEB, status(1))
        await turns()
        peer.box.post(WEB, DONE)
        promised = group.create_task(peer.box.promise(WEB, PROMISE))
        await turns()
        assert not promised.done()
        peer.open.set()
        await turns()
        assert promised.done()
        running.cancel()
    first, second = (told for _, told in peer.written)
    assert first == status(1)
    assert (second.pending, second.desired_replicas, second.current_replicas, second.last_scale) == (PENDING, 4, 2, 5.0)


@pytest.mark.parametrize("fault", [UnreachableError("no"), ConflictError("leadership 8 decides", status=409)])
async def test_a_promise_that_cannot_be_given_is_an_error_and_what_waited_goes_on_waiting(fault: Exception) -> None:
    peer = Peer()
    peer.box.hold(WEB, DONE)
    peer.fault = fault
    with pytest.raises(type(fault)):
        await peer.box.promise(WEB, PROMISE)
    peer.fault = None
    await peer.box.flush()
    assert peer.written == [("web", DONE)]


async def test_a_status_that_cannot_be_written_keeps_no_other_from_it() -> None:
    peer = Peer()
    peer.fault = UnreachableError("no")
    peer.box.post(WEB, status(2))
    await peer.box.flush()
    peer.fault = None
    peer.box.post(API, status(3))
    await peer.box.flush()
    assert peer.written == [("api", status(3))]


async def test_what_is_held_of_a_policy_that_is_gone_is_dropped() -> None:
    peer = Peer()
    peer.box.post(WEB, status(2))
    peer.box.post(API, status(3))
    peer.box.forget_all_but({identity(API)})
    await peer.box.flush()
    assert peer.written == [("api", status(3))]


def test_of_two_statuses_the_later_one_counts_condition_by_condition() -> None:
    ready, able = (Condition(type=kind, status="True", reason="x", message="") for kind in ("Ready", "AbleToScale"))
    unready = Condition(type="Ready", status="False", reason="y", message="")
    earlier = PolicyStatus(observed_generation=1, conditions=(ready, able), last_decision="d-1")
    later = PolicyStatus(observed_generation=2, conditions=(unready,), last_decision="d-2")
    both = over(earlier, later)
    assert (both.observed_generation, both.conditions, both.last_decision) == (2, (unready, able), "d-2")
