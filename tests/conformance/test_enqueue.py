"""Upstream's table of what an update of the object does to the queue: at once only when the spec is another."""

import asyncio

import pytest

from autoscaler.control.calm import Calm
from autoscaler.control.memory import Memory
from autoscaler.control.sweep import Pace, Sweep
from autoscaler.model.objects import ObjectKey
from autoscaler.model.policy import Policy, TargetRef
from tests.clock import FakeClock, settle
from tests.conformance.upstream import cases

KEY = ObjectKey("test", "hpa")
PERIOD = 15.0


def policy(generation):
    target = TargetRef("apps/v1", "Deployment", "target")
    return Policy(
        kind="HorizontalPodAutoscaler", namespace="test", name="hpa", uid="u", generation=generation, target=target
    )


class World:
    """One policy, and the times at which it was evaluated."""

    def __init__(self, generation):
        self.clock = FakeClock()
        self.known = {KEY: policy(generation)}
        self.evaluated = []

    def policies(self):
        return self.known

    async def reconcile(self, _):
        self.evaluated.append(self.clock.monotonic())


@pytest.mark.parametrize("case", cases("enqueue_update"))
async def test_an_update_is_queued(case):
    """An object of an unrecognized type (a generation of null) is one that our cache does not hold: nothing changed."""
    known = case["old_generation"] or case["new_generation"]
    world = World(known)
    sweep = Sweep(
        policies=world,
        evaluator=world,
        memories=[Memory(PERIOD, world.clock)],
        pace=Pace(sync_period=PERIOD),
        clock=world.clock,
        known=lambda _: None,
        calm=Calm(),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(sweep.run())
        sweep.open_gate()
        await settle()
        await world.clock.advance(1)
        world.known = {KEY: policy(case["new_generation"] or known)}
        sweep.changed()
        await settle()
        at_once = len(world.evaluated) > 1
        await world.clock.advance(PERIOD - 1)
        sweep.stop()
    assert at_once is case["expect"]["immediate"]
    assert (world.evaluated[-1] == PERIOD) is case["expect"]["delayed"]
