"""Clients of the Metrics API that are too many, too slow, or leave: the others do not notice (A13, A14, A16, A24)."""

import asyncio
from collections.abc import ItemsView
from pathlib import Path

from msgspec import structs
from structlog.testing import capture_logs

from autoscaler.api.connection import Limits
from tests.api.asking import BASE
from tests.api.crowd import counted, many
from tests.api.world import (
    MASTER,
    PROXY,
    Reviews,
    closed,
    serving,
    until,
)


async def test_a13_a14_a_full_server_refuses_at_once_and_still_answers_probes_and_discovery(tmp_path: Path) -> None:
    gate = asyncio.Event()
    reviews = Reviews(gate=gate)
    async with serving(tmp_path, reviews=reviews, settings={"limits": Limits(heavy=2, light=1)}) as world:
        async with asyncio.TaskGroup() as tasks:
            lists = [tasks.create_task(world.ask(f"{BASE}/namespaces/{n}/pods")) for n in range(2)]
            single = tasks.create_task(world.ask(f"{BASE}/nodes/node-a"))
            await until(lambda: len(reviews.asked) == 3)
            for target in (f"{BASE}/pods", f"{BASE}/nodes/node-b"):
                reply = await world.ask(target)
                assert (reply.code, reply.headers["retry-after"]) == (429, "1")
                assert reply.json()["reason"] == "TooManyRequests"
            probes = await asyncio.gather(*(world.ask(BASE, MASTER, certificate=PROXY) for _ in range(5)))
            assert {reply.code for reply in probes} == {200}
            assert (await world.ask("/livez")).code == (await world.ask("/readyz")).code == 200
            gate.set()
        assert {task.result().code for task in [*lists, single]} == {200}
        assert (await world.ask(f"{BASE}/pods")).code == 200


async def test_a_client_that_does_not_read_is_cut_off_and_its_place_is_free_again(tmp_path: Path) -> None:
    settings = {"limits": Limits(deadline=1.5, heavy=1)}
    async with serving(tmp_path, cluster=many(300, label="x" * 30_000), settings=settings) as world:
        reader, writer = await world.connect(window=4096)  # else the kernel takes all 9 MB of the answer for it
        writer.write(f"GET {BASE}/pods HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined] # typeshed knows a write transport only
        await until(lambda: counted(world, "pods", "list", "504") == 1)
        await closed(writer)
        assert (await world.ask(f"{BASE}/nodes")).code == 200


async def test_a24_clients_that_leave_free_their_places_and_are_no_news(tmp_path: Path) -> None:
    reviews = Reviews(gate=asyncio.Event())
    limits = Limits(heavy=2)
    with capture_logs() as logs:
        await leave(tmp_path, reviews, limits)
    assert [entry for entry in logs if entry["log_level"] != "info"] == []


async def leave(tmp_path: Path, reviews: Reviews, limits: Limits) -> None:
    """Six clients ask for a list and go away; then one that stays."""
    async with serving(tmp_path, reviews=reviews, settings={"limits": limits}) as world:
        for number in range(6):
            _, writer = await world.connect()
            writer.write(f"GET {BASE}/namespaces/{number}/pods HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await until(lambda: len(reviews.asked) == number + 1)  # noqa: B023 - awaited within the round
            writer.transport.abort()
            await closed(writer)
        reviews.gate = None
        assert (await world.ask(f"{BASE}/pods")).code == 200


class Counted(dict[str, str]):
    """Labels that know how often they were written."""

    written = 0

    def items(self) -> ItemsView[str, str]:
        self.written += 1
        return super().items()


async def test_a16_one_sample_is_written_once_for_all_who_list(tmp_path: Path) -> None:
    cluster, labels = many(600), Counted(app="web")
    cluster.pod_list = [structs.replace(pod, labels=labels) for pod in cluster.pod_list]
    async with serving(tmp_path, cluster=cluster) as world:
        replies = await asyncio.gather(*(world.ask(f"{BASE}/pods", MASTER, certificate=PROXY) for _ in range(50)))
        assert {len(reply.json()["items"]) for reply in replies} == {600}
        assert labels.written == 600
