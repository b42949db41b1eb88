"""Watches of the Metrics API on the wire: what they tell, and how they end (A05, A16, A24)."""

import asyncio
import json
from pathlib import Path

from structlog.testing import capture_logs

from autoscaler.api.connection import Limits
from tests.api.asking import BASE
from tests.api.crowd import counted, many
from tests.api.world import MASTER, PROXY, World, closed, serving, trust, until
from tests.certificates import Authority


async def watching(world: World, user: str = "watcher") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a watch of pods has begun: its headers are there, whatever it has to tell."""
    reader, writer = await world.connect(PROXY)
    identity = "".join(f"{name}: {value}\r\n" for name, value in [("X-Remote-User", user), *MASTER[1:]])
    writer.write(f"GET {BASE}/pods?watch=true HTTP/1.1\r\nHost: x\r\n{identity}\r\n".encode())
    assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def chunk(reader: asyncio.StreamReader) -> bytes:
    """The next chunk, b"" for the last one."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def test_a_watch_tells_changes_as_they_are_made(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        reader, writer = await watching(world)
        state = [json.loads(line) for line in (await chunk(reader)).splitlines()]
        assert [(each["type"], each["object"]["metadata"]["name"]) for each in state] == [
            ("ADDED", "web-0"), ("ADDED", "dns-0"),
        ]  # fmt: skip
        world.cluster.commit(world.cluster.pod_list[0])
        await world.clock.advance(1)
        assert json.loads(await chunk(reader))["type"] == "MODIFIED"
        await closed(writer)


async def test_a16_watches_have_places_of_their_own_and_give_them_back(tmp_path: Path) -> None:
    settings = {"limits": Limits(watches=2, heavy=1)}
    async with serving(tmp_path, settings=settings) as world:
        connections = [await watching(world, name) for name in ("one", "another")]
        assert world.telemetry.registry.get_sample_value("autoscaler_api_watches") == 2
        assert (await world.ask(f"{BASE}/pods?watch=true")).code == 429
        assert (await world.ask(f"{BASE}/pods")).code == 200
        for reader, writer in connections:
            await chunk(reader)
            writer.transport.abort()
            await closed(writer)
        await until(lambda: not world.telemetry.registry.get_sample_value("autoscaler_api_watches"))
        reader, writer = await watching(world)
        await closed(writer)


async def test_a24_watches_that_vanish_leave_nothing_behind(tmp_path: Path) -> None:
    async with serving(tmp_path, settings={"limits": Limits(watches=80)}) as world:
        tasks = len(asyncio.all_tasks())
        with capture_logs() as logs:
            for _ in range(5):
                await until(lambda: len(asyncio.all_tasks()) <= tasks)
                connections = await asyncio.gather(*(watching(world) for _ in range(20)))
                for _, writer in connections:
                    writer.transport.abort()
            await until(lambda: len(asyncio.all_tasks()) <= tasks)
        assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_a_watch_whose_client_does_not_read_is_cut_off(tmp_path: Path) -> None:
    settings = {"limits": Limits(deadline=1.5, watches=1)}
    async with serving(tmp_path, cluster=many(300, label="x" * 30_000), settings=settings) as world:
        reader, writer = await world.connect(window=4096)
        writer.write(f"GET {BASE}/pods?watch=true HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined] # typeshed knows a write transport only
        await until(lambda: counted(world, "pods", "watch", "504") == 1)
        await closed(writer)


async def test_a05_a_watch_ends_with_the_authority_its_client_was_verified_under(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        reader, writer = await watching(world)
        await chunk(reader)
        world.trust.value = trust(Authority("another"))
        await world.clock.advance(2)
        assert await reader.read() in (b"0\r\n\r\n", b"")
        await closed(writer)


async def test_watches_end_in_order_when_the_server_stops(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        reader, writer = await watching(world)
        await chunk(reader)
    assert await chunk(reader) == b""
    await closed(writer)
