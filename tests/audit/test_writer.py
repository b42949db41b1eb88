from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from autoscaler.audit.entry import Entry
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.room import Pressure
from autoscaler.audit.sharing import Sharing
from autoscaler.audit.spool import Spool
from autoscaler.audit.verify import Number, verify
from autoscaler.audit.worker import State
from autoscaler.audit.writer import COMPANY, GROUP, WAITING, Writer
from autoscaler.errors import AuditError, SlowError
from tests.audit.samples import NOON


class Watch:
    def __init__(self) -> None:
        self.states: list[State] = []
        self.late: list[tuple[str, bool | Exception]] = []

    def changed(self, state: State) -> None:
        self.states.append(state)

    def settled(self, key: str, kept: bool | Exception) -> None:
        self.late.append((key, kept))


@asynccontextmanager
async def writing(
    directory: Path, watch: Watch | None = None, *, quiet: float = 0.05, patience: float = 60.0
) -> AsyncIterator[Writer]:
    spool = Spool(directory, now=NOON, forwarding=True)
    writer = Writer(spool, Sharing(0), watch or Watch(), window=0.005, quiet=quiet, patience=patience)
    writer.start()
    yield writer
    await writer.close()


def entry(number: int = 1) -> Entry:
    return Entry("web", NOON + number, changed=False, body=b"x")


async def test_what_is_asked_is_done_in_its_order_and_told_before_it_is_answered(tmp_path: Path) -> None:
    watch = Watch()
    async with writing(tmp_path, watch) as writer:
        appended = [writer.append(entry(number)) for number in range(3)]
        assert await writer.call(lambda: 7) == 7
        assert [each.result() for each in appended] == [entry(number) for number in range(3)]
        assert watch.states[-1] == State((3, NOON), Pressure.NONE)
        assert watch.states[0] == State((0, None), Pressure.NONE)


async def test_what_changes_nothing_waits_for_company_until_somebody_is_in_a_hurry(tmp_path: Path) -> None:
    async with writing(tmp_path, quiet=3600) as writer:
        alone = [writer.append(entry(number), unchanged=True) for number in range(3)]
        assert await writer.call(lambda: 1) == 1
        assert all(each.done() for each in alone), "a call came, and finds them kept"
        alone = [writer.append(entry(number), unchanged=True) for number in range(3)]
        assert await writer.append(entry(3))
        assert all(each.done() for each in alone), "so does a change"


async def test_without_anybody_in_a_hurry_it_is_kept_too(tmp_path: Path) -> None:
    async with writing(tmp_path) as writer:
        assert await writer.append(entry(), unchanged=True)


async def test_enough_of_them_wait_for_nobody(tmp_path: Path) -> None:
    watch = Watch()
    async with writing(tmp_path, watch, quiet=3600) as writer:
        assert all(await asyncio.gather(*(writer.append(entry(number), unchanged=True) for number in range(COMPANY))))
    assert len(watch.states) == 2, "one commit"


async def test_while_the_disk_is_busy_records_gather_and_then_share_a_commit(tmp_path: Path) -> None:
    held_up, watch = threading.Event(), Watch()
    async with writing(tmp_path, watch) as writer, asyncio.TaskGroup() as group:
        group.create_task(writer.call(held_up.wait))
        await asyncio.sleep(0)
        appended = [writer.append(entry(number)) for number in range(GROUP + 5)]
        asyncio.get_running_loop().call_later(0.05, held_up.set)  # many commit windows
        assert all(await asyncio.gather(*appended))
        assert len(watch.states) == 1 + 1 + 2, "the start, the call, and no more in a transaction than a group"


async def test_nobody_waits_longer_than_was_said_and_what_became_of_it_is_told(tmp_path: Path) -> None:
    held_up, watch = threading.Event(), Watch()
    async with writing(tmp_path, watch, quiet=0.2, patience=0.1) as writer, asyncio.TaskGroup() as group:
        begun = asyncio.get_running_loop().time()
        group.create_task(writer.call(held_up.wait))
        await asyncio.sleep(0)
        gone = writer.append(entry(1))
        gone.cancel()
        hurried, patient = writer.append(entry(2)), writer.append(entry(3), unchanged=True)
        with pytest.raises(SlowError, match=r"within 0.1 s"):
            await hurried
        assert not patient.done(), "it was to wait for company first"
        with pytest.raises(SlowError):
            await patient
        assert asyncio.get_running_loop().time() - begun >= 0.3
        held_up.set()
    assert watch.late == [("web", True), ("web", True)]
    assert len(numbers(tmp_path)) == 3


async def test_an_error_is_told_to_who_asked_and_the_thread_goes_on(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("no")

    async with writing(tmp_path) as writer:
        with pytest.raises(ValueError, match="no"):
            await writer.call(fail)
        assert await writer.append(entry())


async def test_nothing_is_taken_beyond_what_memory_is_for_nor_behind_the_end(tmp_path: Path) -> None:
    held_up = threading.Event()
    async with writing(tmp_path) as writer, asyncio.TaskGroup() as group:
        group.create_task(writer.call(held_up.wait))
        await asyncio.sleep(0)
        for _ in range(WAITING):
            writer.append(entry())
        with pytest.raises(AuditError, match="does not keep up"):
            writer.append(entry())
        held_up.set()
    with pytest.raises(AuditError, match="closed"):
        writer.append(entry())


async def test_what_was_never_taken_leaves_a_gap_that_is_told(tmp_path: Path) -> None:
    held_up = threading.Event()
    async with writing(tmp_path) as writer:
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.call(held_up.wait))
            await asyncio.sleep(0)
            refused = 0
            while not refused:
                try:
                    writer.append(entry())
                except AuditError:
                    refused += 1
            held_up.set()
        await writer.append(entry())
    verdict = verify(numbers(tmp_path))
    assert verdict.whole
    assert sum(fault.last - fault.first + 1 for fault in verdict.shed) == refused


def numbers(directory: Path) -> list[Number]:
    with SpoolReader(directory) as reader:
        return [Number(each.key, each.epoch, each.seq, each.shed) for each in reader.records()]
