"""Statuses of policies on their way to the API server: behind the decisions, some at a time, the latest of each policy.

A status is what a person reads; no decision waits for it, and it waits while decisions wait. What goes
before a scale write (a promise) does not wait in line: it takes along what was waiting, so that nothing older is ever
written after it. A status that says only what the next evaluation of its policy will say anyhow is held until that one.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from autoscaler.control.calm import Calm
from autoscaler.control.memory import PolicyId, identity
from autoscaler.errors import KubeError
from autoscaler.model.policy import Policy
from autoscaler.model.status import PolicyStatus
from autoscaler.telemetry import ControlTelemetry

log = structlog.get_logger(__name__)

LANES = 8
"""Statuses written at once."""


class StatusWriter(Protocol):
    """Brings a policy's status up to date; raises KubeError."""

    async def write(self, policy: Policy, status: PolicyStatus) -> object: ...


class _Letter(Struct, frozen=True):
    policy: Policy
    status: PolicyStatus


class Postbox:
    """Of one policy one status is written at a time. `run` sends what was posted until it is cancelled."""

    def __init__(self, policies: StatusWriter, telemetry: ControlTelemetry, calm: Calm) -> None:
        self._policies = policies
        self._calm = calm
        self._letters: dict[PolicyId, _Letter] = {}
        self._posted: dict[PolicyId, None] = {}
        self._turns: dict[PolicyId, asyncio.Lock] = {}
        self._news = asyncio.Event()
        telemetry.statuses_waiting.set_function(lambda: len(self._posted))

    def hold(self, policy: Policy, status: PolicyStatus) -> None:
        """Keep it for whatever is told of the policy next."""
        name = identity(policy)
        waiting = self._letters.get(name)
        self._letters[name] = _Letter(policy, status if waiting is None else over(waiting.status, status))

    def post(self, policy: Policy, status: PolicyStatus) -> None:
        """Have it written soon, unless something newer is posted before."""
        self.hold(policy, status)
        self._posted[identity(policy)] = None
        self._news.set()

    async def promise(self, policy: Policy, status: PolicyStatus) -> None:
        """Write it now, with what was waiting. Raises KubeError when it could not be put there."""
        name = identity(policy)
        try:
            async with self._turn(name):
                waiting = self._taken(name)
                try:
                    await self._policies.write(policy, status if waiting is None else over(waiting.status, status))
                except KubeError:
                    if waiting is not None:
                        self._letters.setdefault(name, waiting)
                    raise
        finally:
            self._news.set()

    async def run(self) -> None:
        """Send what is posted, for ever."""
        async with asyncio.TaskGroup() as group:
            for number in range(LANES):
                group.create_task(self._lane(), name=f"statuses {number}")

    async def flush(self) -> None:
        """Write everything that is there, also what is held; returns when it is done."""
        lanes = asyncio.Semaphore(LANES)

        async def send(name: PolicyId) -> None:
            async with lanes:
                await self._send(name)

        async with asyncio.TaskGroup() as group:
            for name in self._letters.keys() | self._turns.keys():
                group.create_task(send(name), name=f"status {name}")

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Drop what belongs to policies that are gone."""
        for gone in self._letters.keys() - policies:
            self._taken(gone)
        for gone in [name for name, turn in self._turns.items() if name not in policies and not turn.locked()]:
            del self._turns[gone]

    async def _lane(self) -> None:
        while True:
            await self._calm.calm()
            if (name := self._next()) is None:
                self._news.clear()
                await self._news.wait()
            else:
                await self._send(name)

    def _next(self) -> PolicyId | None:
        """The first that was posted and of whose policy nothing is being written."""
        return next((name for name in self._posted if not self._turn(name).locked()), None)

    async def _send(self, name: PolicyId) -> None:
        self._posted.pop(name, None)
        async with self._turn(name):
            letter = self._taken(name)
            if letter is None:
                return  # a promise took it along
            try:
                await self._policies.write(letter.policy, letter.status)
            except KubeError as exc:
                log.warning("Could not write the policy's status", policy=str(letter.policy.key), error=str(exc))
        self._news.set()

    def _taken(self, name: PolicyId) -> _Letter | None:
        self._posted.pop(name, None)
        return self._letters.pop(name, None)

    def _turn(self, name: PolicyId) -> asyncio.Lock:
        return self._turns.setdefault(name, asyncio.Lock())


def over(earlier: PolicyStatus, later: PolicyStatus) -> PolicyStatus:
    """What both say, the later one where both say something."""
    conditions = {each.type: each for each in (*earlier.conditions, *later.conditions)}
    return replace(
        later,
        current_replicas=earlier.current_replicas if later.current_replicas is None else later.current_replicas,
        desired_replicas=earlier.desired_replicas if later.desired_replicas is None else later.desired_replicas,
        metrics=earlier.metrics if later.metrics is None else later.metrics,
        conditions=tuple(conditions.values()),
        last_scale=earlier.last_scale if later.last_scale is None else later.last_scale,
        last_decision=later.last_decision or earlier.last_decision,
        settles=later.settles or earlier.settles,
        history=earlier.history if later.history is None else later.history,
    )
