"""A sweep over policies that a test edits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from autoscaler.control.calm import Calm
from autoscaler.control.memory import Memory
from autoscaler.control.sweep import Pace, Sweep
from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.objects import ObjectKey
from autoscaler.model.plan import Action
from autoscaler.model.policy import Policy, TargetRef
from autoscaler.model.reason import Reason
from tests.clock import FakeClock, settle

WEB = ObjectKey("shop", "web")


def policy(name: str = "web", generation: int = 1) -> Policy:
    target = TargetRef("apps/v1", "Deployment", name)
    return Policy(
        kind="HorizontalPodScaler", namespace="shop", name=name, uid=name, generation=generation, target=target
    )


class World:
    """Policies that a test edits, and an evaluator that notes when it was asked and takes as long as the test wants."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.known: dict[ObjectKey, Policy] = {}
        self.seen: list[tuple[float, str, int]] = []
        self.takes = 0.0
        self.running = self.most = 0
        self.broken: Exception | None = None
        self.outcome = Outcome.HELD
        self.slow: set[str] = set()
        self.release = asyncio.Event()
        self.calm = Calm()

    def policies(self) -> dict[ObjectKey, Policy]:
        return self.known

    async def reconcile(self, policy: Policy) -> Decision:
        self.seen.append((self.clock.monotonic(), policy.name, policy.generation))
        self.running += 1
        self.most = max(self.most, self.running)
        if self.takes:
            await self.clock.sleep(self.takes)
        if policy.name in self.slow:
            await self.release.wait()
        self.running -= 1
        if self.broken:
            raise self.broken
        return Decision(
            id="1", time="", target=policy.target, namespace="shop", policy=PolicyRef("", "", "", "", 0),
            action=Action.HOLD, outcome=self.outcome, current=1, desired=1, reason=Reason.ON_TARGET,
        )  # fmt: skip

    def times(self, name: str = "web") -> list[float]:
        return [at for at, seen, _ in self.seen if seen == name]


@asynccontextmanager
async def sweeping(world: World, concurrency: int = 32, *, gate: bool = True) -> AsyncIterator[Sweep]:
    pace = Pace(sync_period=15, evaluation_interval=5, concurrency=concurrency)
    sweep = Sweep(
        policies=world,
        evaluator=world,
        memories=(Memory(15, world.clock),),
        pace=pace,
        clock=world.clock,
        known=lambda _: None,
        calm=world.calm,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(sweep.run())
        if gate:
            sweep.open_gate()
        await settle()
        yield sweep
        sweep.stop()
        await world.clock.advance(world.takes)
