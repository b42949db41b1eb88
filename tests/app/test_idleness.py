"""That nothing is decided for want of policies stands in the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from structlog.testing import capture_logs

from autoscaler.app.idleness import tell_idleness
from autoscaler.model.objects import ObjectKey
from tests.clock import settle

WEB, API = ObjectKey("shop", "web"), ObjectKey("shop", "api")
YET = "No HorizontalPodScaler yet: nothing to decide"
ANY_MORE = "No HorizontalPodScaler any more: nothing to decide"


class Policies:
    """A cache that is filled by the test."""

    def __init__(self) -> None:
        self.found: dict[ObjectKey, object] = {}
        self.synced = asyncio.Event()
        self._changed: asyncio.Queue[ObjectKey] = asyncio.Queue()

    async def wait_synced(self) -> None:
        await self.synced.wait()

    def policies(self) -> Mapping[ObjectKey, object]:
        return self.found

    async def policy_changes(self) -> AsyncIterator[ObjectKey]:
        while True:
            yield await self._changed.get()

    async def become(self, *keys: ObjectKey) -> None:
        changed = self.found.keys() ^ set(keys)
        self.found = dict.fromkeys(keys)
        for key in changed:
            self._changed.put_nowait(key)
        await settle()


async def told(policies: Policies, *steps: tuple[ObjectKey, ...]) -> list[str]:
    """The lines of a cache that is synced as it is, and then becomes one after the other."""
    async with asyncio.TaskGroup() as group:
        with capture_logs() as lines:
            task = group.create_task(tell_idleness(policies), name="idleness")
            await settle()
            assert lines == [], "nobody knows yet"
            policies.synced.set()
            await settle()
            for step in steps:
                await policies.become(*step)
        task.cancel()
    assert {line["log_level"] for line in lines} <= {"info"}
    return [line["event"] for line in lines]


async def test_a_cluster_without_policies_is_told_once_and_again_when_the_last_one_goes() -> None:
    assert await told(Policies(), (WEB,), (WEB, API), (API,), (), (WEB,), ()) == [YET, ANY_MORE, ANY_MORE]


async def test_where_there_are_policies_nothing_is_said() -> None:
    policies = Policies()
    policies.found = {WEB: None}
    assert await told(policies, (WEB, API), (API,)) == []
