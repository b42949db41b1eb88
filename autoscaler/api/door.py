"""Accepts connections; a crowd that never ends its TLS handshake keeps nobody out (A15).

A connection counts towards the limits of connection.py once its handshake is done, so those that are not there yet have
a limit of their own. Where it is reached, the next one waits until one of them is done, or until the longest of the
most crowded address has had `PATIENCE`, which then makes room; others wait in the kernel's backlog meanwhile. So a rush
of good clients loses nobody.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog
from msgspec import Struct

MOST = 512
"""Handshakes at a time; each holds some 100 KB."""
PATIENCE = 1.0
"""A handshake takes milliseconds: after this it goes on only while nobody else wants its place."""
REST_SECONDS = 0.1
"""After the system had no socket to give."""
UNSENT = 1 << 16
"""Bytes of answers that wait for a client, beside the piece that was written last. A TLS transport keeps half a MiB by
default, and its buffer for good: fifty clients of a long list that way take half of what the list does (A16)."""

_log = structlog.get_logger(__name__)


class _Handshake(Struct):
    address: str
    since: float


class Door:
    """`made` gives the protocol of a connection, which learns of it when its handshake is done."""

    def __init__(
        self,
        made: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext,
        *,
        handshake: float,
        shutdown: float,
        most: int = MOST,
        patience: float = PATIENCE,
    ) -> None:
        self._made = made
        self._tls = tls
        self._handshake, self._shutdown = handshake, shutdown
        self._most, self._patience = most, patience
        self._waiting: dict[asyncio.Task[bool], _Handshake] = {}
        """The handshakes under way, the longest first."""
        self._crowds: Counter[str] = Counter()
        self._left = asyncio.Event()

    async def run(self, listening: socket.socket) -> None:
        """Accept for ever from a socket that listens; it stays open."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        async with asyncio.TaskGroup() as handshakes:
            while True:
                try:
                    accepted, peer = listening.accept()
                except BlockingIOError:
                    await _knock(listening)
                    continue
                except OSError:  # the client left at once, or there are too many open files
                    await asyncio.sleep(REST_SECONDS)
                    continue
                try:
                    await self._room()
                except BaseException:
                    accepted.close()
                    raise
                task = handshakes.create_task(self._shaken(accepted), name=f"handshake {peer[0]}")
                self._waiting[task] = _Handshake(peer[0], loop.time())
                self._crowds[peer[0]] += 1
                task.add_done_callback(partial(self._leave, accepted))
                await asyncio.sleep(0)  # accepting does not wait for anything while there is a backlog

    async def _shaken(self, accepted: socket.socket) -> bool:
        """Whether the handshake succeeded."""
        try:
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                self._made,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake,
                ssl_shutdown_timeout=self._shutdown,
            )
            transport.set_write_buffer_limits(high=UNSENT)
        except OSError:  # ssl.SSLError and what comes late are such
            return False
        except Exception as exc:  # noqa: BLE001 - the last line of defence: one connection fails, the server goes on
            _log.error("Failed to accept a connection", error=repr(exc))
            return False
        return True

    async def _room(self) -> None:
        """Return once there is a place for the one that was accepted."""
        while len(self._waiting) >= self._most:
            crowded = self._crowds.most_common(1)[0][0]
            longest, its = next(each for each in self._waiting.items() if each[1].address == crowded)
            left = its.since + self._patience - asyncio.get_running_loop().time()
            if left <= 0:
                self._forget(longest)
                longest.cancel()
                return
            self._left.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._left.wait()

    def _leave(self, accepted: socket.socket, task: asyncio.Task[bool]) -> None:
        """A handshake has ended."""
        self._forget(task)
        self._left.set()
        if task.cancelled() or task.exception() or not task.result():
            accepted.close()  # a task that was cancelled before it began has told nobody of it

    def _forget(self, task: asyncio.Task[bool]) -> None:
        if (its := self._waiting.pop(task, None)) is not None:
            self._crowds -= Counter((its.address,))  # leaves no zeros behind


async def _knock(listening: socket.socket) -> None:
    """Until there is somebody.

    Not by the loop's `sock_accept`: cancelled at the wrong moment, asyncio's loses who was just accepted.
    """
    loop, there = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listening, there.set)
    try:
        await there.wait()
    finally:
        loop.remove_reader(listening)
