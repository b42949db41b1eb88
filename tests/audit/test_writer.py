from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from autoscaler.audit.read import SpoolReader
from autoscaler.audit.room import OnFull, Pressure
from autoscaler.audit.spool import Entry, Spool
from autoscaler.audit.verify import Number, verify
from autoscaler.audit.writer import COMPANY, WAITING, State, Writer
from autoscaler.errors import AuditError, SpoolFullError
from tests.audit.samples import NOON


class Watch:
    def __init__(self) -> None:
        self.states: list[State] = []

    def changed(self, state: State) -> None:
        self.states.append(state)


@asynccontextmanager
async def writing(directory: Path, watch: Watch, quiet: float = 0.05) -> AsyncIterator[Writer]:
    writer = Writer(Spool(directory, now=NOON, forwarding=True), watch, window=0.005, quiet=quiet)
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
        assert [each.result() for each in appended] == [True, True, True]
        assert watch.states[-1] == State((3, NOON), Pressure.NONE)
        assert watch.states[0] == State((0, None), Pressure.NONE)


async def test_what_joins_waits_for_company_until_somebody_is_in_a_hurry(tmp_path: Path) -> None:
    async with writing(tmp_path, Watch()) as writer:
        assert await writer.append(entry(1))
        alone = [writer.append(replace(entry(number), joins=NOON, row=b"1")) for number in range(2, 5)]
        assert await writer.call(lambda: 1) == 1
        assert all(each.done() for each in alone), "a call came, and finds them kept"
        last = writer.append(replace(entry(5), joins=NOON, row=b"1"))
        assert await last, "and without anybody it is kept too"


async def test_rows_that_are_enough_wait_for_nobody(tmp_path: Path) -> None:
    async with writing(tmp_path, Watch(), quiet=3600) as writer:
        assert await writer.append(entry())
        rows = [writer.append(replace(entry(number), joins=NOON, row=b"1")) for number in range(2, COMPANY + 3)]
        assert all(await asyncio.gather(*rows))


async def test_an_error_is_told_to_who_asked_and_the_thread_goes_on(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("no")

    async with writing(tmp_path, Watch()) as writer:
        with pytest.raises(ValueError, match="no"):
            await writer.call(fail)
        assert await writer.append(entry())


async def test_nothing_is_taken_beyond_what_memory_is_for_nor_behind_the_end(tmp_path: Path) -> None:
    held_up = threading.Event()
    async with writing(tmp_path, Watch()) as writer, asyncio.TaskGroup() as group:
        group.create_task(writer.call(held_up.wait))
        await asyncio.sleep(0)
        for _ in range(WAITING - 1):
            writer.append(entry())
        with pytest.raises(AuditError, match="does not keep up"):
            append_two(writer)  # the thread may have taken the call, or not yet
        held_up.set()
    with pytest.raises(AuditError, match="closed"):
        writer.append(entry())


async def test_what_was_never_taken_leaves_a_gap_that_is_told(tmp_path: Path) -> None:
    held_up = threading.Event()
    async with writing(tmp_path, Watch()) as writer:
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


async def test_who_has_room_reserved_is_not_refused_for_the_sake_of_its_company(tmp_path: Path) -> None:
    spool = Spool(tmp_path, now=NOON, forwarding=True, max_bytes=1 << 20, on_full=OnFull.HALT)
    spool.reserve(entry().key, b"x" * 1400)
    with suppress(SpoolFullError):
        while True:
            spool.append([Entry("shop/Deployment/fill", NOON, changed=True, body=b"x" * 30_000)])
    held_up = threading.Event()
    writer = Writer(spool, Watch(), window=0)
    writer.start()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.call(held_up.wait))
            await asyncio.sleep(0)
            company = [
                writer.append(Entry(f"shop/Deployment/{name}", NOON, changed=True, body=b"x" * 20_000))
                for name in "abcd"
            ]
            own = writer.append(Entry(entry().key, NOON, changed=True, body=b"x" * 1400))
            held_up.set()
        assert await own
        others = await asyncio.gather(*company, return_exceptions=True)
        assert all(isinstance(each, SpoolFullError) for each in others)
    finally:
        await writer.close()
    assert entry().key in {each.key for each in numbers(tmp_path)}


def numbers(directory: Path) -> list[Number]:
    with SpoolReader(directory) as reader:
        return [Number(each.key, each.epoch, each.seq, each.shed) for each in reader.records()]


def append_two(writer: Writer) -> None:
    writer.append(entry())
    writer.append(entry())
