"""A kubelet at its lowest seam: a TLS server on loopback that answers by a script."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

PAGE = b"node_cpu_usage_seconds_total 1 1633253812125\n"

Script = Callable[[bytes, asyncio.StreamWriter], None]


def answer(body: bytes = PAGE, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def chunked(body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{headers}\r\n{len(body):x}\r\n".encode()
    return head + body + b"\r\n0\r\n\r\n"


def saying(*answers: bytes) -> Script:
    """Give these answers in turn, the last one for ever."""
    left = list(answers)
    return lambda _request, writer: writer.write(left.pop(0) if len(left) > 1 else left[0])


def hanging_up_after(sent: bytes) -> Script:
    def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.close()

    return script


def dripping(head: bytes, body: bytes, every: float) -> Script:
    """The head at once, then a byte of the body every `every` seconds for as long as somebody listens."""

    def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        left = list(body)
        loop = asyncio.get_running_loop()

        def drip() -> None:
            if left and not writer.is_closing():
                writer.write(bytes([left.pop(0)]))
                loop.call_later(every, drip)

        writer.write(head)
        drip()

    return script


class pouring:  # noqa: N801 - reads as the other scripts do
    """The head, then the same piece for as long as somebody takes it."""

    def __init__(self, head: bytes, piece: bytes) -> None:
        self.head = head
        self.piece = piece

    def __call__(self, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(self.head)


class ScriptedKubelet:
    """A TLS server that answers by a script and keeps what it was asked; `poured` counts bytes beyond the script."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.poured = 0
        self.port = 0
        self._open = 0
        self._closed = asyncio.Event()

    async def left(self) -> None:
        """Return once no connection is open."""
        while self._open:
            self._closed.clear()
            await self._closed.wait()

    @asynccontextmanager
    async def serving(
        self, script: Script, tls: ssl.SSLContext | None, *, host: str = "127.0.0.1"
    ) -> AsyncIterator[ScriptedKubelet]:
        open_writers: set[asyncio.StreamWriter] = set()

        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            self._open += 1
            open_writers.add(writer)
            try:
                while not writer.is_closing():
                    request = await reader.readuntil(b"\r\n\r\n")
                    self.requests.append(request)
                    script(request, writer)
                    await writer.drain()
                    while isinstance(script, pouring) and not writer.is_closing():
                        writer.write(script.piece)
                        self.poured += len(script.piece)
                        await writer.drain()
                        await asyncio.sleep(0)  # drain() alone does not let the loop notice that the peer is gone
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                self._open -= 1
                self._closed.set()
                writer.close()

        server = await asyncio.start_server(connection, host, self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in open_writers:
                writer.transport.abort()
            await server.wait_closed()
