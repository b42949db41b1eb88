"""Which targets are evaluated, and when.

A policy is due when it is new or its spec changed (not more often than every `EDIT_SECONDS`), when fresh samples of its
pods came in (not more often than every `evaluation_interval`), and at the latest one `sync_period` (its own, if it has
one) after its last evaluation. One whose write was refused, since its target had changed meanwhile, is due again soon:
a Deployment that was just made is changed by its controller. One policy is never evaluated twice at once; at most
`concurrency` are evaluated at the same time, and as many of those that ask adapters: an adapter that hangs keeps no
other policy waiting. Nothing starts before `open_gate` is called: a cold cache decides nothing.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Protocol

import structlog
from msgspec import Struct

from autoscaler.clock import Clock
from autoscaler.control.calm import Calm
from autoscaler.control.memory import PolicyId, identity
from autoscaler.core.evaluation import VALUE_TYPES
from autoscaler.errors import AutoscalerError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.objects import ObjectKey
from autoscaler.model.policy import Policy

log = structlog.get_logger(__name__)


EDIT_SECONDS = 1.0
"""So long after an evaluation edits of the spec are collected: who edits in a loop has the last one looked at.
So long after a refused write the next evaluation is due, twice as long after the next one in a row."""


class Policies(Protocol):
    """Policies as they are known here, by namespace and name."""

    def policies(self) -> Mapping[ObjectKey, Policy]: ...


class Evaluator(Protocol):
    """One evaluation."""

    async def reconcile(self, policy: Policy) -> Decision: ...


class Forgetful(Protocol):
    """What is remembered of policies, and must not outlive them."""

    def forget_all_but(self, policies: set[PolicyId]) -> None: ...


class Pace(Struct, frozen=True, kw_only=True):
    """All in seconds but `concurrency`."""

    sync_period: float = 15.0
    evaluation_interval: float = 5.0
    concurrency: int = 32


class Sweep:
    """Runs until stopped; `changed` and `fresh` may be called from any callback of the same loop.

    `known` is told how many policies there are; `calm` when more are due than may be evaluated at once (those that ask
    adapters apart: they wait for somebody else).
    """

    def __init__(
        self,
        *,
        policies: Policies,
        evaluator: Evaluator,
        memories: Sequence[Forgetful],
        pace: Pace,
        clock: Clock,
        known: Callable[[int], object],
        calm: Calm,
    ) -> None:
        self._policies = policies
        self._evaluator = evaluator
        self._memories = memories
        self._pace = pace
        self._clock = clock
        self._known = known
        self._calm = calm
        self._due: dict[ObjectKey, float] = {}
        self._queue: list[tuple[float, ObjectKey]] = []
        self._last: dict[ObjectKey, float] = {}
        self._generation: dict[ObjectKey, tuple[str, int]] = {}
        self._refused: dict[ObjectKey, int] = {}
        self._busy: set[ObjectKey] = set()
        self._fresh_while_busy: set[ObjectKey] = set()
        self._stopping = False
        self._wake = asyncio.Event()
        self._asleep_until = math.inf
        self._gate = asyncio.Event()
        self.decisions = 0

    def open_gate(self) -> None:
        """There is something to decide from, and it is ours to decide: begin."""
        self._gate.set()

    def close_gate(self) -> None:
        """It is not ours to decide: begin nothing more until the gate is opened again."""
        self._gate.clear()
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more; `run` returns when what was begun is done."""
        self._stopping = True
        self._gate.set()
        self._wake.set()

    def changed(self) -> None:
        """The set of policies or a spec may have changed: look."""
        known = self._policies.policies()
        for key, policy in known.items():
            mark = (policy.uid, policy.generation)
            if self._generation.get(key) != mark:
                self._generation[key] = mark
                self._set_due(key, self._after_edit(key))
        for gone in self._generation.keys() - known.keys():
            for table in (self._generation, self._due, self._last, self._refused):
                table.pop(gone, None)
        there = {identity(policy) for policy in known.values()}
        for memory in self._memories:
            memory.forget_all_but(there)
        self._known(len(known))

    def fresh(self, keys: set[ObjectKey]) -> None:
        """Samples of pods of these policies came in."""
        now = self._clock.monotonic()
        for key in keys & self._generation.keys():
            if key in self._busy:
                self._fresh_while_busy.add(key)
                continue
            soonest = max(self._last.get(key, now) + self._pace.evaluation_interval, now)
            if soonest < self._due.get(key, now + self._sync_period(key)):
                self._set_due(key, soonest)

    async def run(self) -> None:
        """Evaluate what is due until stopped; what was begun then is finished."""
        await self._gate.wait()
        self.changed()
        lanes = {asking: asyncio.Semaphore(self._pace.concurrency) for asking in (False, True)}
        async with asyncio.TaskGroup() as group:
            while await self._next_due():
                for key in self._take_due():
                    group.create_task(self._one(key, lanes), name=f"evaluate {key}")

    async def _one(self, key: ObjectKey, lanes: Mapping[bool, asyncio.Semaphore]) -> None:
        asks = self._asks_adapters(key)
        with self._calm.waiting() if lanes[asks].locked() and not asks else nullcontext():
            await lanes[asks].acquire()
        try:
            await self._evaluated(key)
        finally:
            lanes[asks].release()

    async def _evaluated(self, key: ObjectKey) -> None:
        mark, self._last[key] = self._generation.get(key), self._clock.monotonic()
        try:
            policy = self._policies.policies().get(key)
            if policy is not None and self._gate.is_set() and not self._stopping:
                self._count_refused(key, await self._evaluator.reconcile(policy))
                self.decisions += 1
        except AutoscalerError as exc:
            log.error("Could not evaluate a policy", policy=str(key), error=str(exc))
        except Exception:  # a defect of ours over one policy is no reason to scale none
            log.exception("Failed over a policy, which is a defect: please report it", policy=str(key))
        finally:
            self._busy.discard(key)
            self._again(key, mark)

    def _count_refused(self, key: ObjectKey, decision: Decision) -> None:
        if decision.outcome is Outcome.CONFLICTED:
            self._refused[key] = self._refused.get(key, 0) + 1
        else:
            self._refused.pop(key, None)

    def _asks_adapters(self, key: ObjectKey) -> bool:
        policy = self._policies.policies().get(key)
        return policy is not None and any(spec.type in VALUE_TYPES for spec in policy.metrics)

    def _again(self, key: ObjectKey, mark: tuple[str, int] | None) -> None:
        """Set when `key` is due next: at once if its spec changed during the evaluation, soon if samples came in."""
        fresh = key in self._fresh_while_busy
        self._fresh_while_busy.discard(key)
        if key not in self._generation:
            self._last.pop(key, None)
        elif self._generation[key] != mark:
            self._set_due(key, self._after_edit(key))
        else:
            latest = min(self._sync_period(key), self._after_refusal(key))
            self._set_due(key, self._last[key] + (min(self._pace.evaluation_interval, latest) if fresh else latest))

    def _after_refusal(self, key: ObjectKey) -> float:
        """Seconds from an evaluation to the next; endless when its write was not refused."""
        refused = self._refused.get(key, 0)
        return math.ldexp(EDIT_SECONDS, min(refused, 30) - 1) if refused else math.inf

    def _after_edit(self, key: ObjectKey) -> float:
        now = self._clock.monotonic()
        return max(now, self._last.get(key, -math.inf) + EDIT_SECONDS)

    def _sync_period(self, key: ObjectKey) -> float:
        """The policy's own, or everybody's."""
        policy = self._policies.policies().get(key)
        own = policy.deviations.sync_period if policy else None
        return self._pace.sync_period if own is None else own

    def _set_due(self, key: ObjectKey, at: float) -> None:
        self._due[key] = at
        heapq.heappush(self._queue, (at, key))
        if at < self._asleep_until:
            self._wake.set()

    async def _next_due(self) -> bool:
        """Return when the first entry of the queue may be due and the gate is open; False when stopping."""
        while not self._stopping:
            if not self._gate.is_set():
                await self._gate.wait()
                self.changed()
                continue
            self._wake.clear()
            self._asleep_until = self._queue[0][0] if self._queue else math.inf
            wait = self._asleep_until - self._clock.monotonic()
            if wait <= 0:
                return True
            await self._sleep_or_wake(wait)
        return False

    async def _sleep_or_wake(self, seconds: float) -> None:
        if seconds == math.inf:
            await self._wake.wait()
            return
        async with asyncio.TaskGroup() as group:
            woken = group.create_task(self._wake.wait(), name="sweep wake")
            slept = group.create_task(self._clock.sleep(seconds), name="sweep sleep")
            await asyncio.wait((woken, slept), return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
            slept.cancel()

    def _take_due(self) -> list[ObjectKey]:
        """Keys whose time has come, each once; one that is being evaluated is set anew when it is done."""
        now, taken = self._clock.monotonic(), []
        while self._queue and self._queue[0][0] <= now:
            at, key = heapq.heappop(self._queue)
            if self._due.get(key) == at and key not in self._busy:
                del self._due[key]
                self._busy.add(key)
                taken.append(key)
        return taken
