"""What the spool does on a disk that is full, really: a file system in memory, mounted where only this process sees it.

`unshare --mount python -m tests.faults.fulldisk SCENARIO DIRECTORY`: what was found, as JSON on stdout.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import structlog

from autoscaler.audit import room
from autoscaler.audit.entry import Entry
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.room import OnFull
from autoscaler.audit.spool import Spool
from autoscaler.audit.spoolfile import FILE_NAME, PAGE_SIZE
from autoscaler.audit.verify import Number, verify
from autoscaler.errors import AuditError, ConfigError, SpoolFullError
from autoscaler.telemetry import Telemetry
from tests.audit.samples import NOON, decision
from tests.control.shop import Shop

DISK = 48 << 20
SMALL = 20 << 20
INODES = 8
BODY = b"x" * 1400
Found = dict[str, Any]


def entry(*, spare: bool = False) -> Entry:
    return Entry("shop/Deployment/web", NOON, changed=not spare, body=BODY, spare=spare)


def spool_in(directory: Path, on_full: OnFull = OnFull.SHED) -> Spool:
    return Spool(directory, now=NOON, forwarding=True, max_bytes=1 << 30, on_full=on_full)


def fill(spool: Spool) -> int:
    """How many records were taken until one was refused."""
    count = 0
    for group in (100, 1):
        with suppress(SpoolFullError):
            while True:
                spool.append([entry()] * group)
                count += group
    return count


def take_the_rest(directory: Path) -> None:
    """Somebody else writes until there is not a byte left."""
    with suppress(OSError), (directory / "of somebody else").open("wb", buffering=0) as file:
        while True:  # until no space is left on the device
            file.write(b"x" * 4096)


def smaller_than_allowed(directory: Path) -> Found:
    """A spool that may become larger than its disk."""
    spool = spool_in(directory)
    while all(spool.append([entry(spare=True), *[entry()] * 100])):
        pass
    crowded = spool.backlog()[0]
    fill(spool)
    full = spool.backlog()[0]
    rounds = []
    for _ in range(3):  # delivered records make room, again and again
        sent = spool.undelivered(1 << 30, 1 << 20)
        spool.delivered(sent[-1].position)
        rounds.append(fill(spool))
    disk = os.statvfs(directory)
    return {
        "crowded": crowded / full,
        "first": full,
        "rounds": rounds,
        "left": disk.f_bavail * disk.f_frsize,
        "whole": verdict(directory),
    }


def hardly_larger(directory: Path) -> Found:
    """Than what is kept free of it: the log beside the file is much of the rest."""
    spool, rounds = spool_in(directory), []
    for _ in range(4):
        rounds.append(fill(spool))
        spool.delivered(spool.undelivered(1 << 30, 1 << 20)[-1].position)
    disk = os.statvfs(directory)
    return {"rounds": rounds, "left": disk.f_bavail * disk.f_frsize, "whole": verdict(directory)}


def filled_by_others(directory: Path) -> Found:
    """The disk is full although the spool is not; then it is not any more."""
    spool = spool_in(directory)
    for _ in range(50):
        spool.append([entry()] * 100)
    take_the_rest(directory)
    refused = fill(spool)
    sent = []
    for _ in range(20):  # Kafka goes on
        sent += (some := spool.undelivered(1 << 20, 200))
        spool.delivered(some[-1].position)
    (directory / "of somebody else").unlink()
    spool.append([entry()] * 100)
    left = spool.backlog()[0]
    spool.close()
    again = spool_in(directory)
    return {
        "taken": refused,
        "sent": len({each.position for each in sent}),
        "left": left,
        "left after a restart": again.backlog()[0],
        "aside": again.aside is not None,
        "whole": verdict(directory),
    }


def damaged(directory: Path) -> Found:
    """A spool that is damaged when there is no room for it twice."""
    with closing(spool_in(directory)) as spool:
        while room.used_pages(spool._db) < (20 << 20) // PAGE_SIZE:
            spool.append([entry()] * 100)
        count = spool.backlog()[0]
    with closing(sqlite3.connect(directory / FILE_NAME)) as db:
        [page] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'changes_of_target'").fetchone()
    with (directory / FILE_NAME).open("r+b") as file:
        file.seek((page - 1) * PAGE_SIZE)
        file.write(b"\xff" * PAGE_SIZE)
    spool = spool_in(directory)
    first, numbers = spool.saved, []
    while sent := spool.undelivered(1 << 20, 200):  # Kafka takes them, and decisions go on
        spool.delivered(sent[-1].position)
        numbers += [Number(each.key, each.epoch, each.seq, each.shed) for each in sent]
        if spool.saved.waiting:
            spool.append([entry()])
    verdict = verify(numbers)
    return {
        "some waited": 0 < first.waiting < count,
        "all came": [spool.saved.waiting, spool.saved.lost, len(numbers) >= count],
        "whole": verdict.whole and not verdict.duplicates,
    }


def refused(directory: Path) -> Found:
    """Changes that a disk without a byte does not take, and what is seen of them once there is room."""
    spool = spool_in(directory)
    spool.append([entry()])
    take_the_rest(directory)
    lost = 0
    for _ in range(20):
        try:
            spool.append([entry()])
        except AuditError:
            lost += 1
    (directory / "of somebody else").unlink()
    spool.append([entry()])
    with SpoolReader(directory) as reader:
        return {
            "lost": lost,
            "numbers": [[each.seq, each.shed] for each in reader.records()][-1],
            "whole": verdict(directory),
        }


def no_inodes(directory: Path) -> Found:
    """A disk with room, that takes no new file: told with what to do; a spool that is open needs none."""
    spool = spool_in(directory)
    spool.append([entry()])
    take_the_names(directory)
    spool.append([entry()])
    spool.close()
    (directory / FILE_NAME).rename(directory / "first.db")
    take_the_names(directory)
    (directory / "0").unlink()
    try:
        spool_in(directory)
    except ConfigError as exc:
        return {"told": str(exc).rpartition("; ")[2], "numbers": verdict_of(directory)}
    return {}


def killed(directory: Path) -> Found:
    """Again and again, by SIGKILL, without Kafka, while others leave no byte; then there is room again."""
    acknowledged: list[int] = []
    for life in range(3):
        told, tell = os.pipe()
        if not (child := os.fork()):
            spool = spool_in(directory)
            for number in range(200):
                if number == 100 * life // 2:
                    take_the_rest(directory)
                with suppress(AuditError):
                    spool.append([entry()])
                    os.write(tell, b".")
            os.kill(os.getpid(), signal.SIGKILL)
        os.close(tell)
        with os.fdopen(told, "rb") as file:
            acknowledged.append(len(file.read()))
        how = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        (directory / "of somebody else").unlink()
        if how != -signal.SIGKILL:
            return {"ended": how}
    with closing(spool_in(directory)) as spool:
        spool.append([entry()])
        waiting = len(spool.undelivered(1 << 30, 1 << 20))
    return {
        "refused some": sum(acknowledged) < 600,
        "lost": sum(acknowledged) + 1 - waiting,
        "whole": verdict(directory),
    }


def take_the_names(directory: Path) -> None:
    """Somebody else makes files until there is no inode left."""
    with suppress(OSError):
        for number in range(INODES):
            (directory / str(number)).touch()


def verdict_of(directory: Path) -> list[int]:
    """The numbers in the first file, which is put back."""
    (directory / "first.db").replace(directory / FILE_NAME)
    with SpoolReader(directory) as reader:
        return [each.seq for each in reader.records()]


def scaled(directory: Path, on_full: OnFull) -> Found:
    """A target whose load rises while the disk is full, and once there is room again."""
    spool = spool_in(directory, on_full)
    fill(spool)

    async def decide() -> Found:
        shop = Shop()
        async with Outbox(spool, shop.clock, Telemetry().audit, patience=30.0) as box:
            shop.reconciler._teller._journal = box
            logged: list[Any] = []
            structlog.configure(processors=[lambda _logger, _name, event: logged.append(event) or ""])  # type: ignore[func-returns-value]  # it takes everything
            first = await shop.evaluated()
            puts = len(shop.written)
            told = shop.condition("AuditDelivered").reason
            await box.delivered((await box.undelivered(1 << 30, 1 << 20))[-1].position)
            await box.record(decision(1))
            second = await shop.evaluated()
            return {
                "first": [first.outcome.value, puts, first.error],
                "told": told,
                "in the log": [json.loads(each["record"])["id"] == first.id for each in logged if "record" in each],
                "second": [second.outcome.value, len(shop.written)],
            }

    return asyncio.run(decide())


def verdict(directory: Path) -> bool:
    """Whether every number that is not there was told."""
    with SpoolReader(directory) as reader:
        return verify(
            (Number(each.key, each.epoch, each.seq, each.shed) for each in reader.records()), from_start=False
        ).whole


OPTIONS = {"hardly larger": f"size={SMALL}", "no inodes": f"size={DISK},nr_inodes={INODES}"}
SCENARIOS: dict[str, Callable[[Path], Found]] = {
    "smaller than allowed": smaller_than_allowed,
    "hardly larger": hardly_larger,
    "filled by others": filled_by_others,
    "damaged": damaged,
    "refused": refused,
    "no inodes": no_inodes,
    "killed": killed,
    "shed": lambda directory: scaled(directory, OnFull.SHED),
    "halt": lambda directory: scaled(directory, OnFull.HALT),
}


def main(scenario: str, directory: Path) -> None:
    """Mount, and look."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", OPTIONS.get(scenario, f"size={DISK}"), "tmpfs", directory], check=True
    )
    try:
        print(json.dumps(SCENARIOS[scenario](directory)))  # noqa: T201 - the answer
    except AuditError as exc:
        sys.exit(f"{type(exc).__name__}: {exc}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
