"""When each policy's status first named the leadership that is about to begin: followed by a watch."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.contenders import Simulated

HPS = "/apis/hpa-companion.dev/v1alpha1/horizontalpodscalers"


class Statuses:
    """`at`: by namespace/name, when the API server told of the first status of another leadership; seconds since 1970.

    Only policies count that were there when it began.
    """

    def __init__(self, listed: dict[str, Any]) -> None:
        self.at: dict[str, float] = {}
        self._before = {_name(item): _leadership(item) for item in listed["items"]}

    @property
    def complete(self) -> bool:
        """Whether every policy has one."""
        return len(self.at) >= len(self._before)

    def told(self, line: bytes) -> None:
        """A line of the watch."""
        item = json.loads(line)["object"]
        name = _name(item)
        if name in self._before and name not in self.at and _leadership(item) != self._before[name]:
            self.at[name] = time.time()


@contextmanager
def following(world: Simulated) -> Iterator[Statuses]:
    """What is written from now on."""
    listed = json.loads(world.server().get(HPS))
    statuses, version = Statuses(listed), listed["metadata"]["resourceVersion"]
    with world.watch(f"{HPS}?watch=true&timeoutSeconds=600&resourceVersion={version}") as lines:

        def read() -> None:
            for line in lines:
                statuses.told(line)
                if statuses.complete:
                    return

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        yield statuses


def _name(item: dict[str, Any]) -> str:
    return f"{item['metadata'].get('namespace', '')}/{item['metadata'].get('name', '')}"


def _leadership(item: dict[str, Any]) -> object:
    return item.get("status", {}).get("leadership")
