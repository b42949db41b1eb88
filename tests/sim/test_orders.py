from __future__ import annotations

import pytest

from autoscaler.sim.kubelets import Fault
from autoscaler.sim.orders import ANNOTATION, Orders
from autoscaler.sim.resources import NODES
from autoscaler.sim.world import Shape, World
from tests.clock import FakeClock


@pytest.fixture
def world() -> World:
    world = World(FakeClock(), Shape(nodes=2))
    for name in world.kubelets:
        world.store.create(NODES, "", {"metadata": {"name": name}})
    return world


def order(world: World, word: str | None) -> None:
    world.store.merge(NODES, "", "node-1", {"metadata": {"annotations": {ANNOTATION: word}}})


async def test_a_word_is_obeyed_by_that_kubelet_alone_until_it_is_taken_back(world: World) -> None:
    orders = Orders(world.store, world.kubelets)
    order(world, "hang")
    await orders.step()
    assert [each.fault for each in world.kubelets.values()] == [Fault.HANG, Fault.NONE]
    order(world, None)
    await orders.step()
    assert world.kubelets["node-1"].fault is Fault.NONE


async def test_other_changes_of_a_node_and_unknown_words_order_nothing(world: World) -> None:
    orders = Orders(world.store, world.kubelets)
    await world.kubelets["node-1"].set_fault(Fault.ERROR)
    world.store.merge(NODES, "", "node-1", {"metadata": {"labels": {"zone": "a"}}})
    order(world, "dance")
    world.store.create(NODES, "", {"metadata": {"name": "node-9"}})
    await orders.step()
    assert world.kubelets["node-1"].fault is Fault.ERROR
