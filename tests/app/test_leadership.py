"""Leader election in threads of their own, on the simulated API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from autoscaler.app.leadership import Leadership
from autoscaler.clock import SystemClock
from autoscaler.config.settings import LeaseSettings
from autoscaler.sim.resources import LEASES
from autoscaler.sim.world import Shape, World
from autoscaler.telemetry import Telemetry

SETTINGS = LeaseSettings(
    elect=True, lease_duration=2.0, renew_deadline=1.5, retry_period=0.2, name="who", namespace="kube-system"
)


def candidate(kubeconfig: Path, ended: list[str], alive: Callable[[], bool] = lambda: True) -> Leadership:
    return Leadership(
        SETTINGS, str(kubeconfig), clock=SystemClock(), alive=alive, telemetry=Telemetry(), end=ended.append
    )


async def until(predicate: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not predicate():
            await SystemClock().sleep(0.02)


@pytest.mark.timeout(60)
async def test_l04_two_on_one_host_are_two_and_one_follows_the_other(tmp_path: Path) -> None:
    ended: list[str] = []
    async with World(SystemClock(), Shape(nodes=1)) as world:
        kubeconfig = world.kubeconfig(tmp_path / "kubeconfig")
        first, second = candidate(kubeconfig, ended), candidate(kubeconfig, ended)
        assert "not lead yet" in first.refusal()
        assert first.epoch is None

        def holder() -> str:
            return str(world.store.get(LEASES, SETTINGS.namespace, SETTINGS.name)["spec"]["holderIdentity"])

        first.start()
        await until(lambda: first.epoch is not None)
        before = holder()
        second.start()
        await first.resign()
        await until(lambda: second.epoch is not None)
        assert holder() != before
        assert second.refusal() == ""
        assert "does not lead" in first.refusal()
        await second.resign()
        assert holder() == ""
        assert ended == []


@pytest.mark.timeout(60)
async def test_l05_who_stands_still_ends(tmp_path: Path) -> None:
    ended: list[str] = []
    async with World(SystemClock(), Shape(nodes=1)) as world:
        living = [True]
        one = candidate(world.kubeconfig(tmp_path / "kubeconfig"), ended, alive=lambda: living[0])
        one.start()
        await until(lambda: one.epoch is not None)
        living[0] = False
        await until(lambda: bool(ended))
        assert one.refusal() != ""
        await one.resign()


async def test_one_that_never_began_has_nothing_to_give_up(tmp_path: Path) -> None:
    await candidate(tmp_path / "none", []).resign()
