"""A page that breaks off: a kubelet's whole batch is discarded, and what it told before is served unchanged (K14).

Over real TLS, from the socket through scraper and store to what is served; only the clock is the test's.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autoscaler.model.metrics import Commit, NodeUsage, PodUsage, Source
from autoscaler.model.objects import Node
from tests.api.world import until
from tests.clock import settle
from tests.engine.scraping import World, pod
from tests.kube.exchanging import OURS, asked, context, opened
from tests.kubelets import ScriptedKubelet

PODS = ("api", "web")
STARTED = 1_799_996_400
"""An hour before the scraper begins."""
Served = tuple[NodeUsage | None, *tuple[PodUsage | None, ...]]


def page(second: float) -> bytes:
    """What a kubelet says at this second: everything has used half a core since it began, and ever more memory."""
    at, cpu, memory = round(second * 1000), (second - STARTED) / 2, round(second - STARTED)
    lines = [f"node_cpu_usage_seconds_total {cpu:.3f} {at}", f"node_memory_working_set_bytes {memory} {at}"]
    for name in PODS:
        labels = f'{{container="main",namespace="shop",pod="{name}"}}'
        lines += [
            f"container_cpu_usage_seconds_total{labels} {cpu:.3f} {at}",
            f"container_memory_working_set_bytes{labels} {memory} {at}",
            f"container_start_time_seconds{labels} {STARTED}",
        ]
    return "\n".join([*lines, ""]).encode()


def with_length(body: bytes, kept: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:kept]


def in_chunks(body: bytes, kept: int) -> bytes:
    """Every chunk is whole, the last one of all does not come."""
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n" % (kept, body[:kept])


def zipped(body: bytes, kept: int) -> bytes:
    """The framing is whole, the gzip stream in it is not."""
    packed = gzip.compress(body, compresslevel=0)
    cut = packed[: len(packed) * kept // len(body)]
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(cut) + cut


def without_length(body: bytes, kept: int) -> bytes:
    """Its end would be the end of the connection, of which TLS has to tell."""
    return b"HTTP/1.1 200 OK\r\n\r\n" + body[:kept]


def says_goodbye(writer: asyncio.StreamWriter) -> None:
    writer.close()


def goes(writer: asyncio.StreamWriter) -> None:
    """TCP ends, and TLS was not told."""
    writer.transport.abort()


def resets(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


Framed = Callable[[bytes, int], bytes]
Ends = Callable[[asyncio.StreamWriter], None]
BREAKS: dict[str, tuple[Framed, Ends]] = {
    "short of its length": (with_length, says_goodbye),
    "short of its length, without a goodbye": (with_length, goes),
    "short of its length, by a reset": (with_length, resets),
    "short of its last chunk": (in_chunks, says_goodbye),
    "in the middle of its gzip stream": (zipped, says_goodbye),
    "without a length nor a goodbye": (without_length, goes),
}


class Kubelet:
    """Tells whole pages until it is to break off."""

    def __init__(self) -> None:
        self.second = 0.0
        self.breaks: tuple[Framed, Ends, int] | None = None

    def __call__(self, _request: bytes, writer: asyncio.StreamWriter) -> None:
        body = page(self.second)
        if self.breaks is None:
            writer.write(with_length(body, len(body)))
            return
        framed, ends, kept = self.breaks
        writer.write(framed(body, kept))
        ends(writer)


def cuts() -> Iterator[int]:
    """Behind each line of a page but the last, where what came is a page as well; and in the middle of each."""
    done = 0
    for line in page(1_800_000_000).splitlines(keepends=True):
        yield done + len(line) // 2
        done += len(line)
        yield done


WHERE = [*cuts()][:-1]


@pytest.mark.parametrize(("framed", "ends"), BREAKS.values(), ids=BREAKS)
async def test_k14_of_a_page_that_breaks_off_nothing_is_visible_and_the_last_good_one_is_kept(
    tmp_path: Path, framed: Framed, ends: Ends
) -> None:
    world, script, kubelet = World("n1"), Kubelet(), ScriptedKubelet()
    world.pods = [pod(name, "n1") for name in PODS]
    commits: list[Commit] = []
    world.freshness.subscribe(commits.append)
    tls: ssl.SSLContext = context(OURS, tmp_path)

    async with kubelet.serving(script, tls), opened() as exchange:

        async def over_tls(_node: Node, _source: Source) -> bytes:
            script.second = world.clock.now()
            return (await asked(exchange, kubelet)).body

        def served() -> Served:
            return (world.store.node_usage("n1"), *(world.store.pod_usage("shop", name) for name in PODS))

        async def turn() -> None:
            seen = len(world.asked)
            while len(world.asked) == seen:
                await world.clock.advance(1)
            await until(lambda: not world.in_flight)
            await settle()

        world.answers["n1"] = over_tls
        async with world.scraping():
            await until(lambda: not world.in_flight)
            await turn()
            for number, kept in enumerate(WHERE, 1):
                good, told = served(), len(commits)
                assert None not in good
                script.breaks = framed, ends, kept
                await turn()
                assert served() == good, f"{kept} bytes of a page were taken for all of it"
                assert len(commits) == told, "nobody was told of anything"
                assert world.count("autoscaler_scrape_errors_total", reason="interrupted") == number
                script.breaks = None
                await turn()
                assert served() != good
