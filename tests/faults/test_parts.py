"""The parts of the whole program: one that fails takes the others with it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from autoscaler.app import Application
from autoscaler.app.scaling import Parts
from autoscaler.clock import SystemClock
from autoscaler.config.settings import Settings
from autoscaler.sim.world import Shape, World
from tests.program import settings


class Faulty(Application):
    """One of its parts fails once everything is served; "" for none."""

    def __init__(self, settings: Settings, part: str = "") -> None:
        super().__init__(settings)
        self._part = part
        self.parts: tuple[str, ...] = ()

    def _built(self, *built: Any) -> Parts:
        parts = super()._built(*built)
        self.parts = tuple(parts)
        whole = parts.get(self._part)

        async def fails() -> None:
            async with asyncio.TaskGroup() as group:
                if self._part == "server" and whole is not None:
                    group.create_task(whole())
                await self.server.started.wait()
                raise ZeroDivisionError(self._part)

        return {**parts, self._part: fails} if whole is not None else parts


@pytest.mark.timeout(120)
async def test_p08_whichever_part_fails_nothing_goes_on_without_it(tmp_path: Path) -> None:
    async with World(SystemClock(), Shape(nodes=1)) as world:
        kubeconfig = world.kubeconfig(tmp_path / "kubeconfig")

        def made(part: str = "") -> Faulty:
            return Faulty(settings(tmp_path / (part or "none"), kubeconfig), part)

        stop, sound = asyncio.Event(), made()
        stop.set()
        await sound.run(stop)
        assert {"sweep", "cluster", "scraper", "server", "gate", "heartbeat"} <= set(sound.parts)
        for part in sound.parts:
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.timeout(30):
                    await made(part).run(asyncio.Event())
            assert caught.group_contains(ZeroDivisionError, match=part)
