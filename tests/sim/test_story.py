from __future__ import annotations

import asyncio

from autoscaler.sim import story
from autoscaler.sim.kubelets import Fault
from autoscaler.sim.resources import POD_SCALERS
from autoscaler.sim.story import BEATS, CART, LENGTH, VICTIM, WEB, Beat
from tests.clock import FakeClock


def test_beats_are_in_order_and_end_before_the_story_does() -> None:
    times = [beat.at for beat in BEATS]
    assert times == sorted(times)
    assert times[-1] < LENGTH <= 95


def test_the_load_rises_before_the_kubelet_dies_and_falls_after_it_is_back() -> None:
    died, back = (beat.at for beat in BEATS if beat.fault is not None)
    assert WEB.cpu.at(0) * 5 < WEB.cpu.at(died) == WEB.cpu.at(back)
    assert WEB.cpu.at(LENGTH) < WEB.cpu.at(back) / 5
    assert CART.memory.at(LENGTH) > CART.memory.at(0)


def test_the_node_is_back_before_kubernetes_would_give_it_up() -> None:
    died, back = (beat.at for beat in BEATS if beat.fault is not None)
    assert back - died < 40


async def test_the_stage_has_a_policy_for_each_deployment() -> None:
    async with story.stage(FakeClock()) as world:
        policies = world.store.all(POD_SCALERS)
        assert [each["spec"]["scaleTargetRef"]["name"] for each in policies] == ["cart", "web"]
        assert VICTIM in world.kubelets
        assert world.deployment("shop", "web")["status"]["readyReplicas"] == 2


async def test_each_beat_is_told_in_its_time_after_what_it_does() -> None:
    beats = (Beat(0, "begin"), Beat(10, "dies", Fault.DEAD), Beat(20, "back", Fault.NONE))
    clock = FakeClock()
    heard: list[tuple[float, str, Fault]] = []
    async with story.stage(clock) as world, asyncio.TaskGroup() as group:

        async def listen() -> None:
            telling = story.told(world, beats, length=25)
            heard.extend([(world.elapsed(), beat.caption, world.kubelets[VICTIM].fault) async for beat in telling])

        listening = group.create_task(listen())
        while not listening.done():
            await clock.advance(0.25)
            await asyncio.sleep(0.001)
        assert world.elapsed() >= 25
    assert [(caption, fault) for _, caption, fault in heard] == [
        ("begin", Fault.NONE),
        ("dies", Fault.DEAD),
        ("back", Fault.NONE),
    ]
    assert [at for at, _, _ in heard] == sorted(at for at, _, _ in heard)
