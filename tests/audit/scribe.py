"""A process that records decisions until it is killed, and says of each when it was told that it is durable.

`python -m tests.audit.scribe DIRECTORY ROUND`: one line `TARGET NUMBER` on stdout per acknowledged record.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from autoscaler.audit.outbox import Outbox
from autoscaler.audit.spool import Spool
from autoscaler.clock import SystemClock
from autoscaler.telemetry import Telemetry
from tests.audit.samples import decision

WRITERS = 8


async def write(outbox: Outbox, target: str, number: int) -> None:
    while True:
        await outbox.record(decision(number, target))
        sys.stdout.write(f"{target} {number}\n")
        sys.stdout.flush()
        number += 1


async def main(directory: Path, first: int) -> None:
    spool = Spool(directory, now=SystemClock().now(), forwarding=True)
    async with Outbox(spool, SystemClock(), Telemetry().audit, patience=30) as outbox, asyncio.TaskGroup() as group:
        for index in range(WRITERS):
            group.create_task(write(outbox, f"web{index}", first))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) * 1_000_000))
