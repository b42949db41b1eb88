"""Clients of the Metrics API that are too many, too slow, or leave: the others do not notice (A13, A14, A16, A24)."""

import asyncio
import contextlib
import gc
import resource
import socket
import time
from collections.abc import Awaitable, Callable, ItemsView, Iterator
from pathlib import Path

from msgspec import structs
from structlog.testing import capture_logs

from autoscaler.api.connection import Connection, Limits
from tests.api.asking import BASE, rest
from tests.api.crowd import counted, many
from tests.api.world import MASTER, PROXY, Kept, Reviews, World, closed, serving, until
from tests.clock import settle


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


async def test_a14_one_user_who_watches_without_end_keeps_no_other_out(tmp_path: Path) -> None:
    async with serving(tmp_path, settings={"limits": Limits(watches=4)}) as world:
        greedy, modest = ([("X-Remote-User", name)] for name in ("greedy", "modest"))
        held = [await world.connect(PROXY) for _ in range(2)]
        for (reader, writer), who in zip(held, (greedy, modest), strict=True):
            lines = "".join(f"{name}: {value}\r\n" for name, value in who)
            writer.write(f"GET {BASE}/pods?watch=1 HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
            assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
            again = await world.ask(f"{BASE}/pods?watch=1", who, certificate=PROXY)
            assert (again.code, again.headers["retry-after"]) == (429, "1")
        assert (await world.ask(f"{BASE}/pods", greedy, certificate=PROXY)).code == 200
        for _, writer in held:
            await closed(writer)


SOON = 0.1
"""Seconds that a probe may take while everything else is too much."""


async def busy(ask: Callable[[], Awaitable[int]], *, times: int = 100) -> list[float]:
    """Seconds of work until each of these requests was answered with 200, of this thread, which is server and client.

    So others on the machine do not count, and all that the server does before it comes to a request does. What only
    waits is not seen by that: a hundredfold of the limit is too long by any clock.
    """
    took = []
    for _ in range(times):
        begun = time.thread_time()
        async with asyncio.timeout(100 * SOON):
            assert await ask() == 200
        took.append(time.thread_time() - begun)
    return took


async def test_a13_the_five_probes_are_answered_soon_while_ten_times_too_much_is_asked(tmp_path: Path) -> None:
    limits = Limits(heavy=4, proxied=2000)
    async with serving(tmp_path, cluster=many(2_000), settings={"limits": limits}) as world:
        crowd = [Kept(*await world.connect(PROXY)) for _ in range(10 * limits.heavy)]
        probes = [Kept(*await world.connect(PROXY)) for _ in range(5)]
        codes: list[int] = []

        async def storm(each: Kept) -> None:
            while True:
                codes.append(await each.ask(f"{BASE}/namespaces/shop/pods?labelSelector=app%3Dweb&limit=100", MASTER))

        async def five() -> int:
            return max(await asyncio.gather(*(each.ask(BASE, MASTER) for each in probes)))

        async with asyncio.TaskGroup() as tasks:
            lists = [tasks.create_task(storm(each)) for each in crowd]
            await until(lambda: len(codes) > len(crowd))
            took = await busy(five)
            for each in lists:
                each.cancel()
        assert set(codes) == {200, 429}
        assert sorted(took)[-2] < SOON
        for each in (*crowd, *probes):
            await each.close()


@contextlib.contextmanager
def silent(world: World, count: int) -> Iterator[list[socket.socket]]:
    """So many connections from 20 addresses that never begin their handshake; files enough to hold them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 3 * count else max(soft, 3 * count), hard))
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for number, each in enumerate(found):
            each.setblocking(False)
            each.bind((f"127.0.1.{number % 20 + 1}", 0))
            each.connect_ex(("127.0.0.1", world.server.port))
        yield found
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def gone(each: socket.socket) -> None:
    """Return when the server has closed it."""
    with contextlib.suppress(ConnectionError):
        assert await asyncio.get_running_loop().sock_recv(each, 1) == b""


async def test_a15_two_thousand_that_dawdle_are_cut_off_while_others_are_served_soon(tmp_path: Path) -> None:
    """1,900 never begin their handshake, 100 never end their headers; a client is there already, one comes anew."""
    limits = Limits(handshake=0.5, headers=0.5, per_address=200)
    async with serving(tmp_path, settings={"limits": limits}) as world:
        ours = Kept(*await world.connect(PROXY))
        assert await ours.ask(BASE, MASTER) == 200
        slow = await asyncio.gather(*(world.connect() for _ in range(100)))
        for _, writer in slow:
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nA:")
        with silent(world, 1900) as mute:
            took = await busy(lambda: ours.ask(BASE, MASTER))
            assert sorted(took)[-2] < SOON
            assert (await world.ask(BASE, MASTER, certificate=PROXY)).code == 200
            await asyncio.gather(*(gone(each) for each in mute[:500]))
            assert await asyncio.gather(*(rest(reader) for reader, _ in slow)) == [b""] * 100
        await ours.close()
        for _, writer in slow:
            await closed(writer)


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


LEAVING, AT_ONCE = 1000, 50
"""Clients that vanish, and how many of them at a time: below the 64 long answers that are made at once."""


async def test_a24_a_thousand_clients_that_vanish_in_the_middle_of_an_answer_free_what_it_held(tmp_path: Path) -> None:
    """An answer of 11 MB of which the kernel takes little; what each of a thousand left behind would add up."""
    patient = Limits(handshake=60, headers=60, deadline=60)  # on a busy machine fifty handshakes take their time
    async with serving(tmp_path, cluster=many(9_000, label="x" * 1000), settings={"limits": patient}) as world:
        tasks, memory, files = len(asyncio.all_tasks()), [], []
        with capture_logs() as logs:
            for _ in range(LEAVING // AT_ONCE):
                await vanish(world, AT_ONCE)
                await until(lambda: len(asyncio.all_tasks()) <= tasks)
                memory.append(resident())
                files.append(len(list(Path("/proc/self/fd").iterdir())))
        assert logs == []
        begun = len(memory) // 4
        assert max(memory[begun:]) - memory[begun] < (LEAVING - begun * AT_ONCE) * SENDING
        assert files[-1] <= files[0]
        await settle()  # what ended is told a turn later
        gc.collect()
        assert [each for each in gc.get_objects() if isinstance(each, Connection)] == []
        assert counted(world, "pods", "list", "200") is None, "none of them had its whole answer"
        assert (await world.ask(f"{BASE}/pods")).code == 200


SENDING = 64 * 1024
"""Bytes of an answer that at least wait in the server for a client that takes none."""


async def vanish(world: World, count: int) -> None:
    """So many clients ask for the list, see it begin, and are gone."""
    held = await asyncio.gather(*(world.connect(window=4096) for _ in range(count)))
    for _, writer in held:
        writer.transport.pause_reading()  # type: ignore[attr-defined] # typeshed knows a write transport only
        writer.write(f"GET {BASE}/pods HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        writer.transport.resume_reading()  # type: ignore[attr-defined] # likewise
    for reader, _ in held:
        assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
    for _, writer in held:
        writer.transport.abort()


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


async def taken(world: World) -> int:
    """How many bytes a list of all pods has, for a client that keeps none of them."""
    reader, writer = await world.connect(PROXY)
    identity = "".join(f"{name}: {value}\r\n" for name, value in MASTER)
    writer.write(f"GET {BASE}/pods HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{identity}\r\n".encode())
    size = 0
    while piece := await reader.read(1 << 16):
        size += len(piece)
    await closed(writer)
    return size


def resident() -> int:
    """Bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def test_a16_many_long_lists_at_once_hold_up_nobody_and_are_kept_once(tmp_path: Path) -> None:
    """The work of this thread between two turns of the loop is what everybody else waits for.

    The first list makes the fragments; what twelve more at once take together is less than two of them.
    """
    async with serving(tmp_path, cluster=many(15_000, label="x" * 1000)) as world:
        turns: list[float] = []
        size = await watched(world, 1, turns, [])
        before, memory = resident(), [0]
        assert await watched(world, 12, turns, memory) == size > 5_000_000
        assert sorted(turns)[-len(turns) // 100] < 0.05
        assert max(memory) - before <= 2 * size


async def watched(world: World, clients: int, turns: list[float], memory: list[int]) -> int:
    """The size of what so many clients take at once; also what each turn of the loop took, and memory meanwhile."""
    async with asyncio.TaskGroup() as tasks:
        lists = [tasks.create_task(taken(world)) for _ in range(clients)]
        last = time.thread_time()
        while not all(each.done() for each in lists):
            await asyncio.sleep(0)
            now = time.thread_time()
            turns.append(now - last)
            last = now
            if len(turns) % 50 == 0:
                memory.append(resident())
    return max(each.result() for each in lists)
